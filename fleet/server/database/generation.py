"""Generation of an SQLite store: whether the write-ahead log beside a file belongs to it.

Rules: the file's header carries a number (`user_version`), and a small file beside it says which numbers go with the log that
lies there. The number changes when the server starts, and each time the log is written back; a copy that `kortkiosk-fleet backup`
makes has one of its own. A log beside a file of another number is of another time: SQLite would mix the two, so the file is not
opened. A log that a crash left always goes with its file, at whatever moment it came.
"""

import json
import logging
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

LOG_HEADER = 32
"""Bytes of a log that has nothing in it (https://www.sqlite.org/fileformat2.html, section 4.1)."""
PATIENCE_S = 1.0
"""So long others wait at most for a checkpoint that waits for those who read."""
LOOKS = 3
"""The numbers change beside a running server: who opens the file meanwhile looks again."""

_log = logging.getLogger(__name__)


class StrayLogError(Exception):
    """The log beside a file is not its own. The text says which one and what to do."""


def check_log(path: Path) -> None:
    """Before SQLite opens the file. Raises StrayLogError."""
    log = path.with_name(f"{path.name}-wal")
    for _ in range(LOOKS):
        numbers = noted_numbers(path)  # before the header, which changes only to a number that is noted
        if not numbers or not _is_used(log) or number_of(path) in numbers:
            return
    raise StrayLogError(
        f"{log}: is not the log of the {path.name} beside it, which was restored or replaced; remove {log.name} and"
        f" {path.name}-shm, and start again (docs/operations.md, Back-up)"
    )


def renew(path: Path, *, checkpoint: str = "PASSIVE") -> None:
    """Give the file a new number, and write its log back. Raises sqlite3.Error, OSError: then the next time does it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        fresh = new_number()
        (current,) = connection.execute("PRAGMA user_version").fetchone()
        note_numbers(path, {number_of(path), current, fresh})
        connection.execute(f"PRAGMA user_version={fresh}")
        connection.execute(f"PRAGMA wal_checkpoint({checkpoint})")
        if number_of(path) == fresh:
            note_numbers(path, {fresh})


def try_renew(path: Path, *, checkpoint: str = "PASSIVE") -> None:
    """The same; where it cannot be done nothing is lost: a later pass does it, or a commit writes the log back."""
    try:
        renew(path, checkpoint=checkpoint)
    except (sqlite3.Error, OSError) as error:
        _log.warning("the log of %s was not written back: %s", path, error)


def copy_store(source: Path, target: Path) -> str:
    """Copy a store that is in use, under a number of its own, and check the copy. Gives what is wrong with it; empty where
    nothing is. Raises OSError, also where the target is there already, sqlite3.Error."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(source)) as store, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        store.backup(copy, pages=1_000)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        copy.execute("PRAGMA synchronous=FULL")
        copy.execute(f"PRAGMA user_version={new_number()}")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    return "" if verdict == "ok" else str(verdict)


def new_number() -> int:
    """Random, so that no two copies have the same."""
    return 1 + secrets.randbelow(2**31 - 1)


def _is_used(log: Path) -> bool:
    try:
        return log.stat().st_size > LOG_HEADER
    except FileNotFoundError:
        return False


def number_of(path: Path) -> int:
    """As it stands in the file, without what the log says; 0 in an empty one, and in what is no store. Raises
    sqlite3.OperationalError.

    SQLite reads it: whoever opens the file by himself and closes it drops the locks that this process has on it, and the next
    program that closes the store takes itself for the last, and deletes the log under the server
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as header:
        try:
            return int(header.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return 0


def noted_numbers(path: Path) -> set[int]:
    """The numbers that go with the log; none where nothing is known, and then nothing is refused."""
    try:
        numbers = json.loads(_beside(path).read_text("ascii"))
        return {int(number) for number in numbers}
    except FileNotFoundError:
        return set()
    except (ValueError, TypeError):
        _log.warning("%s: cannot be read, and is made anew", _beside(path))
        return set()


def note_numbers(path: Path, numbers: set[int]) -> None:
    """Durable when it returns, and before that the old one."""
    beside = _beside(path)
    making = beside.with_name(f"{beside.name}.new")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(sorted(numbers)))
        file.flush()
        os.fsync(file.fileno())
    making.rename(beside)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}-generation")
