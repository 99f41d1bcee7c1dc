"""SQLite store of the station: journal, outbox and synced data in one file, so that an effect and its event commit together.

All work runs on one thread of its own, one transaction at a time, with WAL and `synchronous=FULL`: what has been
committed is on the disk when `transact` returns, even if the power goes in the next instant. A disk that is full,
damaged or read-only becomes one `StoreError` that says which file, what is wrong and what to do.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")

VERSION = 1
"""`user_version` of the file. A file of a newer program is refused, never changed."""

BUSY_TIMEOUT_MS = 5000

Fault = Literal["damaged", "full", "unwritable", "newer"]

_ADVICE: dict[Fault, str] = {
    "damaged": "is damaged; keep the file for the fleet's operators and start with a new one",
    "full": "cannot grow, the disk is full; make room, then start again",
    "unwritable": "cannot be written; check the disk, the owner and the mode of the file and its directory",
    "newer": "was written by a newer version of this program; install that version again",
}

_FAULTS: dict[int, Fault] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_IOERR: "unwritable",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_PERM: "unwritable",
    sqlite3.SQLITE_BUSY: "unwritable",
    sqlite3.SQLITE_LOCKED: "unwritable",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}


class StoreError(Exception):
    """The station's file cannot be used. `fault` is a stable code; the text says which file, what is wrong, what to
    do."""

    def __init__(self, path: Path, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{path} {_ADVICE[fault]}" + (f" ({detail})" if detail else ""))
        self.path = path
        self.fault: Fault = fault


class StationStore:
    """The open file. Make it with `open`; end it with `close`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self.path = path
        self._connection = connection
        self._thread = thread

    @classmethod
    def open(cls, path: Path, *, schemas: Sequence[str]) -> "StationStore":
        """Open or create the file, check it, run the idempotent DDL scripts `schemas`. Raises StoreError."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="station-store")
        try:
            connection = thread.submit(_open, path, schemas).result()
        except BaseException:
            thread.shutdown()
            raise
        return cls(path, connection, thread)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction: committed when this returns, undone if it raises. Raises StoreError.

        Work that has been handed in is done even if the caller is cancelled meanwhile: a commit has no half.
        """
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(self._run, work)))

    def transact_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same, for code without a loop; it blocks. Never call it inside `work`. Raises StoreError."""
        return self._thread.submit(self._run, work).result()

    def close(self) -> None:
        """Finish the work that was handed in, then close the file. A second call does nothing."""
        try:
            self._thread.submit(self._connection.close).result()
        except RuntimeError:  # the thread has ended: closed before
            return
        self._thread.shutdown()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # After some faults SQLite has rolled back by itself: then there is nothing left to undo.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            raise _translated(self.path, error) from error
        return result


def _open(path: Path, schemas: Sequence[str]) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    except OSError as error:
        raise StoreError(path, "unwritable", error.strerror or "") from error
    except sqlite3.DatabaseError as error:
        raise _translated(path, error) from error
    try:
        _prepare(path, connection, schemas)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _translated(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(path: Path, connection: sqlite3.Connection, schemas: Sequence[str]) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreError(path, "newer", f"its version is {version}, this program's {VERSION}")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(path, "damaged", "the integrity check failed")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Erased data (a name in a receipt) must not stay readable in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    scripts = ";\n".join(schemas)
    connection.executescript(f"BEGIN IMMEDIATE;\n{scripts};\nPRAGMA user_version = {VERSION};\nCOMMIT;")


def _translated(path: Path, error: sqlite3.DatabaseError) -> Exception:
    # The low byte is the primary code (sqlite.org, "Result and Error Codes"); a wrong statement or a broken
    # constraint is the caller's own error and keeps its type.
    code = getattr(error, "sqlite_errorcode", None)
    fault = _FAULTS.get(code & 0xFF) if code is not None else None
    return StoreError(path, fault, str(error)) if fault is not None else error
