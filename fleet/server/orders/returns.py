"""Cards that have come back: an order whose card fell into a bin is returned, and destroyed once that bin was emptied.

Rules: a drop counts from the hand-over on, at whatever station, and in whatever order the two are told; only what a batch has
touched is looked at.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update

from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.orders.lifecycle import IN_HAND, State, after
from fleet.server.orders.tables import orders


def settle(connection: Connection, numbers: Collection[str], emptied: Collection[int]) -> bool:
    """Step the orders of these card numbers, and of the bins of these stations. Says whether any moved."""
    if not numbers and not emptied:
        return False
    touched = orders.c.card_number.in_(sorted(numbers))
    fell = and_(bin_cards.c.card_number == orders.c.card_number, bin_cards.c.dropped >= orders.c.changed)
    dropped = select(orders.c.order, orders.c.state, func.max(bin_cards.c.dropped).label("at"))
    dropped = dropped.join(bin_cards, fell).where(touched, orders.c.state.in_(IN_HAND))
    returned = [
        (row.order, after(row.state, "returned"), row.at)
        for row in connection.execute(dropped.group_by(orders.c.order, orders.c.state))
    ]
    _write(connection, returned)
    gone = _emptied(connection, or_(touched, bin_cards.c.station.in_(sorted(emptied))))
    _write(connection, gone)
    return bool(returned or gone)


def _emptied(connection: Connection, touched: ColumnElement[bool]) -> list[tuple[str, State | None, datetime]]:
    fell = and_(bin_cards.c.card_number == orders.c.card_number, bin_cards.c.dropped >= orders.c.changed)
    after_it = and_(bins.c.station == bin_cards.c.station, bins.c.emptied >= bin_cards.c.dropped)
    query = select(orders.c.order, orders.c.state, func.max(bins.c.emptied).label("at"))
    query = query.join(bin_cards, fell).join(bins, after_it).where(touched, orders.c.state == "returned")
    rows = connection.execute(query.group_by(orders.c.order, orders.c.state))
    return [(row.order, after(row.state, "destroyed"), row.at) for row in rows]


def _write(connection: Connection, steps: list[tuple[str, State | None, datetime]]) -> None:
    if not steps:
        return
    change = update(orders).where(orders.c.order == bindparam("this"))
    values: dict[str, Any] = {"state": bindparam("new_state"), "changed": bindparam("new_changed")}
    rows = [{"this": order, "new_state": state, "new_changed": at} for order, state, at in sorted(steps)]
    connection.execute(change.values(values), rows)
