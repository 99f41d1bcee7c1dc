"""Changes become rows, in the transaction that stores their event.

Rules: only portable SQL; an order moves forward only, and only by events of the station that holds it; the first
receipt of a number stays.

>>> topics = apply(connection, Origin(1, "entre-a", 1, 7), changes_of(event, now), now)  # doctest: +SKIP
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from fleet.server.store.alarms import RECEIPT_TWICE, UNFIT, Alarm, raise_alarm
from fleet.server.store.projections import (
    Change,
    ErrandConcerns,
    ErrandEnded,
    ErrandStarted,
    OrderMoved,
    ReceiptKept,
    Unfit,
)
from fleet.server.store.tables import errands, orders, receipts

NOT_TOLD = "unknown"
"""The kind of an errand whose start has not arrived yet."""

_BEFORE = {
    "waiting": (),
    "taken": ("waiting",),
    "misplaced": ("waiting", "taken"),
    "collected": ("waiting", "taken", "misplaced"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Which stored event changes come from."""

    station: int
    name: str
    epoch: int
    sequence: int


def apply(connection: Connection, origin: Origin, changes: Iterable[Change], now: datetime) -> frozenset[str]:
    """Write what follows from one event. Gives the topics that pages wait for."""
    topics: set[str] = set()
    for change in changes:
        topics |= _apply_one(connection, origin, change, now)
    return frozenset(topics)


def _apply_one(connection: Connection, origin: Origin, change: Change, now: datetime) -> set[str]:
    match change:
        case ErrandStarted():
            values = {"kind": change.kind, "started": change.at}
            return _put_errand(connection, origin, change.errand, values, values)
        case ErrandConcerns():
            return _concern(connection, origin, change)
        case ErrandEnded():
            return _end(connection, origin, change)
        case OrderMoved():
            return _move_order(connection, origin, change)
        case ReceiptKept():
            return _keep_receipt(connection, origin, change, now)
        case Unfit():
            raise_alarm(connection, Alarm(origin.name, UNFIT, change.reason), now)
            return {"stations"}


def _concern(connection: Connection, origin: Origin, change: ErrandConcerns) -> set[str]:
    known = {"order": change.order, "card_number": change.card_number}
    fresh = {"kind": NOT_TOLD, "started": change.at, **known}
    return _put_errand(connection, origin, change.errand, _said(known), fresh)


def _end(connection: Connection, origin: Origin, change: ErrandEnded) -> set[str]:
    known = {"order": change.order, "card_number": change.card_number, "hsa_id": change.hsa_id}
    end = {"kind": change.kind, "ended": change.at, "outcome": change.outcome}
    fresh = {**end, **known, "started": change.started}
    return _put_errand(connection, origin, change.errand, {**end, **_said(known)}, fresh)


def _said(values: dict[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _put_errand(
    connection: Connection, origin: Origin, errand: str, values: dict[str, Any], fresh: dict[str, Any]
) -> set[str]:
    """Update the errand's row with `values`, or make it of `fresh`."""
    this = and_(errands.c.errand == errand, errands.c.station == origin.station)
    found = connection.execute(update(errands).where(this).values(values or {"errand": errand})).rowcount
    if found == 0:
        connection.execute(insert(errands).values(errand=errand, station=origin.station, **fresh))
    return {"errands", f"errand/{errand}", f"station/{origin.name}"}


def _move_order(connection: Connection, origin: Origin, change: OrderMoved) -> set[str]:
    this = and_(
        orders.c.order == change.order,
        orders.c.station == origin.name,
        orders.c.state.in_(_BEFORE[change.state]),
    )
    moved = connection.execute(update(orders).where(this).values(state=change.state, changed=change.at)).rowcount
    return {"orders"} if moved else set()


def _keep_receipt(connection: Connection, origin: Origin, change: ReceiptKept, now: datetime) -> set[str]:
    count = select(func.count()).select_from(receipts).where(receipts.c.number == change.number)
    if connection.execute(count).scalar_one():
        raise_alarm(connection, Alarm(origin.name, RECEIPT_TWICE, change.number), now)
        return {"stations"}
    key = {"station": origin.station, "epoch": origin.epoch, "sequence": origin.sequence}
    connection.execute(insert(receipts).values(number=change.number, errand=change.errand, **key))
    fresh = {"kind": NOT_TOLD, "started": now, "receipt": change.number}
    return _put_errand(connection, origin, change.errand, {"receipt": change.number}, fresh)
