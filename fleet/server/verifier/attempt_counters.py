"""Attempt counters against brute force, by envelope and station, on disk or in a database: a restart gives no new tries.

Rules: a try is written and durable before it is evaluated; a nonce is used once; an envelope has 5 tries in all and a
station 20 an hour. Two persons may give an envelope as many again, once ever. Tries with a time in the future count too: a clock
that is put back gives no new ones. A file that is damaged anywhere (each column stands in the table and in an index, which are
compared) counts no more: nothing is judged until a person begins a new one, with all that can still be read of the old.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from fleet.server.verifier.model import ResetResult

TRIES_PER_ENVELOPE = 5
TRIES_PER_STATION = 20
STATION_WINDOW_S = 3600.0
WAY_OUT = "no code is judged until `kortkiosk-fleet begin-tries --data DIR` or a copy that is restored"

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS tries"
    " (nonce TEXT PRIMARY KEY, envelope TEXT NOT NULL, station TEXT NOT NULL, time DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX IF NOT EXISTS tries_envelope ON tries (envelope)",
    "CREATE INDEX IF NOT EXISTS tries_station ON tries (station, time)",
    "CREATE TABLE IF NOT EXISTS alarms (subject TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS resets"
    " (envelope TEXT PRIMARY KEY, used INTEGER NOT NULL, time DOUBLE PRECISION NOT NULL)",
)
EARLIER = SCHEMA[:-1]
"""Of a file that an earlier version began."""

Execute = Callable[..., Any]
"""A query with `?` for each value, and the values; gives a cursor (PEP 249)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Admission of a try: `refused` is None where it may be evaluated, or says why not; `alarm` where that is said for
    the first time."""

    refused: Literal["too_many", "nonce_used"] | None
    alarm: bool = False


class AttemptStore(Protocol):
    def transaction(self) -> AbstractContextManager[Execute]:
        """Durable when it ends; no other one at the same time."""

    def close(self) -> None: ...


class TriesDamagedError(Exception):
    """Damage to the counters: what was counted cannot be trusted. The text names the file and what to do."""


class FileAttemptStore:
    """The verifier's own SQLite file, without a log beside it that could be lost. Raises TriesDamagedError, and sqlite3.Error
    where it cannot be written."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _make(path, [])
        path.chmod(0o600)
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            problem = _problem(self._connection)
        except sqlite3.OperationalError:
            self._connection.close()
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            problem = str(error)
        if problem:
            self._connection.close()
            raise TriesDamagedError(f"{path}: is damaged ({problem}): {WAY_OUT}")
        self._connection.execute("PRAGMA journal_mode=DELETE")
        self._connection.execute("PRAGMA synchronous=EXTRA")
        self._connection.execute(SCHEMA[-1])

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield lambda query, *values: self._connection.execute(query, values)
        except sqlite3.Error:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def begin_anew(path: Path, now: time.struct_time) -> tuple[Path, int] | None:
    """Set a damaged file aside, and begin another with the tries that can still be read. Gives the name of the old one and how
    many; None, and nothing has changed, where the file is sound. Raises OSError, sqlite3.Error."""
    try:
        FileAttemptStore(path).close()
    except TriesDamagedError:
        pass
    else:
        return None
    rows, resets, owner = _readable(path, TRIES), _readable(path, RESETS), path.stat()
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', now)}")
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    _make(path, rows, resets)
    os.chown(path, owner.st_uid, owner.st_gid)
    return aside, len(rows)


def _make(path: Path, rows: Sequence[tuple[Any, ...]], resets: Sequence[tuple[Any, ...]] = ()) -> None:
    """Whole or not at all: a file without its tables is a damaged one."""
    making = path.with_name(path.name + ".new")
    making.unlink(missing_ok=True)
    os.close(os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(making, isolation_level=None)) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.executemany("INSERT OR IGNORE INTO tries VALUES (?, ?, ?, ?)", rows)
        connection.executemany("INSERT OR IGNORE INTO resets VALUES (?, ?, ?)", resets)
    making.rename(path)


TRIES = ("SELECT nonce, envelope, station, time FROM tries NOT INDEXED", (str, str, str, float))
RESETS = ("SELECT envelope, used, time FROM resets NOT INDEXED", (str, int, float))
"""What is read of a damaged file, and of which types a sound row is."""


def _readable(path: Path, source: tuple[str, tuple[type, ...]]) -> list[tuple[Any, ...]]:
    query, types = source
    rows = []
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(path)) as connection:
        for row in connection.execute(query):
            if tuple(map(type, row)) == types:
                rows.append(row)
    return rows


def _problem(connection: sqlite3.Connection) -> str:
    """Return the damage of the file in words; empty where there is none."""
    if _tables(connection) not in (_tables_of(SCHEMA), _tables_of(EARLIER)):
        return "tables are missing"
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return "" if verdict == "ok" else str(verdict)


def _tables_of(schema: Sequence[str]) -> set[tuple[str, str | None]]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in schema:
            fresh.execute(statement)
        return _tables(fresh)


def _tables(connection: sqlite3.Connection) -> set[tuple[str, str | None]]:
    return set(connection.execute("SELECT name, sql FROM sqlite_master"))


class AttemptCounters:
    """Counts. Where a try cannot be written, the error of the database is raised, and nothing is evaluated."""

    def __init__(self, tries: AttemptStore) -> None:
        self._tries = tries

    def close(self) -> None:
        self._tries.close()

    def admit(self, station: str, envelope: str, nonce: str, now: float) -> Admission:
        """Count one try, durably, before it is evaluated. `envelope`: a digest that stands for it; `now`: seconds."""
        with self._tries.transaction() as execute:
            return _count(execute, station, envelope, nonce, now)

    def reset(self, envelopes: Sequence[str], now: float) -> ResetResult:
        """Give those of them whose tries are used up as many again, durably, each once ever. The next one too many is an alarm
        again."""
        with self._tries.transaction() as execute:
            used_up = [envelope for envelope in envelopes if _used_up(execute, envelope)]
            fresh = [envelope for envelope in used_up if not _number(execute, _RESETS, envelope)]
            for envelope in fresh:
                execute("INSERT INTO resets VALUES (?, ?, ?)", envelope, _number(execute, _TRIES, envelope), now)
                execute("DELETE FROM alarms WHERE subject = ?", f"envelope {envelope}")
        return "reset" if fresh else "reset_before" if used_up else "not_used_up"


_TRIES = "SELECT count(*) FROM tries WHERE envelope = ?"
_RESETS = "SELECT count(*) FROM resets WHERE envelope = ?"


def _used_up(execute: Execute, envelope: str) -> bool:
    before = _number(execute, "SELECT coalesce(max(used), 0) FROM resets WHERE envelope = ?", envelope)
    return _number(execute, _TRIES, envelope) >= before + TRIES_PER_ENVELOPE


def _count(execute: Execute, station: str, envelope: str, nonce: str, now: float) -> Admission:
    if _number(execute, "SELECT count(*) FROM tries WHERE nonce = ?", nonce):
        return Admission("nonce_used")
    if _used_up(execute, envelope):
        return Admission("too_many", _first(execute, f"envelope {envelope}", now))
    since = now - STATION_WINDOW_S
    if (
        _number(execute, "SELECT count(*) FROM tries WHERE station = ? AND time > ?", station, since)
        >= TRIES_PER_STATION
    ):
        return Admission("too_many", _first(execute, f"station {station} {int(now // STATION_WINDOW_S)}", now))
    execute("INSERT INTO tries VALUES (?, ?, ?, ?)", nonce, envelope, station, now)
    return Admission(None)


def _first(execute: Execute, subject: str, now: float) -> bool:
    return bool(execute("INSERT INTO alarms VALUES (?, ?) ON CONFLICT DO NOTHING", subject, now).rowcount == 1)


def _number(execute: Execute, query: str, *values: object) -> int:
    number: int = execute(query, *values).fetchone()[0]
    return number
