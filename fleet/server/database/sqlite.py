"""SQLite dialect: opening the file, fast inserts of events, and checkpoints of its write-ahead log.

It runs with a write-ahead log and `synchronous=FULL`: what a commit has returned from survives a power cut. While much comes, the
log is written back into the file by a thread of its own, so that no commit waits for it (SQLite's "passive" checkpoint, which
waits for nobody either).
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from fleet.server.database.generation import try_renew

BUSY_TIMEOUT_MS = 5_000
CHECKPOINT_PAGES = 20_000
"""Of the write-ahead log, 80 MB: there a commit itself writes back what `WriteBack` has not, so that the log ends somewhere."""
WRITE_BACK_EVENTS = 10_000
"""About 11 MB of the log: pages that many commits change are written once for all of them."""
LOG_LIMIT = 160 << 20
"""Bytes of the log. Where somebody always reads, it never begins anew by itself: a longer one is written back while commits wait
for those who read, a second at most."""


def sqlite_engine(path: Path) -> Engine:
    """An engine on that file. A transaction with the execution option `writing` takes the write lock at its start."""
    engine = create_engine(f"sqlite:///{path}", pool_use_lifo=True)  # whose cache is the freshest

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


class WriteBack:
    """Writes the log of a file back into it beside whoever adds to the log. `added` from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-write-back")
        self._running: Future[None] | None = None

    def added(self, events: int) -> None:
        """So many are in the log since. Waits only where the log is too long, for those who read: whoever else writes it back
        finds no moment between two commits."""
        self._events += events
        if self._events < WRITE_BACK_EVENTS:
            return
        if self._is_long():
            self._events = 0
            if self._running is not None:
                wait((self._running,))
            try_renew(self._path, checkpoint="TRUNCATE")
        elif self._running is None or self._running.done():
            self._events = 0
            with suppress(RuntimeError):  # closed: a commit may still end then, and the next start writes the log back
                self._running = self._thread.submit(try_renew, self._path)

    def close(self) -> None:
        """Ends once a pass that runs has ended."""
        self._thread.shutdown()

    def _is_long(self) -> bool:
        try:
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size > LOG_LIMIT
        except OSError:
            return False
