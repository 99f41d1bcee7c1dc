"""Made-up orders for simulated stations, put into the server's store: what lies in a slot that is drawn is an order there, and so
is each card that came by post and is activated.

Rules: what waits at a station from an earlier run waits there still; empty slots, and cards from the post, are filled up to so
many. A card is to be had by the day on which the rules that ship void its order. People and cards are made up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.orders.model import OrderLine, OrderRecord
from fleet.server.orders.service import import_orders
from fleet.server.orders.tables import orders
from fleet.server.stations.service import add_stations
from sim.fleet.device_state import SLOTS, WaitingCard

STATIONS_AT_ONCE = 200
"""So many in a transaction: the server writes in between."""

Cards = dict[int, WaitingCard]
"""By slot."""


def fill_slots(database: Database, names: Sequence[str], cards: int, run: int, now: datetime) -> dict[str, Cards]:
    """Orders for these stations, so that so many cards (at most all slots) lie at each; gives what lies where. `run`: a number
    that no earlier run has. Raises sqlalchemy.exc.DBAPIError, ImportRefusedError."""
    lying: dict[str, Cards] = {}
    for at in range(0, len(names), STATIONS_AT_ONCE):
        some = names[at : at + STATIONS_AT_ONCE]
        by_station = _waiting(database, some)
        fresh = [
            _order(name, slot, run, now)
            for name in some
            for slot in [free for free in range(1, SLOTS + 1) if free not in by_station[name]][
                : cards - len(by_station[name])
            ]
        ]
        with database.writing.begin() as connection:
            add_stations(connection, some)
            import_orders(connection, [OrderLine(line + 2, order) for line, order in enumerate(fresh)], now)
        for order in fresh:
            by_station[order.station][order.slot] = WaitingCard(order.order, order.card_number)
        lying |= by_station
    return lying


def post_cards(
    database: Database, names: Sequence[str], cards: int, run: int, now: datetime
) -> dict[str, list[WaitingCard]]:
    """Orders of cards that go by post, so that so many wait for activation at each station; gives which. As `fill_slots`."""
    waiting: dict[str, list[WaitingCard]] = {}
    for at in range(0, len(names), STATIONS_AT_ONCE):
        some = names[at : at + STATIONS_AT_ONCE]
        by_station = _posted(database, some)
        fresh = [
            replace(_order(name, SLOTS + number, run, now), delivery="post", slot=0)
            for name in some
            for number in range(1, cards - len(by_station[name]) + 1)
        ]
        with database.writing.begin() as connection:
            add_stations(connection, some)
            import_orders(connection, [OrderLine(line + 2, order) for line, order in enumerate(fresh)], now)
        for order in fresh:
            by_station[order.station].append(WaitingCard(order.order, order.card_number))
        waiting |= by_station
    return waiting


def _posted(database: Database, names: Iterable[str]) -> dict[str, list[WaitingCard]]:
    waiting: dict[str, list[WaitingCard]] = {name: [] for name in names}
    by_post = (orders.c.state == "coming", orders.c.delivery == "post")
    with database.reading.begin() as connection:
        for row in connection.execute(select(orders).where(orders.c.station.in_(waiting), *by_post)):
            waiting[row.station].append(WaitingCard(row.order, row.card_number))
    return waiting


def _waiting(database: Database, names: Iterable[str]) -> dict[str, Cards]:
    lying: dict[str, Cards] = {name: {} for name in names}
    waits = select(orders).where(orders.c.station.in_(lying), orders.c.state == "waiting", orders.c.slot > 0)
    with database.reading.begin() as connection:
        for row in connection.execute(waits):
            lying[row.station][row.slot] = WaitingCard(row.order, row.card_number)
    return lying


def _order(station: str, slot: int, run: int, now: datetime) -> OrderRecord:
    number = f"{station.rpartition('-')[2]}{slot:02}{run % 100_000:05}"
    return OrderRecord(
        order=f"SIM-{station}-{run}-{slot}",
        hsa_id=f"SIM0000000-{number[-10:]}",
        name=f"Simulerad Person {slot}",
        protected=False,
        card_number=f"9999{number.rjust(12, '0')[-12:]}",
        product="etjanstekort",
        loa=3,
        station=station,
        slot=slot,
        last_day=local_day(now + timedelta(days=load_deadlines().rule["not_collected"].days)),
        envelope_key=None,
        envelope_mac=None,
    )
