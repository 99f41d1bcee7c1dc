"""The database: how it is opened, and how its tables are brought up to date.

SQLite runs with a write-ahead log and `synchronous=FULL`: what a commit has returned from survives a power cut. Two
handles on one pool: `reading` gives each transaction one snapshot; `writing` takes the write lock at its start, so
that it never fails half-way for a lock.

>>> database = Database.open(Path("fleet.sqlite"))  # doctest: +SKIP
>>> with database.writing.begin() as connection: ...  # doctest: +SKIP
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

BUSY_TIMEOUT_MS = 5_000
FILE_NAME = "fleet.sqlite"


class StoreError(Exception):
    """The database cannot be used. The text says which file and why, in words."""


@dataclass(frozen=True, slots=True)
class Database:
    """Two handles on one database, migrated to the newest revision."""

    reading: Engine
    writing: Engine

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open or make the SQLite file and bring it up to date. Raises StoreError."""
        engine = create_engine(f"sqlite:///{path}")
        _speak_sqlite(engine)
        database = cls(engine, engine.execution_options(writing=True))
        try:
            migrate(database)
        except (DatabaseError, CommandError) as error:
            engine.dispose()
            raise StoreError(f"{path}: {getattr(error, 'orig', error)}") from error
        path.chmod(0o600)
        return database

    def close(self) -> None:
        """End all connections."""
        self.reading.dispose()


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Open the database for one piece of work. Raises StoreError."""
    database = Database.open(path)
    try:
        yield database
    finally:
        database.close()


def migrate(database: Database) -> tuple[str | None, str | None]:
    """Apply the migrations that are missing, in one transaction. Gives the revision before and after."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with database.reading.begin() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
    if before != newest:
        with database.writing.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return before, newest


def _speak_sqlite(engine: Engine) -> None:
    """Let SQLAlchemy and not the driver begin transactions, and set what SQLite forgets between connections."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for setting in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
