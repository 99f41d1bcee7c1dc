"""Rebuild of read models from the events: errands, receipts, bins, chains, and how far each order has come.

Rules: one transaction, so that nobody sees it half done; events are played in the order in which they came. An order begins
where its last import left it, and only events after that move it. Of erased data the residue
is played, which holds pseudonyms; an order stays as it is where its holder is forgotten, or where an event that may have moved it
left nothing, so that no card is offered a second time. Alarms and what was quarantined stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, not_, or_, select, update

from fleet.messages.events import GENESIS
from fleet.server.cards.stock.projection import Origin
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.checkpoints.tables import NOTHING_LEFT, checkpoints, erasures
from fleet.server.database.bulk import put_all
from fleet.server.database.database import Database
from fleet.server.errands.tables import errands, receipts
from fleet.server.events.chains import Chain, chain_rows
from fleet.server.events.queries import restore_event
from fleet.server.events.received_sequences import ReceivedSequences
from fleet.server.events.tables import chains, events, quarantine
from fleet.server.ingest.project import apply_changes
from fleet.server.ingest.projections import READERS, Change, Step, changes_of
from fleet.server.orders.model import OrderMoved
from fleet.server.orders.tables import order_starts, orders
from fleet.server.stations.tables import stations

BATCH = 500
PROJECTED = (errands, receipts, bins, bin_cards, reserve_cards, checkpoints)
"""Tables that hold nothing but what events say; the verdict on a checkpoint is given anew."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Counts of a rebuild: the events that were played, and their stations."""

    events: int
    stations: int


def rebuild(database: Database) -> Rebuilt:
    """Make all projections anew. Raises sqlalchemy.exc.DBAPIError, and then nothing has changed."""
    with database.writing.begin() as connection:
        for table in PROJECTED:
            connection.execute(delete(table))
        starts = _restart_orders(connection)
        names = {row.id: row.name for row in connection.execute(select(stations.c.id, stations.c.name))}
        played = 0
        for rows in event_pages(connection):
            play(connection, rows, names, starts)
            played += len(rows)
        _rebuild_chains(connection)
    return Rebuilt(played, len(names))


def play(connection: Connection, rows: Sequence[Row[Any]], names: dict[int, str], starts: dict[str, int]) -> None:
    """Write what follows from these events. `names`: of stations by their key; `starts`: after which event an order moves."""
    steps = [step for row in rows if (step := _step(row, names, starts)) is not None]
    put_all(connection, apply_changes(connection, steps).puts)


def _restart_orders(connection: Connection) -> dict[str, int]:
    """Put orders back to their last import. Gives the event after which each is moved again; others are left alone."""
    begun = begun_orders(connection)
    for row in begun:
        values = {"state": row.state, "slot": row.slot, "changed": row.changed}
        connection.execute(update(orders).where(orders.c.order == row.order).values(values))
    return {row.order: row.after for row in begun}


def begun_orders(connection: Connection) -> list[Row[Any]]:
    """Return the start of each order that can be played again: its holder is not forgotten, and no event of its station
    that may have moved it has been erased since without leaving what it did."""
    without_trace = or_(erasures.c.residue.is_(None), erasures.c.residue == NOTHING_LEFT)
    erased = (
        select(stations.c.name, func.max(events.c.id).label("last"))
        .join(stations, stations.c.id == events.c.station)
        .outerjoin(erasures, same_place())
        .where(events.c.data.is_(None), without_trace, events.c.type.in_(sorted(READERS)))
        .group_by(stations.c.name)
    )
    last_erased = {row.name: row.last for row in connection.execute(erased)}
    query = select(order_starts, orders.c.station).join(orders).where(not_(orders.c.hsa_id.startswith("p-")))
    return [row for row in connection.execute(query) if last_erased.get(row.station, 0) <= row.after]


def event_pages(connection: Connection, which: ColumnElement[bool] | None = None) -> Iterator[list[Row[Any]]]:
    """All events (or those) as they came, some at a time, each with what is left of it where it was erased."""
    last = 0
    while True:
        page = select(events, erasures.c.residue).outerjoin(erasures, same_place()).where(events.c.id > last)
        page = page if which is None else page.where(which)
        rows = list(connection.execute(page.order_by(events.c.id).limit(BATCH)))
        if not rows:
            return
        yield rows
        last = rows[-1].id


def same_place() -> ColumnElement[bool]:
    """A join of events with their erasures."""
    return and_(*(erasures.c[name] == events.c[name] for name in ("station", "epoch", "sequence")))


def _step(row: Row[Any], names: dict[int, str], starts: dict[str, int]) -> Step | None:
    event = restore_event((row.station, row.epoch, row.sequence), row.envelope, row.data, row.salt)
    if event is None:
        return None
    if event.data is None:
        event = msgspec.structs.replace(event, data=row.residue or None)
    changes = tuple(change for change in changes_of(event, row.received) if _counts(change, row.id, starts))
    return Step(Origin(row.station, names[row.station], row.epoch, row.sequence), changes, row.received)


def _counts(change: Change, event: int, starts: dict[str, int]) -> bool:
    """Return whether the change is to be played: one that moved an order before its last import is not."""
    if not isinstance(change, OrderMoved):
        return True
    after = starts.get(change.order)
    return after is not None and event > after


def _rebuild_chains(connection: Connection) -> None:
    chain_keys = select(chains.c.station, chains.c.epoch).union(
        select(events.c.station, events.c.epoch),
        select(quarantine.c.station, quarantine.c.epoch).where(quarantine.c.epoch.is_not(None)),
    )
    for station, epoch in list(connection.execute(chain_keys)):
        put_all(connection, [chain_rows([(station, epoch, _chain(connection, station, epoch))])])


def _chain(connection: Connection, station: int, epoch: int) -> Chain:
    """Rebuild the chain from the events that are held of it, in order of sequence."""
    chain, gaps, before = Chain(ReceivedSequences()), [], 0
    for sequence, envelope in _links(connection, station, epoch):
        event = None if envelope is None else restore_event((station, epoch, sequence), envelope, None, None)
        if sequence > before + 1:
            gaps.append((before + 1, sequence - 1))
        proof = chain.head if sequence == before + 1 and sequence > 1 else GENESIS if sequence == 1 else None
        if event is not None and proof is not None and event.prev != proof:
            chain.intact = False
        chain.head, before = None if event is None else event.hash, sequence
    chain.held = ReceivedSequences(before, tuple(gaps))
    return chain


def _links(connection: Connection, station: int, epoch: int) -> Iterator[tuple[int, bytes | None]]:
    """Sequence and envelope of all that is held of a chain; of what is quarantined no envelope."""
    spoilt = select(quarantine.c.sequence).where(quarantine.c.station == station, quarantine.c.epoch == epoch)
    waiting = sorted(connection.execute(spoilt).scalars(), reverse=True)
    last = 0
    while True:
        here = select(events.c.sequence, events.c.envelope).where(events.c.station == station, events.c.epoch == epoch)
        rows = list(connection.execute(here.where(events.c.sequence > last).order_by(events.c.sequence).limit(BATCH)))
        for row in rows:
            while waiting and waiting[-1] < row.sequence:
                yield waiting.pop(), None
            yield row.sequence, row.envelope
        if not rows:
            yield from ((sequence, None) for sequence in reversed(waiting))
            return
        last = rows[-1].sequence
