"""Queries of events: bulk insert, and look-up by their place in a chain.

Rules: rows go to the driver as they are stored, by executemany on SQLite and by COPY on PostgreSQL. Uniqueness of (station,
epoch, sequence) is the table's, and a violation takes nothing of the batch.
"""

import logging
from collections.abc import Iterable

from sqlalchemy import Connection, and_, select

from fleet.messages.events import Event, EventError, restore
from fleet.server.events.received_sequences import ReceivedSequences, gaps_from_text
from fleet.server.events.tables import chains, events

Place = tuple[int, int, int]
"""Station's key, epoch, sequence."""

CHUNK = 500

_log = logging.getLogger(__name__)


def events_at(connection: Connection, places: Iterable[Place]) -> dict[Place, Event | None]:
    """The events at these places; None where there is none, or one that is damaged."""
    wanted: dict[tuple[int, int], list[int]] = {}
    found: dict[Place, Event | None] = {}
    for station, epoch, sequence in places:
        wanted.setdefault((station, epoch), []).append(sequence)
        found[station, epoch, sequence] = None
    for (station, epoch), sequences in wanted.items():
        for start in range(0, len(sequences), CHUNK):
            chosen = events.c.sequence.in_(sequences[start : start + CHUNK])
            columns = select(events.c.sequence, events.c.envelope, events.c.data, events.c.salt)
            rows = connection.execute(columns.where(and_(events.c.station == station, events.c.epoch == epoch, chosen)))
            for row in rows:
                place = (station, epoch, row.sequence)
                found[place] = restore_event(place, row.envelope, row.data, row.salt)
    return found


def received_sequences(connection: Connection, station: int, epoch: int) -> ReceivedSequences:
    """What a chain's own row says that is held of it; nothing where it has none."""
    query = select(chains.c.highest, chains.c.gaps).where(chains.c.station == station, chains.c.epoch == epoch)
    row = connection.execute(query).first()
    return ReceivedSequences() if row is None else ReceivedSequences(row.highest, gaps_from_text(row.gaps))


def restore_event(place: Place, envelope: bytes, data: bytes | None, salt: str | None) -> Event | None:
    """The event of a row; None, and a line in the log, where it is damaged."""
    try:
        return restore(envelope, data, salt)
    except EventError as error:
        _log.error("station %d, %d:%d is damaged in the store: %s", *place, error)
        return None
