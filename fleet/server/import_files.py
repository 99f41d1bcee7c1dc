"""Command line of imports, `kortkiosk-fleet import-…`: a file is read and validated whole, then stored whole.

>>> sorted(IMPORTS)
['import-administrators', 'import-directory', 'import-orders']
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from fleet.server.orders import service
from fleet.server.orders.order_files import read_orders
from fleet.server.people.administrator_files import read_administrators
from fleet.server.people.directory_files import read_directory
from fleet.server.people.queries import replace_administrators
from fleet.server.people.service import import_people
from fleet.server.platform.import_files import ImportResult

Store = Callable[[Connection, datetime], ImportResult]


def _orders(raw: bytes) -> Store:
    rows = read_orders(raw)
    return lambda connection, now: service.import_orders(connection, rows, now)


def _administrators(raw: bytes) -> Store:
    people = read_administrators(raw)
    return lambda connection, _now: replace_administrators(connection, people)


def _directory(raw: bytes) -> Store:
    people = read_directory(raw)
    return lambda connection, now: import_people(connection, people, now)


IMPORTS: Mapping[str, Callable[[bytes], Store]] = {
    "import-orders": _orders,
    "import-administrators": _administrators,
    "import-directory": _directory,
}
"""What each command reads a file with. It raises FileError; what it gives raises RefusedError."""
