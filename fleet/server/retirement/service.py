"""Retirement of stations over the store.

Rules: a station to which cards belong is not retired; the audit hears of it in the same transaction; nothing is deleted. Its
alerts close at the next look of the alert monitor, and events that it still sends are stored as before.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from fleet.server.audit_log.log import AuditEvent, append, without_numbers
from fleet.server.cards.stock import queries as stock
from fleet.server.cards.stock.tables import reserve_cards
from fleet.server.database.database import Database
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.orders.model import ENDED_EARLY, UNCOLLECTED
from fleet.server.orders.tables import orders
from fleet.server.retirement.model import LeftBehind, RetirementRefusedError, UnknownStationError
from fleet.server.stations.tables import stations


class RetirementService:
    """Retirement for pages and programs, from any thread. `actor`: the name for the audit, and the address."""

    def __init__(self, database: Database, changes: Changes, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock

    def left(self, station: str) -> LeftBehind:
        """Return the cards that the station would leave behind."""
        with self._database.reading.begin() as connection:
            return cards_left(connection, station)

    def retire(self, station: str, reason: str, actor: tuple[str, str]) -> None:
        """Take it out of the fleet. Raises UnknownStationError, RetirementRefusedError."""
        with self._database.writing.begin() as connection:
            retire(connection, station, reason, actor, self._clock())
        self._publish(station)

    def take_back(self, station: str, reason: str, actor: tuple[str, str]) -> None:
        """Take it into the fleet again. Raises UnknownStationError, RetirementRefusedError."""
        with self._database.writing.begin() as connection:
            take_back(connection, station, reason, actor, self._clock())
        self._publish(station)

    def _publish(self, station: str) -> None:
        self._changes.publish(frozenset({Topic.STATIONS, Topic.STATION.of(station)}))


def retire(connection: Connection, station: str, reason: str, actor: tuple[str, str], now: datetime) -> None:
    """See `RetirementService.retire`; in the transaction under way."""
    if _is_retired(connection, station):
        raise RetirementRefusedError(f"{station} is retired already")
    if left := cards_left(connection, station):
        named = ", ".join(left.lines)
        advice = "take the cards out, and move or cancel the orders"
        raise RetirementRefusedError(f"cards belong to {station}: {named}; {advice}", left)
    values = {"retired": now, "retired_by": actor[0][:64], "retired_why": without_numbers(reason)}
    _write(connection, station, values)
    append(connection, now, *actor, AuditEvent("station.retire", station, reason))


def take_back(connection: Connection, station: str, reason: str, actor: tuple[str, str], now: datetime) -> None:
    """See `RetirementService.take_back`; in the transaction under way."""
    if not _is_retired(connection, station):
        raise RetirementRefusedError(f"{station} is not retired")
    _write(connection, station, {"retired": None, "retired_by": None, "retired_why": None})
    append(connection, now, *actor, AuditEvent("station.return", station, reason))


def cards_left(connection: Connection, station: str) -> LeftBehind:
    """Orders that are to be collected there or whose card still lies there, other cards in slots, and what lies in the bin."""
    lies_there = or_(orders.c.state.in_(UNCOLLECTED), and_(orders.c.state.in_(ENDED_EARLY), orders.c.slot > 0))
    open_orders = select(orders.c.order, orders.c.slot).where(orders.c.station == station, lies_there)
    others = select(reserve_cards.c.card_number, reserve_cards.c.slot).join(stations)
    in_slots = others.where(stations.c.name == station, reserve_cards.c.lies)
    return LeftBehind(
        tuple((row.order, row.slot) for row in connection.execute(open_orders.order_by(orders.c.order))),
        tuple((row.card_number, row.slot) for row in connection.execute(in_slots.order_by(reserve_cards.c.slot))),
        stock.dropped_cards(connection, station, limit=1)[1],
    )


def _is_retired(connection: Connection, station: str) -> bool:
    row = connection.execute(select(stations.c.retired).where(stations.c.name == station).with_for_update()).first()
    if row is None:
        raise UnknownStationError(f"no station of the name {station}")
    return row.retired is not None


def _write(connection: Connection, station: str, values: dict[str, Any]) -> None:
    connection.execute(update(stations).where(stations.c.name == station).values(values))
