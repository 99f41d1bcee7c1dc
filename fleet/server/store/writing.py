"""Takes batches of arrivals, one transaction each: every event once, nothing lost, nothing that stops the stream.

Rules, for each station and epoch:
- a sequence that is held already changes nothing: the same bytes are a repetition, others are kept aside with an alarm;
- an event is stored with what follows from it; one that does not follow its neighbour is stored too, with an alarm;
- something undecodable with a key is quarantined and counts as held;
- every chain that was touched, by repetitions too, gets an `Acked`, so that a lost one heals.

>>> Writer(database).commit([arrived], now).acked  # doctest: +SKIP
(('entre-a', Acked(epoch=1, through=7, wanted=())),)
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_, insert, select, update

from fleet.messages.events import GENESIS, Event, EventError, restore
from fleet.messages.link import Acked
from fleet.server.store.alarms import CHAIN_BROKEN, CONFLICT, QUARANTINED, TOO_MANY_GAPS, Alarm, raise_alarm
from fleet.server.store.applying import Origin, apply
from fleet.server.store.arrivals import Arrival, Arrived, Committed, PresenceSeen, Spoilt, StateSeen
from fleet.server.store.database import Database
from fleet.server.store.held import Held, gaps_from_text, gaps_to_text
from fleet.server.store.projections import changes_of, errand_of
from fleet.server.store.tables import chains, conflicts, events, quarantine, stations

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Chain:
    """One chain while a batch is taken. `head`: hash of the event at the highest sequence, where it could be read."""

    held: Held
    head: str | None
    intact: bool
    stored: bool


@dataclass(slots=True)
class _Batch:
    """What one transaction gathers."""

    now: datetime
    names: dict[str, int]
    chains: dict[tuple[str, int], _Chain]
    topics: set[str] = field(default_factory=set)
    fresh: dict[tuple[int, int, int], Event] = field(default_factory=dict)
    """Events by (station, epoch, sequence) that are written at the end, all at once."""
    quarantined: int = 0
    conflicts: int = 0


class Writer:
    """The one place that writes what stations send. Not for use by several threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, arrivals: Sequence[Arrival], now: datetime) -> Committed:
        """Take a batch: durable when this returns. Raises sqlalchemy.exc.DBAPIError, and then nothing was taken."""
        with self._database.writing.begin() as connection:
            batch = _Batch(now, _station_ids(connection, {one.station for one in arrivals}, now), {})
            batch.chains = _chains_of(connection, batch.names)
            for arrival in arrivals:
                _take(connection, batch, arrival)
            if batch.fresh:
                rows = [_row(place[0], event, now) for place, event in batch.fresh.items()]
                connection.execute(insert(events), rows)
            touched = {(one.station, one.key[0]) for one in arrivals if isinstance(one, Arrived | Spoilt) if one.key}
            acked = tuple(_acknowledge(connection, batch, place) for place in sorted(touched))
        return Committed(acked, frozenset(batch.topics), len(batch.fresh), batch.quarantined, batch.conflicts)

    def alarm(self, alarm: Alarm, now: datetime) -> None:
        """Keep an alarm that no arrival raised."""
        with self._database.writing.begin() as connection:
            raise_alarm(connection, alarm, now)


def _take(connection: Connection, batch: _Batch, arrival: Arrival) -> None:
    match arrival:
        case Arrived():
            _take_event(connection, batch, arrival)
        case Spoilt():
            _take_spoilt(connection, batch, arrival)
        case StateSeen():
            seen = update(stations).where(stations.c.name == arrival.station).values(state=arrival.state)
            connection.execute(seen)
            batch.topics |= {"stations", f"station/{arrival.station}"}
        case PresenceSeen():
            here = update(stations).where(stations.c.name == arrival.station).values(online=arrival.online)
            connection.execute(here)
            batch.topics |= {"stations", f"station/{arrival.station}"}


def _take_event(connection: Connection, batch: _Batch, arrived: Arrived) -> None:
    station, event = arrived.station, arrived.event
    chain = _chain(batch, station, event.epoch)
    if chain.held.has(event.sequence):
        _repeated(connection, batch, arrived)
        return
    if not chain.held.has_room(event.sequence):
        raise_alarm(connection, Alarm(station, TOO_MANY_GAPS, str(event.epoch)), batch.now)
        return
    number = batch.names[station]
    if not _follows(connection, batch, number, chain, event):
        chain.intact = False
        where = f"{event.epoch}:{event.sequence}"
        raise_alarm(connection, Alarm(station, CHAIN_BROKEN, where), batch.now)
    batch.fresh[number, event.epoch, event.sequence] = event
    origin = Origin(number, station, event.epoch, event.sequence)
    batch.topics |= apply(connection, origin, changes_of(event, batch.now), batch.now)
    batch.topics |= {"stations", f"station/{station}"}
    _hold(chain, event.sequence, event.hash)


def _take_spoilt(connection: Connection, batch: _Batch, spoilt: Spoilt) -> None:
    number = batch.names[spoilt.station]
    chain = _chain(batch, spoilt.station, spoilt.key[0]) if spoilt.key else None
    if spoilt.key and chain:
        if chain.held.has(spoilt.key[1]):
            _repeated(connection, batch, spoilt)
            return
        if not chain.held.has_room(spoilt.key[1]):
            raise_alarm(connection, Alarm(spoilt.station, TOO_MANY_GAPS, str(spoilt.key[0])), batch.now)
            return
    known = and_(quarantine.c.station == number, quarantine.c.digest == spoilt.digest)
    if connection.execute(select(quarantine.c.id).where(known)).first():
        return
    connection.execute(insert(quarantine).values(_quarantine_row(number, spoilt, batch.now)))
    raise_alarm(connection, Alarm(spoilt.station, QUARANTINED, spoilt.reason), batch.now)
    batch.topics |= {"stations", f"station/{spoilt.station}"}
    batch.quarantined += 1
    if spoilt.key and chain:
        _hold(chain, spoilt.key[1], None)


def _repeated(connection: Connection, batch: _Batch, again: Arrived | Spoilt) -> None:
    """A sequence that is held: the same bytes are nothing new, others are kept aside."""
    assert again.key is not None
    epoch, sequence = again.key
    number = batch.names[again.station]
    if _is_same(connection, batch, number, again):
        return
    digest = hashlib.sha256(again.raw).hexdigest()
    place = {"station": number, "epoch": epoch, "sequence": sequence, "digest": digest}
    known = and_(*(conflicts.c[name] == value for name, value in place.items()))
    if connection.execute(select(conflicts.c.id).where(known)).first():
        return
    connection.execute(insert(conflicts).values(**place, raw=again.raw, received=batch.now))
    raise_alarm(connection, Alarm(again.station, CONFLICT, f"{epoch}:{sequence}"), batch.now)
    batch.topics |= {"stations", f"station/{again.station}"}
    batch.conflicts += 1


def _is_same(connection: Connection, batch: _Batch, station: int, again: Arrived | Spoilt) -> bool:
    """Whether what is stored there has the bytes that came again; of an erased event the envelope alone is compared."""
    assert again.key is not None
    stored = _event_at(connection, batch, station, *again.key)
    if stored is None:
        place = and_(
            quarantine.c.station == station,
            quarantine.c.epoch == again.key[0],
            quarantine.c.sequence == again.key[1],
        )
        return connection.execute(select(quarantine.c.raw).where(place)).scalar() == again.raw
    if stored.data is None:
        return isinstance(again, Arrived) and stored.envelope == again.event.envelope
    return stored.wire == again.raw


def _follows(connection: Connection, batch: _Batch, station: int, chain: _Chain, event: Event) -> bool:
    """Whether it fits its stored neighbours. One that is not held, or unreadable, proves nothing."""
    if event.sequence == chain.held.highest + 1:
        before = GENESIS if event.sequence == 1 else chain.head
        return before is None or event.prev == before
    previous = _event_at(connection, batch, station, event.epoch, event.sequence - 1)
    following = _event_at(connection, batch, station, event.epoch, event.sequence + 1)
    if event.sequence == 1 and event.prev != GENESIS:
        return False
    fits_before = previous is None or event.prev == previous.hash
    fits_after = following is None or following.prev == event.hash
    return fits_before and fits_after


def _event_at(connection: Connection, batch: _Batch, station: int, epoch: int, sequence: int) -> Event | None:
    if (station, epoch, sequence) in batch.fresh:
        return batch.fresh[station, epoch, sequence]
    place = and_(events.c.station == station, events.c.epoch == epoch, events.c.sequence == sequence)
    row = connection.execute(select(events.c.envelope, events.c.data, events.c.salt).where(place)).first()
    if row is None:
        return None
    try:
        return restore(*row)
    except EventError as error:
        _log.error("station %d, %d:%d is damaged in the store: %s", station, epoch, sequence, error)
        return None


def _hold(chain: _Chain, sequence: int, head: str | None) -> None:
    if sequence > chain.held.highest:
        chain.head = head
    chain.held = chain.held.with_sequence(sequence)


def _chain(batch: _Batch, station: str, epoch: int) -> _Chain:
    return batch.chains.setdefault((station, epoch), _Chain(Held(), None, True, False))


def _acknowledge(connection: Connection, batch: _Batch, place: tuple[str, int]) -> tuple[str, Acked]:
    """Write the chain back, and say what is held of it."""
    station, epoch = place
    chain = batch.chains[place]
    values = {
        "highest": chain.held.highest,
        "gaps": gaps_to_text(chain.held),
        "head": chain.head,
        "intact": chain.intact,
    }
    key = {"station": batch.names[station], "epoch": epoch}
    if chain.stored:
        this = and_(chains.c.station == key["station"], chains.c.epoch == epoch)
        connection.execute(update(chains).where(this).values(**values))
    else:
        connection.execute(insert(chains).values(**key, **values))
    return station, Acked(epoch, chain.held.through, chain.held.wanted)


def _station_ids(connection: Connection, names: set[str], now: datetime) -> dict[str, int]:
    """The keys of these stations; those that speak for the first time get one."""
    named = stations.c.name.in_(sorted(names))
    connection.execute(update(stations).where(named).values(heard=now))
    fresh = names - set(connection.execute(select(stations.c.name).where(named)).scalars())
    for name in sorted(fresh):
        connection.execute(insert(stations).values(name=name, online=False, heard=now))
    found = connection.execute(select(stations.c.name, stations.c.id).where(named))
    return {row.name: row.id for row in found}


def _chains_of(connection: Connection, names: dict[str, int]) -> dict[tuple[str, int], _Chain]:
    by_number = {number: name for name, number in names.items()}
    rows = connection.execute(select(chains).where(chains.c.station.in_(by_number)))
    return {
        (by_number[row.station], row.epoch): _Chain(
            Held(row.highest, gaps_from_text(row.gaps)), row.head, row.intact, True
        )
        for row in rows
    }


def _row(station: int, event: Event, now: datetime) -> dict[str, object]:
    return {
        "station": station,
        "epoch": event.epoch,
        "sequence": event.sequence,
        "type": event.type,
        "time": event.time,
        "subject": event.subject,
        "errand": errand_of(event),
        "envelope": event.envelope,
        "data": event.data,
        "salt": event.salt,
        "received": now,
    }


def _quarantine_row(station: int, spoilt: Spoilt, now: datetime) -> dict[str, object]:
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
