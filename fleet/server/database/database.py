"""Database engine, SQLite in a file or PostgreSQL: how it is opened, and how its tables are brought up to date.

Three handles on one pool: `reading` gives each transaction one snapshot; `writing` has the store to itself from its start, so
that it never fails half-way for a lock; `ingesting` likewise on SQLite, while on PostgreSQL ingests run side by side.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError

from fleet.server.database.database_url import Place, describe_database
from fleet.server.database.generation import StrayLogError, check_log
from fleet.server.database.postgres import postgres_engine, warn_unless_synced
from fleet.server.database.schema import all_tables
from fleet.server.database.sqlite import WriteBack, sqlite_engine

FILE_NAME = "fleet.sqlite"


class StoreError(Exception):
    """The database cannot be used. The text says which one and why, in words."""


class StoredRowError(Exception):
    """A row of the store cannot be read: it is damaged. The text says which one, never what is in it."""


READ_FAULTS = (SQLAlchemyError, StoredRowError, ValueError, TypeError, LookupError, msgspec.MsgspecError)
"""What reading a store may raise that is away, sick or damaged: a loop that reads it logs these and goes on trying."""


@dataclass(frozen=True, slots=True)
class Database:
    """Handles on one database, migrated to the newest revision."""

    reading: Engine
    writing: Engine
    ingesting: Engine
    write_back: WriteBack | None = None
    """On SQLite. Whoever commits many events tells it."""

    @classmethod
    def open(cls, place: Place, *, migrates: bool = True) -> "Database":
        """Open the database, or make the SQLite file, and bring it up to date; or refuse one that is not. Raises StoreError."""
        try:
            database = cls._on(place)
        except OSError as error:
            raise StoreError(f"{place}: {error.strerror}") from error
        except StrayLogError as error:
            raise StoreError(str(error)) from error
        except sqlite3.Error as error:
            raise StoreError(f"{place}: {error}") from error
        try:
            if migrates:
                migrate(database)
            else:
                _check_revision(database)
            if not isinstance(place, Path):
                with database.reading.begin() as connection:
                    warn_unless_synced(connection)
        except (DatabaseError, CommandError) as error:
            database.close()
            raise StoreError(fault(place, error)) from error
        return database

    @classmethod
    def _on(cls, place: Place) -> "Database":
        write_back = None
        if isinstance(place, Path):
            _make_private(place)
            check_log(place)
            engine = sqlite_engine(place)
            reading = engine
            write_back = WriteBack(place)
        else:
            engine = postgres_engine(place)
            reading = engine.execution_options(isolation_level="REPEATABLE READ")
        alone, shared = engine.execution_options(writing="alone"), engine.execution_options(writing="shared")
        return cls(reading, alone, shared, write_back)

    def close(self) -> None:
        if self.write_back is not None:
            self.write_back.close()
        self.reading.dispose()


@contextmanager
def open_database(place: Place, *, migrates: bool = True) -> Iterator[Database]:
    """Open the database for one piece of work. Raises StoreError."""
    database = Database.open(place, migrates=migrates)
    try:
        yield database
    finally:
        database.close()


def migrate(database: Database) -> tuple[str | None, str | None]:
    """Make the tables of a new store, or apply the migrations that one lacks; in one transaction. Gives the revision before and
    after. Raises CommandError."""
    config = migrations()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with database.reading.begin() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
    revisions = [script.revision for script in scripts.walk_revisions()]
    if before is not None and before not in revisions:
        age = "an unreleased program" if before < revisions[-1] else "a newer program than this one"
        raise CommandError(f"it is at revision {before}, of {age} (which knows up to {newest})")
    if before != newest:
        with database.writing.begin() as connection:
            config.attributes["connection"] = connection
            if MigrationContext.configure(connection).get_current_revision() is None:
                all_tables().create_all(connection, checkfirst=False)
                command.stamp(config, "head")
            else:
                command.upgrade(config, "head")
    return before, newest


def _check_revision(database: Database) -> None:
    """Raises CommandError."""
    newest = ScriptDirectory.from_config(migrations()).get_current_head()
    with database.reading.begin() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision != newest:
        raise CommandError(f"it is at revision {revision}, and this program works on {newest}: migrate it first")


def migrations() -> Config:
    """Return Alembic's configuration, which says where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _make_private(path: Path) -> None:
    """Before SQLite opens it: its log beside it (`-wal`, `-shm`), which holds what was written last, gets the same mode. A file
    that is there is not opened: closing it would drop this process's locks on it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path.chmod(0o600)


def fault(place: Place, error: DBAPIError | CommandError) -> str:
    """Describe in one line what is wrong with which store (libpq says one for each address); of a damaged file, what to do."""
    message = str(error.orig if isinstance(error, DBAPIError) else error)
    line = "; ".join(line.strip() for line in message.splitlines() if line.strip())
    damaged = isinstance(place, Path) and isinstance(error, DatabaseError) and not isinstance(error, OperationalError)
    return damaged_store(place, line) if damaged else f"{describe_database(place)}: {line}"


def damaged_store(place: Place, problem: str) -> str:
    """Describe what is wrong with a store that cannot be trusted, and what to do."""
    return f"{describe_database(place)}: {problem} (restore a copy: docs/operations.md, Back-up)"
