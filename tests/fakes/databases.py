"""A store on either database, for tests that run on both: SQLite in a file for each test, PostgreSQL emptied after each.

A conftest.py or a file of tests names what it takes, so that pytest finds it there:

    from tests.fakes.databases import either, on_postgres

    __all__ = ["either", "on_postgres"]
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.server.store.access_tables import audit_head
from fleet.server.store.database import Database
from fleet.server.store.tables import metadata
from tests.fakes.postgres import Cluster


@pytest.fixture(scope="session")
def on_postgres(postgres: Cluster) -> Iterator[Database]:
    """One database for the whole run; who uses it empties it."""
    opened = Database.open(postgres.place())
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store."""
    if request.param == "sqlite":
        opened = Database.open(tmp_path / "fleet.sqlite")
        yield opened
        opened.close()
        return
    shared: Database = request.getfixturevalue("on_postgres")
    yield shared
    empty(shared)


def empty(database: Database) -> None:
    """As it was before the test."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    with database.writing.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        connection.execute(audit_head.insert().values(id=1, sequence=0, hash=""))
