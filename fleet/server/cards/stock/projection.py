"""Projection of slots and bins into rows, in the transaction that stores the events.

Rules: changes are taken in order of arrival; orders are read once and written once for a batch. An order moves forward only, and
only by events of the station that holds it. One whose receipt is owed is closed by a receipt that was signed at any station,
whichever of the two stations is heard first: the server may have been restored from a copy, and hear both again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import compress
from operator import not_
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from fleet.server.cards.stock.events import BinEmptied, CardDropped, OrderPlaced, ReservePlaced
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.errands.tables import errands
from fleet.server.orders.model import ENDED_EARLY, IN_HAND, RECEIPT_OWED, OrderMoved, state_after
from fleet.server.orders.tables import orders
from fleet.server.platform.database.bulk import Put

CHUNK = 500


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Which stored event changes come from."""

    station: int
    name: str
    epoch: int
    sequence: int


@dataclass(slots=True)
class _Order:
    """An order's row while a batch is taken."""

    card_number: str
    station: str
    state: str
    slot: int
    changed: datetime
    by_post: bool
    """It is handed over at whichever station its holder comes to."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Which orders moved, and the numbers of cards that are in their holders' hands since."""

    orders: frozenset[str]
    handed: frozenset[str]


def move_orders(connection: Connection, moves: Sequence[tuple[Origin, OrderMoved | OrderPlaced]]) -> Moved:
    found = _orders(connection, sorted({change.order for _, change in moves}))
    here, elsewhere = _by_place(found, moves)
    moved = {change.order for origin, change in here if _moves(found[change.order], change)}
    owed = sorted(name for name in moved if found[name].state in RECEIPT_OWED)
    signed = [*(change for _, change in elsewhere), *_signed_before(connection, owed)]
    moved |= {change.order for change in signed if _signs(found[change.order], change)}
    handed = frozenset(found[name].card_number for name in moved if found[name].state in IN_HAND)
    if not moved:
        return Moved(frozenset(), handed)
    change = update(orders).where(orders.c.order == bindparam("this"))
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", "slot", "changed")}
    rows = [
        {"this": name, "new_state": found[name].state, "new_slot": found[name].slot, "new_changed": found[name].changed}
        for name in sorted(moved)
    ]
    connection.execute(change.values(values), rows)
    return Moved(frozenset(moved), handed)


def drop_cards(connection: Connection, drops: Iterable[tuple[Origin, CardDropped]]) -> None:
    """Cards that have fallen into bins."""
    rows = [
        {
            "station": origin.station,
            "epoch": origin.epoch,
            "sequence": origin.sequence,
            "card_number": change.card_number,
            "dropped": change.at,
            "by_number": change.by_number,
        }
        for origin, change in drops
    ]
    if rows:
        connection.execute(insert(bin_cards), rows)


def emptied_bins(emptied: Iterable[tuple[Origin, BinEmptied]]) -> Put:
    """The latest emptying of each bin counts; of two at one time the one that came later."""
    rows: dict[int, dict[str, Any]] = {}
    for origin, change in emptied:
        names = ("by", "second", "counted", "expected", "sensor", "seal", "reason", "reference", "differs")
        values = {name: getattr(change, name) for name in names}
        row = {"station": origin.station, "emptied": change.at, **values}
        before = rows.get(origin.station)
        if before is None or before["emptied"] <= change.at:
            rows[origin.station] = row
    columns = [column.name for column in bins.columns if not column.primary_key]
    return Put(bins, list(rows.values()), columns, newer="emptied")


def placed_reserves(placed: Iterable[tuple[Origin, ReservePlaced]]) -> Put:
    """The latest word on each slot counts; of two at one time the one that came later."""
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for origin, change in placed:
        key = (origin.station, change.slot)
        before = rows.get(key)
        if before is None or before["at"] <= change.at:
            rows[key] = {"station": origin.station, **asdict(change)}
    return Put(reserve_cards, list(rows.values()), ("card_number", "lies", "at", "quarantined"), newer="at")


_Moves = Sequence[tuple[Origin, OrderMoved | OrderPlaced]]


def _by_place(found: Mapping[str, _Order], moves: _Moves) -> tuple[_Moves, _Moves]:
    """What is told of known orders by the stations that hand them over, and by others."""
    known = [(origin, change) for origin, change in moves if change.order in found]
    here = [found[change.order].by_post or found[change.order].station == origin.name for origin, change in known]
    return list(compress(known, here)), list(compress(known, map(not_, here)))


def _signed_before(connection: Connection, names: Sequence[str]) -> list[OrderMoved]:
    """Receipts of these orders that are held already."""
    if not names:
        return []
    signed = select(errands.c.order, errands.c.started).where(
        errands.c.order.in_(names), errands.c.receipt.is_not(None)
    )
    return [OrderMoved(row.order, "collected", row.started) for row in connection.execute(signed)]


def _signs(order: _Order, change: OrderMoved | OrderPlaced) -> bool:
    """Close it where its receipt alone is owed, and this is that."""
    return change.what == "collected" and order.state in RECEIPT_OWED and _moves(order, change)


def _moves(order: _Order, change: OrderMoved | OrderPlaced) -> bool:
    """Move it where the rules let it. The later of two words on a slot counts; the first slot that an order is given counts in
    any case."""
    follows = state_after(order.state, change.what)
    if follows is None:
        return False
    if isinstance(change, OrderPlaced):
        if order.changed > change.at and order.state != "coming":
            return False
        order.slot = 0 if follows in ENDED_EARLY else change.slot
    order.state, order.changed = follows, change.at
    return True


def _orders(connection: Connection, names: Sequence[str]) -> dict[str, _Order]:
    names_of = ("order", "card_number", "station", "state", "slot", "changed", "delivery")
    columns = select(*(orders.c[name] for name in names_of))
    found: dict[str, _Order] = {}
    for start in range(0, len(names), CHUNK):
        for row in connection.execute(columns.where(orders.c.order.in_(names[start : start + CHUNK]))):
            found[row.order] = _Order(
                row.card_number, row.station, row.state, row.slot, row.changed, by_post=row.delivery == "post"
            )
    return found
