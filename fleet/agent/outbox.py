"""Transactional outbox: every event of this station, in its chain, until the server acknowledges that it holds it.

All functions work on an open connection inside the caller's transaction, so that an outcome and its event commit
together. An event is kept as the exact bytes that are sent, and its hash apart from it: a disk may give back other bytes than
it was given. An event that is not what was sealed is a `DamagedEvent`: it is sent as such under its number, so that it keeps no
other back, and never as if it were right. Only `acknowledge` (the server's `acked`, not a broker's PUBACK) marks an event as
held; one that is held stays for 30 days for a server that was restored, and one that is not stays for ever.

A chain is begun anew (`begin_epoch`) where the server holds other events under its numbers: then the file is an older copy.
Events of an earlier epoch of the same station still go out.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.messages import events
from fleet.messages.events import Event, EventError, Facts
from fleet.messages.link import Acked
from fleet.messages.vocabulary import EventType

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
CREATE TABLE IF NOT EXISTS outbox_hash (
    station TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (station, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox_damaged (
    station TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (station, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox_epoch (
    station TEXT NOT NULL, enrolled INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (station, enrolled)
) STRICT;
"""

# CAST: damage may have made another type of a column, and no text need be UTF-8.
_KEPT = """
SELECT CAST(o.station AS BLOB), CAST(o.epoch AS INTEGER), CAST(o.sequence AS INTEGER), CAST(o.envelope AS BLOB),
    CAST(o.data AS BLOB), CAST(o.salt AS BLOB), CAST(w.hash AS BLOB)
FROM outbox o LEFT JOIN outbox_hash w ON (w.station, w.epoch, w.sequence) = (o.station, o.epoch, o.sequence)
"""
_OF_ITS_CHAIN = """
EXISTS (SELECT 1 FROM outbox_head h WHERE (h.station, h.epoch) = (o.station, o.epoch) AND o.sequence <= h.sequence)
"""
"""A number that was never given is damage, and goes nowhere."""

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
    """The chain that is written: a station, its epoch, and the boot that writes."""

    station: str
    epoch: int
    """As given at enrolment. The file may have come to a later one by itself: `current_epoch`."""
    bootid: str


@dataclass(frozen=True, slots=True)
class DamagedEvent:
    """An event whose bytes are not those that were sealed, or are gone. `reason` says what is wrong and shows nothing of it."""

    epoch: int
    sequence: int
    envelope: bytes
    data: bytes
    salt: bytes
    reason: str

    @property
    def wire(self) -> bytes:
        """Bytes to publish of the damaged event: they can be read as no event."""
        return events.damaged_wire(self.envelope, self.data, self.salt)


KeptEvent = Event | DamagedEvent


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Changes that the server's acknowledgement made."""

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
    epoch = current_epoch(cx, chain)
    sequence, prev = head(cx, chain.station, epoch)
    facts = Facts(chain.station, epoch, sequence + 1, chain.bootid, type_, time, subject, prev)
    event = events.seal(facts, content)
    # What could never be sent must not enter the chain. Raises EventError.
    events.parse(event.wire)
    _keep(cx, chain.station, (epoch, event.sequence), event.envelope, event.data or b"", event.salt or "")
    return event


def pending_events(cx: sqlite3.Connection, station: str, after: Place, limit: int) -> list[KeptEvent]:
    """At most `limit` events that the server does not hold, oldest first, behind `after`."""
    rows = cx.execute(
        f"{_KEPT} WHERE o.station = ? AND o.acked_at IS NULL AND (o.epoch, o.sequence) > (?, ?) AND {_OF_ITS_CHAIN}"
        " ORDER BY o.epoch, o.sequence LIMIT ?",
        (station, *after, limit),
    )
    return _restored(cx, rows)


def missing_events(cx: sqlite3.Connection, station: str, acked: Acked, limit: int) -> list[KeptEvent]:
    """At most `limit` of the events that the server asks for again, oldest first. One between others that are kept, and that is
    itself gone, is damaged: nothing else would ever fill its place."""
    missing: list[KeptEvent] = []
    low, high = _kept_range(cx, station, acked.epoch)
    for first, last in acked.wanted:
        room = limit - len(missing)
        rows = cx.execute(
            f"{_KEPT} WHERE o.station = ? AND o.epoch = ? AND o.sequence BETWEEN ? AND ? ORDER BY o.sequence LIMIT ?",
            (station, acked.epoch, first, last, room),
        )
        kept = {event.sequence: event for event in _restored(cx, rows)}
        sequences = range(max(first, low), min(last, high) + 1)[:room]
        missing += [kept.get(sequence) or _gone(acked.epoch, sequence) for sequence in sequences]
    return missing


def acknowledge(cx: sqlite3.Connection, station: str, acked: Acked, now: float) -> Acknowledgement:
    """Take the server's word for exactly its epoch. `now` is the wall clock, seconds since 1970."""
    sequence, _ = head(cx, station, acked.epoch)
    if acked.through > sequence and not _is_left(cx, station, acked.epoch):
        return Acknowledgement(held=0, again=0, ahead=True)
    newly_held = cx.execute(
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
    return Acknowledgement(newly_held, again, ahead=False)


def depth(cx: sqlite3.Connection, station: str) -> int:
    """Return the number of events that the server does not hold yet."""
    query = f"SELECT count(*) FROM outbox o WHERE o.station = ? AND o.acked_at IS NULL AND {_OF_ITS_CHAIN}"  # noqa: S608
    return int(cx.execute(query, (station,)).fetchone()[0])


def event_types_after(cx: sqlite3.Connection, station: str, epoch: int, sequence: int) -> list[tuple[int, str]]:
    """(sequence, type) of the kept events of one epoch behind `sequence`, in order."""
    rows = cx.execute(
        f"{_KEPT} WHERE o.station = ? AND o.epoch = ? AND o.sequence > ? ORDER BY o.sequence",
        (station, epoch, sequence),
    )
    return [(event.sequence, event.type) for event in _restored(cx, rows) if isinstance(event, Event)]


def newest_events(cx: sqlite3.Connection, count: int) -> list[Event]:
    """The last events that are still kept, the newest first."""
    rows = cx.execute(f"{_KEPT} ORDER BY o.rowid DESC LIMIT ?", (count,))
    return [event for event in _restored(cx, rows) if isinstance(event, Event)]


def sound_events(cx: sqlite3.Connection) -> list[Event]:
    """All events that are still kept and are what was sealed, of whichever station, in the order of their chains."""
    rows = cx.execute(f"{_KEPT} ORDER BY o.epoch, o.sequence")
    return [event for event in _restored(cx, rows) if isinstance(event, Event)]


def kept_events(cx: sqlite3.Connection, station: str, after: Place = START, limit: int = -1) -> list[KeptEvent]:
    """All events that are still kept behind `after`, oldest first; at most `limit`, where it is not negative."""
    rows = cx.execute(
        f"{_KEPT} WHERE o.station = ? AND (o.epoch, o.sequence) > (?, ?) ORDER BY o.epoch, o.sequence LIMIT ?",
        (station, *after, limit),
    )
    return _restored(cx, rows)


def prune(cx: sqlite3.Connection, now: float, max_bytes: int = MAX_HELD_BYTES) -> int:
    """Drop held events older than `KEEP_DAYS`, and the oldest beyond `max_bytes`; never one that is not held.

    Returns how many were dropped. A time of acknowledgement in the future (the clock was set back) counts as now.
    """
    cx.execute("UPDATE outbox SET acked_at = ? WHERE acked_at > ?", (now, now))
    old = cx.execute("DELETE FROM outbox WHERE acked_at < ?", (now - KEEP_DAYS * DAY_S,)).rowcount
    excess = cx.execute(
        "DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM ("
        " SELECT rowid, sum(length(envelope) + length(data) + length(salt))"
        " OVER (ORDER BY epoch DESC, sequence DESC) AS size FROM outbox WHERE acked_at IS NOT NULL) WHERE size > ?)",
        (max_bytes,),
    ).rowcount
    if old + excess:
        cx.execute(
            "DELETE FROM outbox_hash AS w WHERE NOT EXISTS (SELECT 1 FROM outbox o"
            " WHERE (o.station, o.epoch, o.sequence) = (w.station, w.epoch, w.sequence)) AND EXISTS (SELECT 1"
            " FROM outbox_head h WHERE (h.station, h.epoch) = (w.station, w.epoch) AND w.sequence < h.sequence)"
        )
    return old + excess


def head(cx: sqlite3.Connection, station: str, epoch: int) -> tuple[int, str]:
    """Sequence and hash of the last event of a chain; 0 and GENESIS where there is none."""
    row = cx.execute(
        "SELECT sequence, hash FROM outbox_head WHERE station = ? AND epoch = ?", (station, epoch)
    ).fetchone()
    return (row[0], row[1]) if row is not None else (0, events.GENESIS)


def current_epoch(cx: sqlite3.Connection, chain: EventChain) -> int:
    """The epoch that is written now: that of the enrolment, or the one that was begun here since."""
    begun: dict[int, int] = dict(
        cx.execute("SELECT enrolled, epoch FROM outbox_epoch WHERE station = ?", (chain.station,)).fetchall()
    )
    if not begun:
        return chain.epoch
    if chain.epoch not in begun:  # enrolled anew, on a file that had come to an epoch of its own
        begun[chain.epoch] = max(chain.epoch, max(begun.values()) + 1)
        cx.execute("INSERT INTO outbox_epoch VALUES (?, ?, ?)", (chain.station, chain.epoch, begun[chain.epoch]))
    return begun[chain.epoch]


def note_damaged(cx: sqlite3.Connection, station: str, places: Iterable[Place]) -> int:
    """Note events that were found damaged. How many of them are new."""
    return sum(
        cx.execute("INSERT OR IGNORE INTO outbox_damaged VALUES (?, ?, ?)", (station, *place)).rowcount
        for place in places
    )


def hashes(cx: sqlite3.Connection, station: str, epoch: int) -> dict[int, str]:
    """Of the events of a chain that are still kept, by their sequence."""
    kept = "SELECT sequence, CAST(envelope AS BLOB) FROM outbox WHERE station = ? AND epoch = ?"
    rows = cx.execute(kept, (station, epoch)).fetchall()
    query = "SELECT sequence, hash FROM outbox_hash WHERE station = ? AND epoch = ?"
    sealed = dict(cx.execute(query, (station, epoch)).fetchall())
    return {sequence: sealed.get(sequence) or hashlib.sha256(envelope).hexdigest() for sequence, envelope in rows}


def is_head_sound(cx: sqlite3.Connection, chain: EventChain) -> bool:
    """Return whether the chain ends where its events and their hashes say. If not, no event may be added to it."""
    key = (chain.station, current_epoch(cx, chain))
    sequence, hash_ = head(cx, *key)
    above = cx.execute("SELECT 1 FROM outbox WHERE station = ? AND epoch = ? AND sequence > ?", (*key, sequence))
    if above.fetchone() is not None:
        return False
    query = "SELECT sequence, hash FROM outbox_hash WHERE station = ? AND epoch = ? ORDER BY sequence DESC LIMIT 1"
    witness = cx.execute(query, key).fetchone()
    return witness is None or tuple(witness) == (sequence, hash_)


def mend_head(cx: sqlite3.Connection, chain: EventChain, time: str) -> "EpochBegun | None":
    """Begin the chain anew where its end cannot be believed: no number is given twice. None where it is sound."""
    if is_head_sound(cx, chain):
        return None
    key = (chain.station, current_epoch(cx, chain))
    ends = [head(cx, *key)[0]]
    for table in ("outbox", "outbox_hash"):
        query = f"SELECT max(sequence) FROM {table} WHERE station = ? AND epoch = ?"  # noqa: S608  # constants
        ends.append(cx.execute(query, key).fetchone()[0] or 0)
    # Of three that say where it ends, the one in the middle is that of any two that agree.
    return begin_epoch(cx, chain, time, after=sorted(ends)[1], why="head_damaged")


@dataclass(frozen=True, slots=True)
class EpochBegun:
    """A chain was begun anew. `after`: up to there the events of the epoch before stay where they are; `moved`: how many behind
    it have come into the new one."""

    epoch: int
    before: int
    after: int
    moved: int


def begin_epoch(
    cx: sqlite3.Connection, chain: EventChain, time: str, *, after: int, above: int = 0, why: str
) -> EpochBegun:
    """Begin the chain anew, in an epoch over all of this station's and over `above`; its first event says so.

    Events behind `after` of the epoch before are sealed again in the new one, in their order, and go out from there: the server
    holds others under their numbers. The signed checkpoints among them are left out: they tell of numbers that are not.
    """
    before = current_epoch(cx, chain)
    highest = cx.execute("SELECT max(epoch) FROM outbox_head WHERE station = ?", (chain.station,)).fetchone()[0] or 0
    epoch = max(before, highest, above) + 1
    cx.execute(
        "INSERT INTO outbox_epoch VALUES (?1, ?2, ?3) ON CONFLICT (station, enrolled) DO UPDATE SET epoch = ?3",
        (chain.station, chain.epoch, epoch),
    )
    moving = [
        event
        for event in kept_events(cx, chain.station, (before, after))
        if event.epoch == before and not (isinstance(event, Event) and event.type == EventType.CHAIN_CHECKPOINT)
    ]
    content = {"before": before, "after": after, "moved": len(moving), "why": why}
    append(cx, chain, EventType.CHAIN_BEGUN, time, None, content)
    for event in moving:
        sequence, prev = head(cx, chain.station, epoch)
        place = (epoch, sequence + 1)
        if isinstance(event, DamagedEvent):
            _keep(cx, chain.station, place, event.envelope, event.data, event.salt.decode("ascii", "replace"))
        else:
            again = events.reseal(event, *place, prev)
            _keep(cx, chain.station, place, again.envelope, again.data or b"", again.salt or "")
    cx.execute("UPDATE outbox_head SET sequence = ? WHERE station = ? AND epoch = ?", (after, chain.station, before))
    behind = (chain.station, before, after)
    cx.execute("DELETE FROM outbox WHERE station = ? AND epoch = ? AND sequence > ?", behind)
    cx.execute("DELETE FROM outbox_hash WHERE station = ? AND epoch = ? AND sequence > ?", behind)
    return EpochBegun(epoch, before, after, len(moving))


def _keep(cx: sqlite3.Connection, station: str, place: Place, envelope: bytes, data: bytes, salt: str) -> None:
    """At the end of its chain, where it waits for the server."""
    hash_ = hashlib.sha256(envelope).hexdigest()
    cx.execute(
        "INSERT INTO outbox_head VALUES (?, ?, ?, ?)"
        " ON CONFLICT (station, epoch) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
        (station, *place, hash_),
    )
    cx.execute(
        "INSERT INTO outbox (station, epoch, sequence, envelope, data, salt) VALUES (?, ?, ?, ?, ?, ?)",
        (station, *place, envelope, data, salt),
    )
    cx.execute("INSERT OR REPLACE INTO outbox_hash VALUES (?, ?, ?, ?)", (station, *place, hash_))


def _kept_range(cx: sqlite3.Connection, station: str, epoch: int) -> Place:
    """The lowest sequence that is kept, and the last that was written."""
    low = cx.execute("SELECT min(sequence) FROM outbox WHERE station = ? AND epoch = ?", (station, epoch)).fetchone()[0]
    return (low, head(cx, station, epoch)[0]) if low is not None else (1, 0)


def _is_left(cx: sqlite3.Connection, station: str, epoch: int) -> bool:
    """Return whether a later epoch was begun here: the server may hold more of this one than is in this file."""
    later = "SELECT 1 FROM outbox_epoch WHERE station = ? AND epoch > ?"
    return cx.execute(later, (station, epoch)).fetchone() is not None


def _gone(epoch: int, sequence: int) -> DamagedEvent:
    return DamagedEvent(epoch, sequence, b"", b"", b"", "nothing is left of it")


Row = tuple[bytes, int, int, bytes, bytes, bytes, bytes | None]


def _restored(cx: sqlite3.Connection, rows: sqlite3.Cursor) -> list[KeptEvent]:
    return [_restore(cx, row) for row in rows.fetchall()]


def _restore(cx: sqlite3.Connection, row: Row) -> KeptEvent:
    station, epoch, sequence, envelope, data, salt, witness = row
    try:
        event = events.restore(envelope, data, salt.decode("ascii"))
        if (event.station.encode(), event.epoch, event.sequence) != (station, epoch, sequence):
            raise EventError("it is another one than its number says")
        if witness not in (None, event.hash.encode()) and not _is_followed(cx, event):
            raise EventError("its envelope is not what was sealed")
    except UnicodeDecodeError:
        return DamagedEvent(epoch, sequence, envelope, data, salt, "datasalt is no text")
    except EventError as error:
        return DamagedEvent(epoch, sequence, envelope, data, salt, str(error))
    return event


def _is_followed(cx: sqlite3.Connection, event: Event) -> bool:
    """Return whether the head or the next event of the chain vouches for it: then it is its stored hash that was damaged."""
    if head(cx, event.station, event.epoch) == (event.sequence, event.hash):
        return True
    query = "SELECT CAST(envelope AS BLOB) FROM outbox WHERE station = ? AND epoch = ? AND sequence = ?"
    after = cx.execute(query, (event.station, event.epoch, event.sequence + 1)).fetchone()
    return after is not None and f'"prev":"{event.hash}"'.encode() in after[0]
