"""Projection of slots and bins into rows, in the transaction that stores the events.

Rules: changes are taken in order of arrival; orders are read once and written once for a batch. An event says no more of an order
than that its card has left the slot of its own station, or that another one lay there; what else becomes of it, people prove
(`fleet.server.issuers.proved_facts`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from fleet.server.cards.stock.events import BinEmptied, CardDropped, ReservePlaced
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.database.bulk import Put
from fleet.server.orders.model import OrderMoved, state_after
from fleet.server.orders.tables import orders

CHUNK = 500


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The stored event that changes come from."""

    station: int
    name: str
    epoch: int
    sequence: int


def move_orders(connection: Connection, moves: Sequence[tuple[Origin, OrderMoved]]) -> frozenset[str]:
    """Move the orders, and return the ids of those that moved."""
    by_order = _orders(connection, sorted({change.order for _, change in moves}))
    moved = set()
    for origin, change in moves:
        row = by_order.get(change.order)
        follows = None if row is None or row["station"] != origin.name else state_after(row["state"], change.what)
        if row is not None and follows is not None:
            row |= {"state": follows, "changed": change.at}
            moved.add(change.order)
    if moved:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", "changed")}
        rows = [
            {"this": name, "new_state": by_order[name]["state"], "new_changed": by_order[name]["changed"]}
            for name in sorted(moved)
        ]
        connection.execute(update(orders).where(orders.c.order == bindparam("this")).values(values), rows)
    return frozenset(moved)


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


def _orders(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Orders that lie at stations: one that goes by post is in nobody's slot."""
    columns = select(*(orders.c[name] for name in ("order", "station", "state", "changed")))
    by_order: dict[str, dict[str, Any]] = {}
    for start in range(0, len(names), CHUNK):
        these = orders.c.order.in_(names[start : start + CHUNK]), orders.c.delivery != "post"
        by_order |= {row.order: dict(row._mapping) for row in connection.execute(columns.where(*these))}
    return by_order
