"""Queries of orders, as the office gives them and as stations ask for them.

Rules: an import is all or nothing, and names an order once; a row that says what is stored already changes nothing; an order that
has left its slot cannot be changed; no two waiting cards share a slot, and no card waits twice. Slot 0 is none: the card is on
its way, and the station says later where it lies; such a row never takes a card out of the slot that it has been given since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select

from fleet.messages.leavers import hand_over_digest
from fleet.messages.link import Delivery, Order
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.issuers.tables import HANDED_OVER, requests
from fleet.server.orders.model import IN_HAND, NOT_HANDED_OVER, OPEN, RECEIPT_OWED, OrderRecord, OrderRow
from fleet.server.orders.tables import orders
from fleet.server.people.service import has_left

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """Fields of an order that the verifier needs beside the sealed code."""

    card_number: str
    key: str
    mac: str


def record_of(connection: Connection, order: str) -> OrderRecord | None:
    """Return that order as it was imported."""
    stored = stored_records(connection, [order]).get(order)
    return None if stored is None else stored[1]


def orders_at(connection: Connection, station: str, today: str, *, after: str, limit: int) -> list[Order]:
    """Orders that may still be collected at a station, or have been and lack their receipt, by order, from the one after
    `after`. Who has left is offered no card."""
    open_now = and_(orders.c.state.in_(OPEN), orders.c.last_day >= today, ~has_left(orders.c.hsa_id, today))
    here = and_(orders.c.station == station, or_(open_now, orders.c.state.in_(RECEIPT_OWED)))
    rows = connection.execute(select(orders).where(here, orders.c.order > after).order_by(orders.c.order).limit(limit))
    return [_order(row) for row in rows]


def orders_for(connection: Connection, station: str, hsa_id: str, today: str, *, since: str) -> list[Order]:
    """The same for one person, with those whose last day was `since` or later; a receipt is owed at every station, and a card
    that came by post is activated at every one."""
    here = and_(_offered_at(station), orders.c.state.in_(OPEN), orders.c.last_day >= since)
    here = and_(here, ~has_left(orders.c.hsa_id, today))
    offered = and_(orders.c.hsa_id == hsa_id, or_(here, orders.c.state.in_(RECEIPT_OWED)))
    rows = connection.execute(select(orders).where(offered).order_by(orders.c.order))
    return [_order(row) for row in rows]


def envelope_of(
    connection: Connection, station: str, order: str, today: str, *, loa: int | None = None
) -> Envelope | None:
    """The envelope of an order that waits at this station, or whose receipt is owed; None where there is none to verify. With
    `loa` only of one of that level that waits."""
    open_now = and_(_offered_at(station), orders.c.state.in_(OPEN), orders.c.last_day >= today)
    open_now = and_(open_now, ~has_left(orders.c.hsa_id, today))
    owed = orders.c.state.in_(RECEIPT_OWED)
    offered = or_(open_now, owed) if loa is None else and_(open_now, orders.c.loa == loa)
    columns = select(orders.c.card_number, orders.c.envelope_key, orders.c.envelope_mac)
    row = connection.execute(columns.where(orders.c.order == order, offered)).first()
    if row is None or row.envelope_key is None or row.envelope_mac is None:
        return None
    return Envelope(row.card_number, row.envelope_key, row.envelope_mac)


def is_not_handed_over() -> ColumnElement[bool]:
    """The condition that the card of an order is still to be handed over, and was not by another order."""
    other = orders.alias("other")
    given = exists().where(
        other.c.card_number == orders.c.card_number, other.c.state.in_((*IN_HAND, "returned", "destroyed"))
    )
    return and_(orders.c.state.in_(NOT_HANDED_OVER), ~given)


def pending_hand_over(connection: Connection, card_number: str) -> Delivery | None:
    """Return the way in which that card comes to its holder, where it is still to be handed over; else None."""
    query = select(orders.c.delivery).where(orders.c.card_number == card_number, is_not_handed_over())
    return connection.execute(query.order_by(orders.c.made.desc()).limit(1)).scalar()


def hand_overs_after(connection: Connection, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Orders that are not handed over, at all stations, by order, from the one after `after`; each with its card's digest."""
    query = select(orders.c.order, orders.c.card_number, orders.c.delivery).where(orders.c.order > after)
    rows = connection.execute(query.where(is_not_handed_over()).order_by(orders.c.order).limit(limit))
    return [(row.order, hand_over_digest(row.card_number, row.delivery)) for row in rows]


def _offered_at(station: str) -> ColumnElement[bool]:
    return or_(orders.c.station == station, orders.c.delivery == "post")


def stored_records(connection: Connection, names: Sequence[str]) -> dict[str, tuple[str, OrderRecord]]:
    records: dict[str, tuple[str, OrderRecord]] = {}
    for start in range(0, len(names), CHUNK):
        for row in connection.execute(select(orders).where(orders.c.order.in_(names[start : start + CHUNK]))):
            records[row.order] = (row.state, record_from_row(row._mapping))
    return records


def record_from_row(values: Any) -> OrderRecord:
    return OrderRecord(**{name: values[name] for name in OrderRecord.__dataclass_fields__})


def _order(row: Any) -> Order:
    return Order(
        order=row.order,
        hsa_id=row.hsa_id,
        name=row.name,
        protected=row.protected,
        card_number=row.card_number,
        product=row.product,
        loa=row.loa,
        slot=row.slot,
        last_day=row.last_day,
        receipt_owed=row.state in RECEIPT_OWED,
        delivery=row.delivery,
    )


def order_rows() -> Select[Any]:
    """Orders as `order_row` reads them."""
    return select(orders, is_unregistered().label("unregistered"))


def find_order(
    connection: Connection, order: str, today: str, seen: StationCondition = all_stations
) -> OrderRow | None:
    """Return that order, where the reader may see it."""
    row = connection.execute(order_rows().where(orders.c.order == order, seen(orders.c.station))).first()
    return None if row is None else order_row(row, today)


def is_unregistered() -> ColumnElement[bool]:
    """The issuer has not confirmed yet that the card was handed over."""
    is_report = (requests.c.card_number == orders.c.card_number, requests.c.ask == HANDED_OVER)
    return and_(orders.c.state.in_(IN_HAND), exists().where(*is_report, requests.c.state != "done"))


def order_row(row: Any, today: str) -> OrderRow:
    """Of a row of `order_rows`; one that waits past its last day is expired."""
    past = row.state == "waiting" and row.last_day < today
    return OrderRow(
        order=row.order,
        hsa_id=row.hsa_id,
        name=None if row.protected else row.name,
        protected=row.protected,
        card_number=row.card_number,
        product=row.product,
        loa=row.loa,
        station=row.station,
        slot=row.slot,
        last_day=row.last_day,
        state="expired" if past else row.state,
        changed=row.changed,
        delivery=row.delivery,
        made=row.made,
        registered=not row.unregistered,
    )
