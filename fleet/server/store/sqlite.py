"""What only SQLite does: how its file is opened, and how events are inserted fast.

It runs with a write-ahead log and `synchronous=FULL`: what a commit has returned from survives a power cut.

>>> engine = sqlite_engine(Path("fleet.sqlite"))  # doctest: +SKIP
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

BUSY_TIMEOUT_MS = 5_000
CHECKPOINT_PAGES = 4_000
"""Of the write-ahead log, 16 MB: pages that many commits change are written into the file once for all of them."""


def sqlite_engine(path: Path) -> Engine:
    """An engine on that file. A transaction with the execution option `writing` takes the write lock at its start."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # SQLAlchemy and not the driver begins transactions; the rest is what SQLite forgets between connections.
        connection.isolation_level = None
        connection.create_function("lower", 1, _lower, deterministic=True)
        cursor = connection.cursor()
        for setting in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("writing") is not None
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _lower(text: Any) -> Any:
    """In place of SQLite's own, which knows A to Z alone: a search finds Åsa by åsa."""
    return text.lower() if isinstance(text, str) else text


def insert_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose values are as SQLite stores them. Raises sqlalchemy.exc.DBAPIError."""
    names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))  # noqa: S608
