"""A store on either database, for tests that run on both: SQLite in a file for each test, PostgreSQL emptied after each.

A conftest.py or a file of tests names what it takes, so that pytest finds it there:

    from tests.fakes.server.databases import either, on_postgres

    __all__ = ["either", "on_postgres"]

Migrations take a tenth of a second: each process applies them once, and a test's own store is a copy of what came of it.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fleet.server.platform.audit.tables import audit_head
from fleet.server.platform.database.database import Database
from fleet.server.platform.database.schema import metadata
from tests.fakes.server.postgres import Cluster


def new_store(path: Path) -> Database:
    """A store in a new file, with nothing in it."""
    path.write_bytes(_migrated())
    return Database.open(path)


def new_on(cluster: Cluster) -> Database:
    """A store in a new database, with nothing in it."""
    return Database.open(cluster.place(template=_migrated_on(cluster)))


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.sqlite"
        Database.open(path).close()
        return path.read_bytes()


@cache
def _migrated_on(cluster: Cluster) -> str:
    place = cluster.place()
    Database.open(place).close()
    assert place.database is not None
    return place.database


@pytest.fixture(scope="session")
def on_postgres(postgres: Cluster) -> Iterator[Database]:
    """One database for the whole run; who uses it empties it."""
    opened = new_on(postgres)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store."""
    if request.param == "sqlite":
        opened = new_store(tmp_path / "fleet.sqlite")
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
