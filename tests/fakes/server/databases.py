"""A store on either database, for tests that run on both: SQLite in a file for each test, PostgreSQL emptied after each.

A conftest.py or a file of tests names what it takes, so that pytest finds it there:

    from tests.fakes.server.databases import either, on_postgres

    __all__ = ["either", "on_postgres"]

Migrations take a tenth of a second: each process applies them once, and a test's own store is a copy of what came of it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fleet.server.audit_log.tables import audit_head
from fleet.server.database.database import Database
from fleet.server.database.schema import metadata
from tests.fakes.server.postgres import Cluster

PAGE = 4096
"""Bytes, of SQLite's files."""


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


def damage_index(path: Path, name: str) -> None:
    """Zero the content of pages of an index, as a disk may that forgot them."""
    with closing(sqlite3.connect(path)) as store:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' LIMIT 2"
        try:
            pages = [row[0] for row in store.execute(query, (name,))]
        except sqlite3.OperationalError:  # built without dbstat
            pages = [store.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]]
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE + 100)
            file.write(bytes(PAGE - 100))
