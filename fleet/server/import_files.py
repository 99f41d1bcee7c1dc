"""Command line of imports, `kortkiosk-fleet import-…`: a file is read and validated whole, then stored whole.

>>> IMPORTS["import-directory"].help
'take leavers and name changes from a CSV file, all or none'
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from fleet.server.orders import service
from fleet.server.orders.order_files import read_orders
from fleet.server.people.administrator_files import read_administrators
from fleet.server.people.directory_files import read_directory
from fleet.server.people.queries import import_people, replace_administrators
from fleet.server.platform.import_files import ImportResult

Store = Callable[[Connection, datetime], ImportResult]


@dataclass(frozen=True, slots=True)
class Import:
    """`read` raises FileError; what it gives raises RefusedError."""

    read: Callable[[bytes], Store]
    help: str


def _orders(raw: bytes) -> Store:
    rows = read_orders(raw)
    return lambda connection, now: service.import_orders(connection, rows, now)


def _administrators(raw: bytes) -> Store:
    people = read_administrators(raw)
    return lambda connection, _now: replace_administrators(connection, people)


def _directory(raw: bytes) -> Store:
    people = read_directory(raw)
    return lambda connection, now: import_people(connection, people, now)


IMPORTS = {
    "import-orders": Import(_orders, "take orders from a CSV file, all or none"),
    "import-administrators": Import(_administrators, "replace the list of ID administrators by a CSV file's"),
    "import-directory": Import(_directory, "take leavers and name changes from a CSV file, all or none"),
}
