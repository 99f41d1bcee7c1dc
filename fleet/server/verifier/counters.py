"""How often an envelope and a station have been tried, on disk, so that a restart gives no new tries.

Rules: a try is written and durable before it is evaluated; a nonce is used once; an envelope has 5 tries in all and a
station 20 an hour. Tries with a time in the future count too, so that a clock put back gives no new ones.

>>> Counters(Path("verifier.sqlite")).admit("entre-a", "digest", "0" * 32, now=0.0)  # doctest: +SKIP
Admission(verdict=None, alarm=False)
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TRIES_PER_ENVELOPE = 5
TRIES_PER_STATION = 20
STATION_WINDOW_S = 3600.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tries (
    nonce TEXT PRIMARY KEY, envelope TEXT NOT NULL, station TEXT NOT NULL, time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS tries_envelope ON tries (envelope);
CREATE INDEX IF NOT EXISTS tries_station ON tries (station, time);
CREATE TABLE IF NOT EXISTS alarms (subject TEXT PRIMARY KEY, time REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a try may be evaluated (`refused` is None) or why not; `alarm` where that is said for the first time."""

    refused: Literal["too_many", "nonce_used"] | None
    alarm: bool = False


class Counters:
    """The verifier's own database. Raises sqlite3.Error where it cannot be written: then nothing is evaluated."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def admit(self, station: str, envelope: str, nonce: str, now: float) -> Admission:
        """Count one try, durably, before it is evaluated. `envelope`: a digest that stands for it; `now`: seconds."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            admission = self._count(station, envelope, nonce, now)
        except sqlite3.Error:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return admission

    def _count(self, station: str, envelope: str, nonce: str, now: float) -> Admission:
        if self._number("SELECT count(*) FROM tries WHERE nonce = ?", nonce):
            return Admission("nonce_used")
        if self._number("SELECT count(*) FROM tries WHERE envelope = ?", envelope) >= TRIES_PER_ENVELOPE:
            return Admission("too_many", self._first(f"envelope {envelope}", now))
        since = now - STATION_WINDOW_S
        if (
            self._number("SELECT count(*) FROM tries WHERE station = ? AND time > ?", station, since)
            >= TRIES_PER_STATION
        ):
            return Admission("too_many", self._first(f"station {station} {int(now // STATION_WINDOW_S)}", now))
        self._connection.execute("INSERT INTO tries VALUES (?, ?, ?, ?)", (nonce, envelope, station, now))
        return Admission(None)

    def _first(self, subject: str, now: float) -> bool:
        added = self._connection.execute("INSERT OR IGNORE INTO alarms VALUES (?, ?)", (subject, now))
        return added.rowcount == 1

    def _number(self, query: str, *values: object) -> int:
        number: int = self._connection.execute(query, values).fetchone()[0]
        return number
