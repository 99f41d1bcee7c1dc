"""Queries of timelines: what no page of a card shows, and which cards are a person's.

Rules: what belongs to a station that the reader may not see is left out; of each kind the newest hundred.
"""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select

from fleet.messages.vocabulary import EventType
from fleet.server.alerts.tables import alerts
from fleet.server.cards.stock.events import READERS, OrderPlaced, ReservePlaced
from fleet.server.cards.stock.tables import bin_cards
from fleet.server.database.station_scope import StationCondition
from fleet.server.errands.model import ErrandRow
from fleet.server.errands.queries import errand_row, errand_rows
from fleet.server.errands.tables import AT_THE_STOCK, errands
from fleet.server.events.tables import events
from fleet.server.evidence.selection import names_text
from fleet.server.issuers.tables import certificates
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import stations
from fleet.server.timeline.model import TimelineRow
from fleet.server.worklist.tables import worklist_acts

MOST = 100


def other_rows(
    connection: Connection, number: str, names: Collection[str], seen: StationCondition
) -> Iterator[TimelineRow]:
    """Yield what was done with the card at the stock, falls into bins, and alerts that name it or one of its orders (`names`)."""
    yield from _drops(connection, number, seen)
    yield from _stocked(connection, number, seen)
    yield from _alerts(connection, number, names, seen)


def acts_about(connection: Connection, number: str, names: Collection[str]) -> Iterator[TimelineRow]:
    """Yield what people did about what waited. An act belongs to no station: ask where something of the card may be seen."""
    acts = worklist_acts.c
    this = select(worklist_acts).where(acts.subject.in_([number, *names])).order_by(acts.at.desc()).limit(MOST)
    for row in connection.execute(this):
        words = ": ".join(part for part in (row.who, row.note) if part)
        yield TimelineRow(row.at, "worklist", row.act, "", number, row.kind, words)


def cards_of(connection: Connection, hsa_id: str, seen: StationCondition) -> tuple[set[str], list[ErrandRow]]:
    """Numbers of the cards that were ordered for, renewed by or used by that person; and errands that were about none."""
    ordered = select(orders.c.card_number).where(orders.c.hsa_id == hsa_id, seen(orders.c.station))
    renewed = select(certificates.c.card_number).where(certificates.c.hsa_id == hsa_id, seen(certificates.c.station))
    own = errand_rows().where(errands.c.hsa_id == hsa_id, seen(stations.c.name)).order_by(errands.c.started.desc())
    theirs = [errand_row(row) for row in connection.execute(own.limit(MOST))]
    used = {errand.card_number for errand in theirs if errand.card_number}
    numbers = used.union(connection.execute(ordered.union(renewed).limit(MOST)).scalars())
    return numbers, [errand for errand in theirs if not errand.card_number]


def _drops(connection: Connection, number: str, seen: StationCondition) -> Iterator[TimelineRow]:
    query = select(stations.c.name, bin_cards.c.dropped, bin_cards.c.by_number)
    query = query.join(stations, stations.c.id == bin_cards.c.station)
    this = query.where(bin_cards.c.card_number == number, seen(stations.c.name))
    for row in connection.execute(this.order_by(bin_cards.c.dropped.desc()).limit(MOST)):
        yield TimelineRow(row.dropped, "dropped", "by_number" if row.by_number else "seen", row.name, number)


def _stocked(connection: Connection, number: str, seen: StationCondition) -> Iterator[TimelineRow]:
    """By the events of the administrators' errands at the stock."""
    query = select(stations.c.name, events.c.type, events.c.data, events.c.errand, events.c.time, events.c.received)
    query = query.join(stations, stations.c.id == events.c.station)
    at_stock = select(errands.c.errand).where(AT_THE_STOCK)
    placed = events.c.type.in_((EventType.CARD_STORED, EventType.CARD_TAKEN_OUT))
    this = and_(events.c.errand.in_(at_stock), placed, names_text(connection, number), seen(stations.c.name))
    for row in connection.execute(query.where(this).order_by(events.c.id.desc()).limit(MOST)):
        yield from _placed(row, number)


def _placed(row: Any, number: str) -> Iterator[TimelineRow]:
    try:
        changes = READERS[row.type](row.data, row.received)
    except msgspec.MsgspecError:
        return
    for change in changes:
        match change:
            case OrderPlaced(order=order, what=movement):
                pass
            case ReservePlaced(lies=lies):
                order, movement = "", "stored" if lies else "taken_out"
            case _:
                continue
        slot = str(change.slot)
        yield TimelineRow(row.received, "stock", movement, row.name, number, slot, order=order, errand=row.errand)


def _alerts(
    connection: Connection, number: str, names: Collection[str], seen: StationCondition
) -> Iterator[TimelineRow]:
    named = or_(alerts.c.detail == number, alerts.c.detail.startswith(f"{number}:"), alerts.c.subject.in_(names))
    this = select(alerts).where(named, seen(alerts.c.station)).order_by(alerts.c.first.desc()).limit(MOST)
    for row in connection.execute(this):
        yield TimelineRow(row.first, "alert", row.code, row.station, number, alert=row.id)
