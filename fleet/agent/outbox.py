"""Transactional outbox: every event of this station, in its chain, until the server acknowledges that it holds it.

All functions work on an open connection inside the caller's transaction, so that an outcome and its event commit
together. An event is kept as the exact bytes that are sent. Only `acknowledge` (the server's `acked`, not a broker's
PUBACK) marks it as held; an event marked as held stays for 30 days for a server that was restored, and one that is
not stays for ever. Events of an earlier epoch of the same station still go out.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.messages import events
from fleet.messages.events import Event, Facts
from fleet.messages.link import Acked

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox_head (
    station TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (station, epoch)
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    station TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    envelope BLOB NOT NULL, data BLOB NOT NULL, salt TEXT NOT NULL,
    acked_at REAL,
    PRIMARY KEY (station, epoch, sequence)
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (station, epoch, sequence) WHERE acked_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_held ON outbox (acked_at) WHERE acked_at IS NOT NULL;
"""

DAY_S = 24 * 3600
KEEP_DAYS = 30
MAX_HELD_BYTES = 64 * 1024 * 1024

Transaction = sqlite3.Connection
"""An open connection inside the caller's transaction."""

Place = tuple[int, int]
"""(epoch, sequence): where an event stands."""

START: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class EventChain:
    """Which chain is written: a station, its epoch, and the boot that writes."""

    station: str
    epoch: int
    bootid: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the server's word changed."""

    held: int
    """Events newly marked as held."""
    again: int
    """Events that were marked as held and are wanted again."""
    ahead: bool
    """The server holds more of this epoch than was ever written here: this disk is an old copy. Nothing was marked."""


def append(
    cx: sqlite3.Connection, chain: EventChain, type_: str, time: str, subject: str | None, content: dict[str, Any]
) -> Event:
    """Seal the next event of the chain and keep it. `time` is RFC 3339 in UTC."""
    sequence, prev = head(cx, chain.station, chain.epoch)
    facts = Facts(chain.station, chain.epoch, sequence + 1, chain.bootid, type_, time, subject, prev)
    event = events.seal(facts, content)
    # What could never be sent must not enter the chain. Raises EventError.
    events.parse(event.wire)
    cx.execute(
        "INSERT INTO outbox_head VALUES (?, ?, ?, ?)"
        " ON CONFLICT (station, epoch) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
        (event.station, event.epoch, event.sequence, event.hash),
    )
    cx.execute(
        "INSERT INTO outbox (station, epoch, sequence, envelope, data, salt) VALUES (?, ?, ?, ?, ?, ?)",
        (event.station, event.epoch, event.sequence, event.envelope, event.data, event.salt),
    )
    return event


def pending_events(cx: sqlite3.Connection, station: str, after: Place, limit: int) -> list[Event]:
    """At most `limit` events that the server does not hold, oldest first, behind `after`."""
    rows = cx.execute(
        "SELECT envelope, data, salt FROM outbox"
        " WHERE station = ? AND acked_at IS NULL AND (epoch, sequence) > (?, ?)"
        " ORDER BY epoch, sequence LIMIT ?",
        (station, *after, limit),
    )
    return _restored(rows)


def missing_events(cx: sqlite3.Connection, station: str, acked: Acked, limit: int) -> list[Event]:
    """At most `limit` of the events that the server asks for again, oldest first."""
    found: list[Event] = []
    for first, last in acked.wanted:
        rows = cx.execute(
            "SELECT envelope, data, salt FROM outbox WHERE station = ? AND epoch = ? AND sequence BETWEEN ? AND ?"
            " ORDER BY sequence LIMIT ?",
            (station, acked.epoch, first, last, limit - len(found)),
        )
        found += _restored(rows)
    return found


def acknowledge(cx: sqlite3.Connection, station: str, acked: Acked, now: float) -> Acknowledgement:
    """Take the server's word for exactly its epoch. `now` is the wall clock, seconds since 1970."""
    sequence, _ = head(cx, station, acked.epoch)
    if acked.through > sequence:
        return Acknowledgement(held=0, again=0, ahead=True)
    held = cx.execute(
        "UPDATE outbox SET acked_at = ? WHERE station = ? AND epoch = ? AND sequence <= ? AND acked_at IS NULL",
        (now, station, acked.epoch, acked.through),
    ).rowcount
    again = 0
    for first, last in acked.wanted:
        again += cx.execute(
            "UPDATE outbox SET acked_at = NULL"
            " WHERE station = ? AND epoch = ? AND sequence BETWEEN ? AND ? AND acked_at IS NOT NULL",
            (station, acked.epoch, first, last),
        ).rowcount
    return Acknowledgement(held, again, ahead=False)


def depth(cx: sqlite3.Connection, station: str) -> int:
    """How many events the server does not hold yet."""
    return int(
        cx.execute("SELECT count(*) FROM outbox WHERE station = ? AND acked_at IS NULL", (station,)).fetchone()[0]
    )


def event_types_after(cx: sqlite3.Connection, station: str, epoch: int, sequence: int) -> list[tuple[int, str]]:
    """(sequence, type) of the kept events of one epoch behind `sequence`, in order."""
    rows = cx.execute(
        "SELECT envelope, data, salt FROM outbox WHERE station = ? AND epoch = ? AND sequence > ? ORDER BY sequence",
        (station, epoch, sequence),
    )
    return [(event.sequence, event.type) for event in _restored(rows)]


def newest_events(cx: sqlite3.Connection, count: int) -> list[Event]:
    """The last events that are still kept, the newest first."""
    rows = cx.execute("SELECT envelope, data, salt FROM outbox ORDER BY rowid DESC LIMIT ?", (count,))
    return _restored(rows)


def prune(cx: sqlite3.Connection, now: float, keep_days: int = KEEP_DAYS, max_bytes: int = MAX_HELD_BYTES) -> int:
    """Drop held events older than `keep_days`, and the oldest beyond `max_bytes`; never one that is not held.

    Returns how many were dropped. A time of acknowledgement in the future (the clock was set back) counts as now.
    """
    cx.execute("UPDATE outbox SET acked_at = ? WHERE acked_at > ?", (now, now))
    old = cx.execute("DELETE FROM outbox WHERE acked_at < ?", (now - keep_days * DAY_S,)).rowcount
    excess = cx.execute(
        "DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM ("
        " SELECT rowid, sum(length(envelope) + length(data) + length(salt))"
        " OVER (ORDER BY epoch DESC, sequence DESC) AS size FROM outbox WHERE acked_at IS NOT NULL) WHERE size > ?)",
        (max_bytes,),
    ).rowcount
    return old + excess


def head(cx: sqlite3.Connection, station: str, epoch: int) -> tuple[int, str]:
    """Sequence and hash of the last event of a chain; 0 and GENESIS where there is none."""
    row = cx.execute(
        "SELECT sequence, hash FROM outbox_head WHERE station = ? AND epoch = ?", (station, epoch)
    ).fetchone()
    return (row[0], row[1]) if row is not None else (0, events.GENESIS)


def _restored(rows: Iterable[tuple[bytes, bytes, str]]) -> list[Event]:
    return [events.restore(envelope, data, salt) for envelope, data, salt in rows]
