"""Attempt counters against brute force, by envelope and station, on disk or in a database: a restart gives no new tries.

Rules: a try is written and durable before it is evaluated; a nonce is used once; an envelope has 5 tries in all and a
station 20 an hour. Tries with a time in the future count too, so that a clock put back gives no new ones.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

TRIES_PER_ENVELOPE = 5
TRIES_PER_STATION = 20
STATION_WINDOW_S = 3600.0

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS tries"
    " (nonce TEXT PRIMARY KEY, envelope TEXT NOT NULL, station TEXT NOT NULL, time DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX IF NOT EXISTS tries_envelope ON tries (envelope)",
    "CREATE INDEX IF NOT EXISTS tries_station ON tries (station, time)",
    "CREATE TABLE IF NOT EXISTS alarms (subject TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL)",
)

Execute = Callable[..., Any]
"""A query with `?` for each value, and the values; gives a cursor (PEP 249)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a try may be evaluated (`refused` is None) or why not; `alarm` where that is said for the first time."""

    refused: Literal["too_many", "nonce_used"] | None
    alarm: bool = False


class AttemptStore(Protocol):
    def transaction(self) -> AbstractContextManager[Execute]:
        """Durable when it ends; no other one at the same time."""

    def close(self) -> None: ...


class FileAttemptStore:
    """The verifier's own SQLite file. Raises sqlite3.Error where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        for statement in SCHEMA:
            self._connection.execute(statement)

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


def _count(execute: Execute, station: str, envelope: str, nonce: str, now: float) -> Admission:
    if _number(execute, "SELECT count(*) FROM tries WHERE nonce = ?", nonce):
        return Admission("nonce_used")
    if _number(execute, "SELECT count(*) FROM tries WHERE envelope = ?", envelope) >= TRIES_PER_ENVELOPE:
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
