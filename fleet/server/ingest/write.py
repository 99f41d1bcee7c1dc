"""Batch writer of ingest, one transaction a batch: every event once, nothing lost, nothing that stops the stream.

Rules, for each station and epoch:
- a sequence that is held already changes nothing: the same bytes are a repetition, others are kept aside with an alarm;
- an event is stored with what follows from it; one that does not follow its neighbour is stored too, with an alarm;
- something undecodable with a key is quarantined and counts as held;
- that a station spoke is kept whatever it said; a state is written where it says something new;
- of one station at most `DAY_BYTES` a day (UTC) are set aside, unreadable messages and conflicts together. What is more is not
  held: the station keeps it and sends it again, ever more seldom, since it is not acknowledged; what can be read goes on;
- every chain that was touched, by repetitions too, gets an `Acked`, so that a lost one heals.

On PostgreSQL several writers may run, in one process or in many: each holds the locks of the stations in its batch.
"""

import getpass
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache, partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from fleet.messages.events import GENESIS, Event
from fleet.messages.link import Acked, StationState
from fleet.messages.takeovers import AGAIN, MANY
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.stock.projection import Origin
from fleet.server.commands import queries as commanding
from fleet.server.database.bulk import insert_new, is_postgres, put_all, stored_time
from fleet.server.database.database import Database
from fleet.server.database.overlap import overlapping
from fleet.server.database.postgres import copy_rows
from fleet.server.database.sqlite import insert_rows
from fleet.server.events.chains import Chain, Chains, chain_rows, open_chains
from fleet.server.events.queries import Place, events_at
from fleet.server.events.received_sequences import ReceivedSequences
from fleet.server.events.tables import conflicts, quarantine
from fleet.server.ingest.parse import (
    Arrival,
    ArrivedEvent,
    ArrivedPresence,
    ArrivedResult,
    ArrivedState,
    Committed,
    UnreadableMessage,
    is_spoken_now,
)
from fleet.server.ingest.project import Folded, apply_folded, fold, keep_receipts
from fleet.server.ingest.projections import Step, changes_at
from fleet.server.live_feed.topics import Topic
from fleet.server.orders.service import settle_returns
from fleet.server.receipts.tables import receipt_mails
from fleet.server.stations.alarms import (
    CHAIN_BROKEN,
    CONFLICT,
    DUPLICATE_IDENTITY,
    QUARANTINED,
    SET_ASIDE_FULL,
    TOO_MANY_GAPS,
    Alarm,
    alarm_rows,
    raise_alarm,
)
from fleet.server.stations.tables import stations

DAY_BYTES = 5_000_000
_states = msgspec.json.Decoder(StationState)


@dataclass(slots=True)
class _Batch:
    """Content that one transaction gathers, to be written at its end."""

    now: datetime
    numbers: dict[str, int]
    chains: Chains
    stored: dict[Place, Event | None] = field(default_factory=dict)
    """Events of earlier batches that were looked up: those that may be repetitions, all at once."""
    fresh: dict[Place, ArrivedEvent] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Stations of which something has changed."""
    states: dict[str, str] = field(default_factory=dict)
    known_states: dict[str, str | None] = field(default_factory=dict)
    """As stored before this batch, or said earlier in it."""
    online: dict[str, bool] = field(default_factory=dict)
    results: list[ArrivedResult] = field(default_factory=list)
    allowance: "Allowance | None" = None
    """What may still be set aside; None: all."""
    aside: Counter[str] = field(default_factory=Counter)
    """Bytes by station."""
    waiting: list[Arrival] = field(default_factory=list)
    """What there is no room for today."""
    quarantined: int = 0
    conflicts: int = 0
    ends: bool = True
    """Nothing comes after it in its transaction, which may be committed with its last statements."""


class Allowance:
    """Bytes that were set aside today, by station: counted from the store once a day, and from there on here. Several writers for
    one station each count what others added since only from the next day on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._day: date | None = None
        self._bytes: dict[int, int] = {}

    def has_room(self, connection: Connection, station: int, size: int, now: datetime) -> bool:
        """Return whether `size` more bytes fit into the station's allowance of the day. Raises sqlalchemy.exc.DBAPIError."""
        day = now.astimezone(UTC).date()
        if day != self._day:
            self._day, self._bytes = day, {}
        if station not in self._bytes:
            self._bytes[station] = _set_aside_since(connection, station, datetime.combine(day, time.min, UTC))
        return self._bytes[station] + size <= self._most

    def add(self, sizes: Mapping[int, int]) -> None:
        """After the commit."""
        for station, size in sizes.items():
            self._bytes[station] = self._bytes.get(station, 0) + size


def _set_aside_since(connection: Connection, station: int, since: datetime) -> int:
    sizes = (
        select(func.coalesce(func.sum(func.length(table.c.raw)), 0)).where(
            table.c.station == station, table.c.received >= since
        )
        for table in (quarantine, conflicts)
    )
    return sum(int(connection.execute(size).scalar_one()) for size in sizes)


class NotTakenError(Exception):
    """Refusal, once more, of what was set aside. The text says why."""


class Writer:
    """Writes what stations send. Not for use by several threads at once: each has one of its own."""

    def __init__(self, database: Database, day_bytes: int = DAY_BYTES) -> None:
        """`day_bytes`: so much of a station is set aside in a day."""
        self._database = database
        self._numbers: dict[str, int] = {}
        self._allowance = Allowance(day_bytes)

    def commit(
        self, arrivals: Sequence[Arrival], now: datetime, meanwhile: Callable[[], object] | None = None
    ) -> Committed:
        """Take a batch: durable when this returns. Raises sqlalchemy.exc.DBAPIError, and then nothing was taken.

        `meanwhile`: what to do while PostgreSQL works, more than once or never (see `overlap`).
        """
        with self._database.ingesting.begin() as connection:
            batch = self._open(connection, arrivals, now, _silent(arrivals))
            batch.allowance = self._allowance
            committed = _fill(connection, batch, arrivals, meanwhile)
        self._committed(batch)
        return committed

    def take_back(
        self, arrivals: Sequence[ArrivedEvent | ArrivedResult], rows: Sequence[int], now: datetime, note: AuditEvent
    ) -> Committed:
        """Take what was set aside in these rows of the quarantine as if it came now; `note` is told to the audit with it. Raises
        NotTakenError and sqlalchemy.exc.DBAPIError, and then nothing has changed."""
        with self._database.writing.begin() as connection:
            connection.execute(delete(quarantine).where(quarantine.c.id.in_(rows)))
            batch = self._open(connection, arrivals, now, {arrival.station for arrival in arrivals})
            batch.ends = False
            _release(connection, batch, [arrival for arrival in arrivals if isinstance(arrival, ArrivedEvent)])
            committed = _fill(connection, batch, arrivals, None)
            _check_taken(batch, arrivals)
            audit.append(connection, now, f"machine:{getpass.getuser()}", "", note)
        self._committed(batch)
        return committed

    def _open(self, connection: Connection, arrivals: Sequence[Arrival], now: datetime, silent: set[str]) -> _Batch:
        """`silent`: stations that this does not prove to be there."""
        names = {arrival.station for arrival in arrivals}
        numbers, chains = open_chains(connection, names, self._numbers, now, silent)
        return _Batch(now, numbers, chains, known_states=_known_states(connection, arrivals, numbers))

    def _committed(self, batch: _Batch) -> None:
        if self._database.write_back is not None:
            self._database.write_back.added(len(batch.fresh))
        self._numbers |= batch.numbers
        self._allowance.add({batch.numbers[station]: size for station, size in batch.aside.items()})


def _fill(
    connection: Connection, batch: _Batch, arrivals: Sequence[Arrival], meanwhile: Callable[[], object] | None
) -> Committed:
    """Take them into the batch, and write it."""
    by_chain = _sequences_by_chain(arrivals)
    batch.stored = events_at(connection, _repeated_places(batch, by_chain))
    for arrival in arrivals:
        if type(arrival) is not ArrivedEvent or not _takes_next(batch, arrival):
            _take(connection, batch, arrival)
    if batch.waiting:  # of what waits nothing is said: a word would make the station send it again at once
        waiting = {id(deferred) for deferred in batch.waiting}
        by_chain = _sequences_by_chain([arrival for arrival in arrivals if id(arrival) not in waiting])
    touched = [(station, epoch, batch.chains[station, epoch]) for station, epoch in sorted(by_chain)]
    topics = _write(connection, batch, touched, meanwhile)
    acked = tuple((station, Acked(epoch, c.held.through, c.held.wanted)) for station, epoch, c in touched)
    return Committed(acked, frozenset(topics), len(batch.fresh), batch.quarantined, batch.conflicts)


def _release(connection: Connection, batch: _Batch, arrivals: Sequence[ArrivedEvent]) -> None:
    """Hold no more what was held as unreadable: each is a gap, or after the end of its chain."""
    for arrived in arrivals:
        station, (epoch, sequence) = arrived.station, arrived.key
        chain = batch.chains.get((station, epoch))
        place = (batch.numbers[station], epoch, sequence)
        if chain is None or not chain.held.has(sequence) or events_at(connection, [place])[place] is not None:
            continue
        chain.held = chain.held.without(sequence)
        before = events_at(connection, [last := (batch.numbers[station], epoch, chain.held.highest)])[last]
        if chain.held.highest < sequence:
            chain.head = None if before is None else before.hash


def _check_taken(batch: _Batch, arrivals: Sequence[Arrival]) -> None:
    """Raises NotTakenError where one of them was neither stored nor known."""
    if batch.quarantined:
        raise NotTakenError("answers no command of this station")
    for arrival in arrivals:
        if isinstance(arrival, ArrivedEvent):
            epoch, sequence = arrival.key
            if not batch.chains[arrival.station, epoch].held.has(sequence):
                raise NotTakenError(TOO_MANY_GAPS)


def _silent(arrivals: Sequence[Arrival]) -> set[str]:
    """Stations of which this batch has nothing that they have just said themselves."""
    return {arrival.station for arrival in arrivals} - {
        arrival.station for arrival in arrivals if is_spoken_now(arrival)
    }


def _known_states(
    connection: Connection, arrivals: Sequence[Arrival], numbers: Mapping[str, int]
) -> dict[str, str | None]:
    """Return the stored states, by station, of those that report their state in this batch."""
    telling = {numbers[arrival.station]: arrival.station for arrival in arrivals if type(arrival) is ArrivedState}
    if not telling:
        return {}
    query = select(stations.c.id, stations.c.state).where(stations.c.id.in_(telling))
    return {telling[row.id]: row.state for row in connection.execute(query)}


def _is_old_news(before: str | None, state: str) -> bool:
    """Return whether a state says what is stored, but for its time: a station repeats itself every minute. Where it
    does not say how far its clock is off, its time is news too."""
    if before is None:
        return False
    try:
        old, new = _states.decode(before), _states.decode(state)
    except msgspec.DecodeError:  # what is stored is damaged
        return False
    return new.clock_off_s is not None and msgspec.structs.replace(old, time=new.time) == new


def _sequences_by_chain(arrivals: Sequence[Arrival]) -> dict[tuple[str, int], list[int]]:
    """Sequences in this batch, by chain; also of what is held already."""
    by_chain: dict[tuple[str, int], list[int]] = {}
    for arrival in arrivals:
        if isinstance(arrival, ArrivedEvent):
            epoch, sequence = arrival.event.epoch, arrival.event.sequence
        elif isinstance(arrival, UnreadableMessage) and arrival.key is not None:
            epoch, sequence = arrival.key
        else:
            continue
        sequences = by_chain.get((arrival.station, epoch))
        if sequences is None:
            by_chain[arrival.station, epoch] = [sequence]
        else:
            sequences.append(sequence)
    return by_chain


def _repeated_places(batch: _Batch, by_chain: Mapping[tuple[str, int], Sequence[int]]) -> set[Place]:
    """Places in this batch that are held already."""
    candidates = [
        (place, batch.chains[place].held, sequences) for place, sequences in by_chain.items() if place in batch.chains
    ]
    return {
        (batch.numbers[station], epoch, sequence)
        for (station, epoch), received, sequences in candidates
        if min(sequences) <= received.highest
        for sequence in sequences
        if received.has(sequence)
    }


def _takes_next(batch: _Batch, arrived: ArrivedEvent) -> bool:
    """Take an event that is the next of its chain and fits it, which most are. Says whether it was one."""
    event = arrived.event
    chain = batch.chains.get((arrived.station, event.epoch))
    if chain is None or event.sequence != chain.held.highest + 1 or event.prev != chain.head:
        return False
    _keep(batch, arrived, chain)
    return True


def _take(connection: Connection, batch: _Batch, arrival: Arrival) -> None:
    match arrival:
        case ArrivedEvent():
            _take_event(connection, batch, arrival)
        case UnreadableMessage():
            _take_spoilt(connection, batch, arrival)
        case ArrivedState():
            if not _is_old_news(batch.known_states.get(arrival.station), arrival.state):
                batch.states[arrival.station] = batch.known_states[arrival.station] = arrival.state
                batch.seen.add(arrival.station)
        case ArrivedPresence():
            batch.online[arrival.station] = arrival.online
            batch.seen.add(arrival.station)
            if arrival.online and arrival.taken_over >= MANY and not arrival.replayed:
                batch.alarms.append(Alarm(arrival.station, DUPLICATE_IDENTITY, AGAIN))
        case ArrivedResult():
            batch.results.append(arrival)
            batch.seen.add(arrival.station)


def _take_event(connection: Connection, batch: _Batch, arrived: ArrivedEvent) -> None:
    station, event = arrived.station, arrived.event
    chain = _chain(batch, station, event.epoch)
    if chain.held.has(event.sequence):
        _repeated(connection, batch, arrived)
        return
    if not chain.held.has_room(event.sequence):
        batch.alarms.append(Alarm(station, TOO_MANY_GAPS, str(event.epoch)))
        return
    if not _follows(connection, batch, chain, event, event.hash):
        chain.intact = False
        batch.alarms.append(Alarm(station, CHAIN_BROKEN, f"{event.epoch}:{event.sequence}"))
    _keep(batch, arrived, chain)


def _keep(batch: _Batch, arrived: ArrivedEvent, chain: Chain) -> None:
    """To be stored, with what follows from it."""
    station, event = arrived.station, arrived.event
    number, epoch, sequence = batch.numbers[station], event.epoch, event.sequence
    batch.fresh[number, epoch, sequence] = arrived
    changes = changes_at(arrived.said, event, batch.now)
    if changes:
        batch.steps.append(Step(Origin(number, station, epoch, sequence), changes, batch.now))
    batch.seen.add(station)
    chain.hold(sequence, event.hash)


def _take_spoilt(connection: Connection, batch: _Batch, spoilt: UnreadableMessage) -> None:
    number = batch.numbers[spoilt.station]
    chain = _chain(batch, spoilt.station, spoilt.key[0]) if spoilt.key else None
    if spoilt.key and chain:
        if chain.held.has(spoilt.key[1]):
            _repeated(connection, batch, spoilt)
            return
        if not chain.held.has_room(spoilt.key[1]):
            batch.alarms.append(Alarm(spoilt.station, TOO_MANY_GAPS, str(spoilt.key[0])))
            return
    same = and_(quarantine.c.station == number, quarantine.c.digest == spoilt.digest)
    if connection.execute(select(quarantine.c.id).where(same)).first() or not _has_room(connection, batch, spoilt):
        return
    connection.execute(insert(quarantine).values(_quarantine_row(number, spoilt, batch.now)))
    batch.alarms.append(Alarm(spoilt.station, QUARANTINED, spoilt.reason))
    batch.seen.add(spoilt.station)
    batch.quarantined += 1
    if spoilt.key and chain:
        chain.hold(spoilt.key[1], None)


def _has_room(connection: Connection, batch: _Batch, message: ArrivedEvent | UnreadableMessage) -> bool:
    """Return whether the message may be set aside today; else it waits, with an alarm."""
    station, size = message.station, len(message.raw)
    number, added = batch.numbers[station], batch.aside[station]
    if batch.allowance is not None and not batch.allowance.has_room(connection, number, added + size, batch.now):
        batch.waiting.append(message)
        batch.alarms.append(Alarm(station, SET_ASIDE_FULL, f"{batch.now.astimezone(UTC):%Y-%m-%d}"))
        return False
    batch.aside[station] += size
    return True


def _repeated(connection: Connection, batch: _Batch, again: ArrivedEvent | UnreadableMessage) -> None:
    """A sequence that is held: the same bytes are nothing new, others are kept aside."""
    assert again.key is not None
    epoch, sequence = again.key
    number = batch.numbers[again.station]
    if _is_same(connection, batch, number, again):
        return
    digest = hashlib.sha256(again.raw).hexdigest()
    place = {"station": number, "epoch": epoch, "sequence": sequence, "digest": digest}
    same = and_(*(conflicts.c[name] == value for name, value in place.items()))
    if connection.execute(select(conflicts.c.id).where(same)).first() or not _has_room(connection, batch, again):
        return
    connection.execute(insert(conflicts).values(**place, raw=again.raw, received=batch.now))
    batch.alarms.append(Alarm(again.station, CONFLICT, f"{epoch}:{sequence}"))
    batch.seen.add(again.station)
    batch.conflicts += 1


def _is_same(connection: Connection, batch: _Batch, station: int, again: ArrivedEvent | UnreadableMessage) -> bool:
    """Return whether what is stored there has the bytes that came again; of an erased event the envelope alone is compared."""
    assert again.key is not None
    stored = _event_at(connection, batch, (station, *again.key))
    if stored is None:
        place = and_(
            quarantine.c.station == station,
            quarantine.c.epoch == again.key[0],
            quarantine.c.sequence == again.key[1],
        )
        digest = connection.execute(select(quarantine.c.digest).where(place)).scalar()  # the bytes may have been erased
        return digest == UnreadableMessage(again.station, again.key, "events", again.raw, "").digest
    if stored.data is None:
        return isinstance(again, ArrivedEvent) and stored.envelope == again.event.envelope
    return stored.wire == again.raw


def _follows(connection: Connection, batch: _Batch, chain: Chain, event: Event, hash_: str) -> bool:
    """Return whether the event fits its stored neighbours. One that is not held, or unreadable, proves nothing."""
    if event.sequence == chain.held.highest + 1:
        before = GENESIS if event.sequence == 1 else chain.head
        return before is None or event.prev == before
    if event.sequence == 1 and event.prev != GENESIS:
        return False
    station = batch.numbers[event.station]
    previous = _event_at(connection, batch, (station, event.epoch, event.sequence - 1))
    following = _event_at(connection, batch, (station, event.epoch, event.sequence + 1))
    fits_before = previous is None or event.prev == previous.hash
    fits_after = following is None or following.prev == hash_
    return fits_before and fits_after


def _event_at(connection: Connection, batch: _Batch, place: Place) -> Event | None:
    if place in batch.fresh:
        return batch.fresh[place].event
    if place not in batch.stored:
        batch.stored |= events_at(connection, [place])
    return batch.stored[place]


def _chain(batch: _Batch, station: str, epoch: int) -> Chain:
    chain = batch.chains.get((station, epoch))
    if chain is None:
        chain = batch.chains[station, epoch] = Chain(ReceivedSequences())
    return chain


def _write(
    connection: Connection,
    batch: _Batch,
    touched: Sequence[tuple[str, int, Chain]],
    meanwhile: Callable[[], object] | None,
) -> set[str]:
    """All that was gathered. Gives the topics that pages wait for.

    While PostgreSQL works, the changes of the batch are folded, and then comes `meanwhile`.
    """
    folded = cache(partial(fold, batch.steps, keep_receipts(connection, batch.steps)))

    def work() -> None:
        folded()
        if meanwhile is not None:
            meanwhile()

    with overlapping(connection, work):
        insert_events(connection, batch.fresh, batch.now)
        return _project(connection, batch, touched, folded())


def _project(
    connection: Connection, batch: _Batch, touched: Sequence[tuple[str, int, Chain]], folded: Folded
) -> set[str]:
    """Write what follows from the events, the chains, and the rest of the batch; return the topics that changed."""
    applied = apply_folded(connection, folded)
    if (applied.dropped or applied.emptied) and settle_returns(connection, applied.dropped, applied.emptied):
        applied.topics.add(Topic.ORDERS)
    for mail in applied.mails:
        insert_new(connection, receipt_mails, mail)
    alarms = alarm_rows([*batch.alarms, *applied.alarms], batch.now)
    chains = chain_rows((batch.numbers[station], epoch, chain) for station, epoch, chain in touched)
    for column, values in (("state", batch.states), ("online", batch.online)):
        if values:
            latest = update(stations).where(stations.c.id == bindparam("this")).values({column: bindparam("new")})
            connection.execute(latest, [{"this": batch.numbers[name], "new": value} for name, value in values.items()])
    put_all(connection, [*applied.puts, alarms, chains], last=batch.ends and not batch.results)
    _take_results(connection, batch)
    return (
        applied.topics
        | {Topic.STATION.of(name) for name in batch.seen}
        | ({Topic.STATIONS} if batch.seen else set())
        | ({Topic.COMMANDS} if batch.results else set())
    )


def _take_results(connection: Connection, batch: _Batch) -> None:
    """Last of all that other batches may wait for: each answer is told to the audit, whose head is one row for all."""
    before = len(batch.alarms)
    for seen in batch.results:
        if not commanding.take_result(connection, seen.station, seen.result, batch.now):
            _take_spoilt(connection, batch, seen.misplaced)
    for alarm in batch.alarms[before:]:
        raise_alarm(connection, alarm, batch.now)


def _quarantine_row(station: int, spoilt: UnreadableMessage, now: datetime) -> dict[str, object]:
    epoch, sequence = spoilt.key or (None, None)
    return {
        "station": station,
        "epoch": epoch,
        "sequence": sequence,
        "kind": spoilt.kind,
        "raw": spoilt.raw,
        "digest": spoilt.digest,
        "reason": spoilt.reason,
        "received": now,
    }


COLUMNS = {
    "station": "int4",
    "epoch": "int8",
    "sequence": "int8",
    "type": "text",
    "time": "text",
    "subject": "text",
    "errand": "text",
    "envelope": "bytea",
    "data": "bytea",
    "salt": "text",
    "received": "timestamptz",
}
"""And their types on PostgreSQL."""


def insert_events(connection: Connection, fresh: Mapping[Place, ArrivedEvent], received: datetime) -> None:
    """Insert them in their order. Raises sqlalchemy.exc.DBAPIError."""
    if not fresh:
        return
    at = received if is_postgres(connection) else stored_time(received)
    rows = [_row(place, arrived, at) for place, arrived in fresh.items()]
    if is_postgres(connection):
        copy_rows(connection, "events", tuple(COLUMNS), tuple(COLUMNS.values()), rows)
    else:
        insert_rows(connection, "events", tuple(COLUMNS), rows)


def _row(place: Place, arrived: ArrivedEvent, received: Any) -> tuple[Any, ...]:
    event = arrived.event
    return (
        *place,
        event.type,
        event.time,
        event.subject,
        arrived.said.errand,
        event.envelope,
        event.data,
        event.salt,
        received,
    )
