"""SQLite store of the station: journal, outbox and synced data in one file, so that an effect and its event commit together.

All work runs on one thread of its own, one transaction at a time, with WAL and `synchronous=FULL`: what has been
committed is on the disk when `transact` returns, even if the power goes in the next instant. A disk that is full,
damaged or read-only becomes one `StoreError` that says which file, what is wrong and what to do.

Whatever goes wrong while the file is opened is the file's fault: damaged bytes come out of SQLite and of Python's own
decoding as errors of any type. What the file is made of (`store_schema`) is remembered in it, since a table whose name was
damaged would otherwise be made anew, empty. A damaged file is never thrown away: `set_aside` moves it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")

VERSION = 1
"""`user_version` of the file. A file of a newer program is refused, never changed."""

BUSY_TIMEOUT_MS = 5000

Fault = Literal["damaged", "full", "unwritable", "newer"]

_ADVICE: dict[Fault, str] = {
    "damaged": "is damaged; `kortkiosk store set-aside` keeps it beside, and the station begins with a new one",
    "full": "cannot grow, the disk is full; make room, and start again where it does not go on by itself",
    "unwritable": "cannot be written; check the disk, the owner and the mode of the file and its directory",
    "newer": "was written by a newer version of this program; install that version again",
}

SQLITE_READ_ERRORS = (sqlite3.Error, ValueError, ArithmeticError)
"""What comes of reading a damaged file: SQLite's own, and those of Python's decoding of what it gives."""
SET_ASIDE = "set-aside"
"""The folder, beside the file, for damaged ones."""
SIDE_FILES = ("-wal", "-shm")
"""Of SQLite, beside the file: the write-ahead log, which belongs to it, and its index."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store_schema (name TEXT PRIMARY KEY, sql TEXT NOT NULL) STRICT, WITHOUT ROWID
"""
_MADE = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'store_schema'"

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

    @property
    def problem(self) -> str:
        """The station's problem that it is: damage stays until somebody has acted, all else may pass by itself."""
        return "store_damaged" if self.fault == "damaged" else "store"


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

    async def prove_writable(self) -> None:
        """Commit a page that says what it said before. Raises StoreError where the file takes nothing."""
        await self.transact(lambda cx: cx.execute(f"PRAGMA user_version = {VERSION}"))

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
    except sqlite3.Error as error:
        connection.close()
        translated = _translated(path, error)
        raise (translated if isinstance(translated, StoreError) else StoreError(path, "damaged", str(error))) from error
    except (ValueError, ArithmeticError) as error:  # of Python's own decoding
        connection.close()
        raise StoreError(path, "damaged", type(error).__name__) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(path: Path, connection: sqlite3.Connection, schemas: Sequence[str]) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreError(path, "newer", f"its version is {version}, this program's {VERSION}")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreError(path, "damaged", "the integrity check failed")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Erased data (a name in a receipt) must not stay readable in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    _check_schema(path, connection)
    scripts = ";\n".join([*schemas, _SCHEMA])
    remember = f"INSERT OR REPLACE INTO store_schema {_MADE} EXCEPT SELECT name, sql FROM store_schema"  # noqa: S608
    version = f"PRAGMA user_version = {VERSION}"
    connection.executescript(f"BEGIN IMMEDIATE;\n{scripts};\n{remember};\n{version};\nCOMMIT;")


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Raises StoreError where a table or an index that was made is not there any more, or is another one."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'store_schema'").fetchone() is None:
        return
    lost = connection.execute(f"SELECT name, sql FROM store_schema EXCEPT {_MADE}").fetchall()  # noqa: S608  # a constant
    if lost:
        raise StoreError(path, "damaged", f"{len(lost)} of its tables and indexes are not what was made")


def set_aside(files: Sequence[Path], now: datetime) -> Path:
    """Move files of one folder, with what SQLite keeps beside them, into a folder for that moment, beside. Gives the folder.

    Nobody may have them open. Raises OSError.
    """
    folder = files[0].parent / SET_ASIDE / f"{now:%Y%m%dT%H%M%S}Z"
    folder.mkdir(mode=0o700, parents=True)
    for path in files:
        for end in ("", *SIDE_FILES):
            part = path.with_name(path.name + end)
            if part.exists():
                part.rename(folder / part.name)
    return folder


def _translated(path: Path, error: sqlite3.Error) -> Exception:
    # The low byte is the primary code (sqlite.org, "Result and Error Codes"); a wrong statement or a broken
    # constraint is the caller's own error and keeps its type. Without a code it is Python that cannot read a text.
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return StoreError(path, "damaged", str(error)) if type(error) is sqlite3.OperationalError else error
    fault = _FAULTS.get(code & 0xFF)
    return StoreError(path, fault, str(error)) if fault is not None else error
