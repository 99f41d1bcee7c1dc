"""What the server itself does to an order, and where an order stands for a rebuild.

Rules: a step goes by the table of `fleet.server.orders.lifecycle`, in the caller's transaction; what the table does not name
changes nothing and is said. A step is remembered, so that a rebuild begins after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from fleet.server.events.tables import events
from fleet.server.orders.lifecycle import Happening, after
from fleet.server.orders.tables import order_starts, orders

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Stepped:
    """An order before and after; `now` is None where the step does not happen from there."""

    was: str
    now: str | None


def happen(connection: Connection, order: str, what: Happening, at: datetime) -> Stepped | None:
    """Take that step. None where there is no such order."""
    was = connection.execute(select(orders.c.state).where(orders.c.order == order)).scalar()
    if was is None:
        return None
    follows = after(was, what)
    if follows is not None:
        values = {"state": follows, "changed": at}
        connection.execute(update(orders).where(orders.c.order == order).values(values))
        remember(connection, [order])
    return Stepped(was, follows)


def remember(connection: Connection, names: Sequence[str]) -> None:
    """Write down where these orders stand now: a rebuild plays the events after this moment over it."""
    last = select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery()
    columns = ("order", "state", "slot", "changed")
    for start in range(0, len(names), CHUNK):
        chosen = names[start : start + CHUNK]
        connection.execute(delete(order_starts).where(order_starts.c.order.in_(chosen)))
        now = select(*(orders.c[name] for name in columns), last).where(orders.c.order.in_(chosen))
        connection.execute(insert(order_starts).from_select([*columns, "after"], now))
