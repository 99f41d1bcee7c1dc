"""Simulated stations agree with themselves: what pages, files and API say of one card, one slot and one fault is the same."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fastapi import FastAPI

from fleet.messages.link import encode
from fleet.server.alerts.monitor import AlertMonitor
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.app import create_app
from fleet.server.clock.time_zones import HERE
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from sim.cli.simulated_orders import fill_slots, post_cards
from sim.fleet.device_state import SLOTS, SimulatedDevices, WaitingCard
from sim.fleet.errands import ACTIVATE, HANDS_OVER, PICKUP, errand
from sim.fleet.outbox import Outbox
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.visitors import COOKIE, SEALER, session
from tests.fleet.server.app.asgi import get
from tests.fleet.server.conftest import NOW, arrived

NAMES = ("sim-00001", "sim-00002", "sim-00003")
CARDS, POSTED = 6, 4


class Fleet:
    """Simulated stations, the server's store, its application and its monitor, under one clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, NOW
        self.writer = Writer(database)
        cards = fill_slots(database, NAMES, CARDS, 7, NOW)
        posted = post_cards(database, NAMES, POSTED, 7, NOW)
        self.stations = {name: SimulatedDevices(name, cards=cards[name], posted=list(posted[name])) for name in NAMES}
        self.outboxes = {name: Outbox(name, 7) for name in NAMES}
        access = Access(database, self.clock, SEALER)
        alerts = AlertService(database, Hub(), self.clock)
        self.monitor = AlertMonitor(database, load_alerts(), Hub(), self.clock)
        readings = StoreReadings(database, self.clock)
        self.app: FastAPI = create_app(
            readings, Hub(), access, alerts, commands_of(database, self.clock), clock=self.clock, zone=HERE
        )
        self.app.state.visitor = f"{COOKIE}={session(access)}"

    def clock(self) -> datetime:
        return self.now

    def say(self, **much: float) -> None:
        """Later, each says its state."""
        self.now += timedelta(**much)
        said = [
            one
            for name, devices in self.stations.items()
            for one in (
                ArrivedPresence(name, True),
                ArrivedState(name, encode(devices.state("b", self.now.isoformat(), 0)).decode()),
            )
        ]
        self.writer.commit(said, self.now)
        self.monitor.look()
        with self.database.writing.begin() as connection:  # people register hand-overs in the issuer's portal
            for waiting in request_queue.due_requests(connection, self.now):
                request_queue.leave_to_people(connection, waiting.key)

    def have_errands(self, random: Random, count: int) -> list[str]:
        """That many at each station; gives their kinds."""
        kinds = []
        for name, devices in self.stations.items():
            for number in range(count):
                for planned in errand(random, name, number, devices.cards, devices.posted):
                    devices.follow(planned.type, planned.content)
                    self.outboxes[name].append(
                        "b", planned.type, self.now.isoformat(), planned.subject, planned.content
                    )
                kinds.append(planned.content["kind"])
            told = self.outboxes[name].due(10_000)
            self.writer.commit(arrived(*told), self.now)
        return kinds

    async def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await get(self.app, f"/api/v1/{path}")).json["items"]
        return found

    async def check(self) -> int:
        """Everywhere the same cards lie in the same slots, to be fetched by the same day. Gives how many."""
        drawn = {
            (station["name"], slot["number"])
            for station in await self.items("stations")
            for slot in station["slots"]
            if slot["card"] == "present"
        }
        waiting = {(row["station"], row["slot"]): row for row in await self.items("orders?state=waiting&limit=500")}
        stock = {(row["station"], row["slot"]): row for row in await self.items("stock?limit=500")}
        due = {row["subject"]: row["due"] for row in await self.items("deadlines?kind=not_collected&limit=500")}
        assert drawn == waiting.keys() == stock.keys()
        for place, row in waiting.items():
            assert stock[place]["card_number"] == row["card_number"]
            assert {row["last_day"], stock[place]["last_day"], due[row["order"]]} == {row["last_day"]}
            assert 1 <= int(row["slot"]) <= SLOTS
        summary = re.search(r'id="orders-waiting">(\d+)', (await get(self.app, "/")).text)
        assert summary is not None
        assert int(summary[1]) == len(waiting)
        return len(waiting)

    async def check_posted(self) -> int:
        """Cards wait to be activated until somebody proves that they are, to be had by the same day; the stations say that some
        of them were, which changes none and stands on the worklist. Gives how many the stations have left."""
        orders = {row["order"]: row for row in await self.items("orders?limit=500") if row["delivery"] == "post"}
        left = {card.order for devices in self.stations.values() for card in devices.posted}
        due = {row["subject"]: row["due"] for row in await self.items("deadlines?kind=not_collected&limit=500")}
        rows = {(row["kind"], row["card_number"]) for row in await self.items("worklist?limit=500")}
        assert left <= orders.keys()
        for order, row in orders.items():
            assert not row["slot"]
            assert (row["state"], due[order]) == ("coming", row["last_day"])
            assert (("in_use", row["card_number"]) in rows) == (order not in left)
        return len(left)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    database = new_store(tmp_path / "fleet.sqlite")
    yield Fleet(database)
    database.close()


async def test_cards_that_are_drawn_are_orders_that_wait(fleet: Fleet) -> None:
    fleet.say()
    assert await fleet.check() == CARDS * len(NAMES)
    kinds = fleet.have_errands(Random(3), 12)
    assert kinds.count(PICKUP) > CARDS
    fleet.say(seconds=60)
    left = await fleet.check()
    assert 0 < left < CARDS * len(NAMES)
    again = fill_slots(fleet.database, NAMES, CARDS, 8, fleet.now)
    assert all(set(fleet.stations[name].cards.items()) <= set(again[name].items()) for name in NAMES)
    assert {len(cards) for cards in again.values()} == {CARDS}


async def test_a_fault_of_a_simulated_device_is_an_alert(fleet: Fleet) -> None:
    fleet.stations["sim-00002"].paper = False
    fleet.say()
    (alert,) = await fleet.items("alerts")
    assert (alert["station"], alert["code"], alert["subject"]) == ("sim-00002", "paper", "Printer")
    (printer,) = [
        device for station in await fleet.items("stations") for device in station["devices"] if not device["ok"]
    ]
    assert printer["state"] == alert["detail"]
    page = (await get(fleet.app, "/")).text
    assert "Simulated station 2: Papperet" in page
    fleet.stations["sim-00002"].paper = True
    fleet.say(seconds=60)
    assert await fleet.items("alerts") == []


def test_no_hand_over_without_a_card_that_waits() -> None:
    random, card = Random(1), WaitingCard("SIM-1", "9999000000000001")

    def ends(cards: dict[int, WaitingCard], posted: list[WaitingCard]) -> set[tuple[str, str | None]]:
        told = [errand(random, "sim-00001", number, cards, posted)[-1].content for number in range(200)]
        return {(end["kind"], end.get("order")) for end in told if end["kind"] in HANDS_OVER}

    assert ends({}, []) == set()
    assert ends({4: card}, []) == {(PICKUP, "SIM-1")}
    assert ends({}, [card]) == {(ACTIVATE, "SIM-1")}


async def test_cards_that_came_by_post_are_activated_and_wait_for_whatever_is_left_to_do(fleet: Fleet) -> None:
    fleet.say()
    assert await fleet.check_posted() == POSTED * len(NAMES)
    kinds = fleet.have_errands(Random(3), 12)
    assert kinds.count(ACTIVATE) > 3
    fleet.say(seconds=60)
    left = await fleet.check_posted()
    assert 0 < left < POSTED * len(NAMES)
    again = post_cards(fleet.database, NAMES, POSTED, 8, fleet.now)
    for name in NAMES:
        assert {card.order for card in fleet.stations[name].posted} <= {card.order for card in again[name]}
        assert len(again[name]) == POSTED
