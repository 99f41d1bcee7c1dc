"""Queries of events: bulk insert, and look-up by their place in a chain.

Rules: rows go to the driver as they are stored, by executemany on SQLite and by COPY on PostgreSQL. Uniqueness of (station,
epoch, sequence) is the table's, and a violation takes nothing of the batch.
"""

import hashlib
import logging
from collections.abc import Iterable

from sqlalchemy import Connection, and_, func, select

from fleet.messages.events import Event, EventError, restore
from fleet.messages.link import HeldChain
from fleet.server.events.received_sequences import ReceivedSequences, gaps_from_text
from fleet.server.events.tables import chains, events
from fleet.server.stations.tables import stations

Place = tuple[int, int, int]
"""Station's key, epoch, sequence."""

CHUNK = 500

_log = logging.getLogger(__name__)


def events_at(connection: Connection, places: Iterable[Place]) -> dict[Place, Event | None]:
    """The events at these places; None where there is none, or one that is damaged."""
    by_chain: dict[tuple[int, int], list[int]] = {}
    by_place: dict[Place, Event | None] = {}
    for station, epoch, sequence in places:
        by_chain.setdefault((station, epoch), []).append(sequence)
        by_place[station, epoch, sequence] = None
    for (station, epoch), sequences in by_chain.items():
        for start in range(0, len(sequences), CHUNK):
            chosen = events.c.sequence.in_(sequences[start : start + CHUNK])
            columns = select(events.c.sequence, events.c.envelope, events.c.data, events.c.salt)
            rows = connection.execute(columns.where(and_(events.c.station == station, events.c.epoch == epoch, chosen)))
            for row in rows:
                place = (station, epoch, row.sequence)
                by_place[place] = restore_event(place, row.envelope, row.data, row.salt)
    return by_place


def received_sequences(connection: Connection, station: int, epoch: int) -> ReceivedSequences:
    """Read from a chain's own row what is held of it; nothing where it has none."""
    query = select(chains.c.highest, chains.c.gaps).where(chains.c.station == station, chains.c.epoch == epoch)
    row = connection.execute(query).first()
    return ReceivedSequences() if row is None else ReceivedSequences(row.highest, gaps_from_text(row.gaps))


def held_chain(connection: Connection, station: str, epoch: int, last: int, count: int) -> HeldChain:
    """Read what is held of a chain, by the station's name; `hashes` of the `count` events up to `last`, or up to the highest."""
    mine = chains.join(stations, stations.c.id == chains.c.station)
    of_it = select(func.max(chains.c.epoch), chains.c.station).select_from(mine).where(stations.c.name == station)
    row = connection.execute(of_it.group_by(chains.c.station)).one_or_none()
    if row is None:
        return HeldChain(0, 0)
    newest, number = row
    highest = received_sequences(connection, number, epoch).highest
    end = min(last, highest)
    sequences = range(max(1, end - count + 1), end + 1)
    at = and_(events.c.station == number, events.c.epoch == epoch, events.c.sequence.in_(sequences))
    rows = connection.execute(select(events.c.sequence, events.c.envelope).where(at))
    hashes = {row.sequence: hashlib.sha256(row.envelope).hexdigest() for row in rows}
    return HeldChain(highest, newest, tuple(hashes.get(sequence) for sequence in sequences))


def restore_event(place: Place, envelope: bytes, data: bytes | None, salt: str | None) -> Event | None:
    """The event of a row; None, and a line in the log, where it is damaged."""
    try:
        return restore(envelope, data, salt)
    except EventError as error:
        _log.error("station %d, %d:%d is damaged in the store: %s", *place, error)
        return None
