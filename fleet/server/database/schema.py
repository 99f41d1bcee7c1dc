"""Database schema: the metadata that all tables share, and column types for SQLite and PostgreSQL alike.

Each subject declares its tables in its own `tables.py`. Times are stored in UTC and come back aware:

>>> UtcDateTime().process_result_value(datetime(2026, 1, 1), None)
datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
"""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    MetaData,
    TypeDecorator,
)

import fleet.server


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC also where the database knows no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


RowId = BigInteger().with_variant(Integer, "sqlite")
"""A growing key: SQLite makes one of INTEGER alone."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def all_tables() -> MetaData:
    """The metadata with the tables of every subject, as migrations compare it: imports each `tables.py` of the server."""
    server = Path(fleet.server.__file__).parent
    for path in sorted(server.rglob("*tables.py")):
        import_module(".".join((fleet.server.__name__, *path.relative_to(server).with_suffix("").parts)))
    return metadata
