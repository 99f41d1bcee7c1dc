"""A role for some stations, at every route: nothing of another station is read there, and nothing of it changes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, update

from fleet.messages.link import StationState, encode
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.tables import alerts, notices
from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.commands.model import CommandRequest, Requester
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import DeadlineSettings, load
from fleet.server.enrolment.tables import station_claims
from fleet.server.ingest.parse import ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.maintenance.model import Window
from fleet.server.orders.tables import orders
from fleet.server.proposals.tables import proposals
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from fleet.server.stations.alarms import CHAIN_BROKEN, Alarm, raise_alarm
from fleet.server.stations.tables import stations
from fleet.server.web.authorization import rights
from fleet.server.web.roles import Right, Role
from tests.fakes.server.commands import commands_of
from tests.fakes.server.evidence import FakeEvidence
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import Answer, ask, get, post
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, record

THERE, MINE = "hemlig-station", "angsvik-a"
ORDER, CARD, RESERVE, WHO, NAME = "O-77", "9752269077000077", "9752269088000088", "TEST000000-0077", "Alva Hemlig"
ERRAND = "00000000-0000-4000-8000-000000000077"
MARKS = (THERE, ORDER, CARD, CARD[-4:], RESERVE, WHO, NAME, ERRAND, "TEST000000-A00", "hemligt", "Hemliga")
FOUND_BY = {
    "name": THERE, "station": THERE, "errand": ERRAND, "number": CARD, "alert": "1", "window": "1", "command": "1",
    "order": ORDER, "hsa_id": WHO, "what": "hold", "user": "nobody.test", "token": "none", "action": "close",
    "value": "made-up", "id": "a" * 32, "act": "take", "claim": "1", "join_key": "1", "proposal": "1",
    "layer": f"station:{THERE}",
}  # fmt: skip
KEY = "ab" * 32
OWN = frozenset({Right.PUBLIC, Right.SIGNED_IN})


@dataclass
class Site:
    app: FastAPI
    access: Access
    database: Database

    async def get(self, path: str, value: str) -> Answer:
        return await get(self.app, path, cookie=f"{COOKIE}={value}")

    async def change(self, method: str, path: str, value: str) -> Answer:
        """As a page or a program of ours would, with what fits most forms."""
        if path.startswith("/api/"):
            own = {"origin": "http://127.0.0.1", "x_form_token": form_token(value), "content_type": "application/json"}
            body = b'{"reason": "lost", "command": "sync", "note": "x"}'
            length = {"content_length": str(len(body))}
            return await ask(self.app, method, path, body, cookie=f"{COOKIE}={value}", **own, **length)
        fields = {
            "reason": "lost",
            "station": THERE,
            "id": "a" * 32,
            "command": "sync",
            "note": "x",
            "valid": "900",
            "key": KEY,
        }
        return await post(self.app, path, {"form_token": form_token(value), **fields}, cookie=f"{COOKIE}={value}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = Database.open(Path(tmp_path_factory.mktemp("scopes")) / "fleet.sqlite")
    hub = Hub()
    hub.close()  # so that the feed ends at once
    access = Access(database, lambda: NOW)
    fill(database)
    services = CardServices.of(database, hub, lambda: NOW, DeadlineSettings(load().rule, by="TEST000000-A001"))
    desk = commands_of(database, lambda: NOW, hub)
    app = create_app(
        StoreReadings(database, lambda: NOW), hub, access, AlertService(database, hub, lambda: NOW), desk,
        clock=lambda: NOW, cards=services, evidence=FakeEvidence(),
    )  # fmt: skip
    yield Site(app, access, database)
    database.close()


def fill(database: Database) -> None:
    """Something of every kind at the other station."""
    state = StationState(title="Hemliga huset", version="1", bootid="b", time=NOW.isoformat())
    writer = Writer(database)
    hold_orders(database, record(ORDER, station=THERE, card_number=CARD, hsa_id=WHO, name=NAME))
    chain = SealingStation(THERE).pickup(ORDER, CARD, ERRAND)
    writer.commit(
        [
            ArrivedState(THERE, encode(state).decode()),
            ArrivedState(MINE, encode(state).decode().replace("Hemliga ", "")),
        ],
        NOW,
    )
    writer.commit(arrived(*chain[:-1]), NOW)
    desk = commands_of(database, lambda: NOW)
    desk.ask(CommandRequest(THERE, "open_slot", "hemligt skäl", slot=3), Requester("olle.test", stepped_up=True))
    AlertService(database, KeptChanges(), lambda: NOW).begin_window(
        Window("hemligt", (THERE,), 60, since=NOW), "olle.test"
    )
    with database.writing.begin() as connection:
        connection.execute(update(orders).values(state="waiting", made=NOW - timedelta(days=85)))
        told = {"subject": "hemligt", "severity": "critical", "detail": "", "times": 1, "silent": False}
        connection.execute(insert(alerts).values(station=THERE, code="reader", first=NOW, last=NOW, **told))
        queued = {"alert": 1, "channel": "hemligt", "what": "opened", "made": NOW, "tries": 12, "error": "hemligt"}
        connection.execute(insert(notices).values(**queued))
        raise_alarm(connection, Alarm(THERE, CHAIN_BROKEN, "hemligt"), NOW)
        key = connection.execute(select(stations.c.id).where(stations.c.name == THERE)).scalar_one()
        lies = {
            "station": key,
            "slot": 22,
            "card_number": RESERVE,
            "lies": True,
            "quarantined": False,
            "at": NOW - timedelta(days=200),
        }
        connection.execute(insert(reserve_cards).values(**lies))
        fell = {"station": key, "epoch": 1, "sequence": 99, "card_number": CARD, "dropped": NOW, "by_number": False}
        connection.execute(insert(bin_cards).values(**fell))
        counts = {
            "counted": 1,
            "differs": True,
            "expected": 2,
            "sensor": 2,
            "seal": "hemligt",
            "reason": "missing",
            "reference": "hemligt",
        }
        by = {"by": "TEST000000-A001", "second": "TEST000000-A002", "emptied": NOW - timedelta(days=9)}
        connection.execute(insert(bins).values(station=key, **counts, **by))
        claim = {
            "salt": "00",
            "digest": "00",
            "wrong": 0,
            "made": NOW,
            "made_by": "tove.test",
            "key": KEY,
            "asked": NOW,
        }
        connection.execute(insert(station_claims).values(id=1, station=THERE, expires=NOW + timedelta(days=1), **claim))
        wish = {"kind": "station", "target": THERE, "content": '{"claim": 1, "key": "hemligt"}', "reason": "hemligt"}
        asked = {"by": "tove.test", "asked": NOW, "decide_by": NOW + timedelta(days=7), "state": "waiting"}
        connection.execute(insert(proposals).values(id=1, **wish, **asked))


def routes(app: FastAPI, *, reading: bool) -> Iterator[tuple[str, str]]:
    """Method and address, with what is at the other station, of what needs a right."""
    for path, methods, right in rights(app.routes):
        for method in sorted(methods - {"HEAD"}):
            if right not in OWN and (method == "GET") is reading and path != "/events":
                yield method, re.sub(r"\{(\w+)\}", lambda name: FOUND_BY[name[1]], path)


@pytest.mark.parametrize("role", list(Role))
async def test_nothing_of_another_station_is_read(site: Site, role: Role) -> None:
    value = session(site.access, role, "angsvik-*", name=f"near.{role.value}")
    everything = session(site.access, role, name=f"far.{role.value}")
    shown = 0
    for _, path in routes(site.app, reading=True):
        address = path + ("?kind=not_collected" if path.endswith("/deadlines") else "")
        text = (await site.get(address, value)).body.decode("latin-1").replace(address, "")
        told = [mark for mark in MARKS if mark.encode().decode("latin-1") in text and mark not in address]
        assert told == [], f"{role} {address}"
        if role is Role.ADMIN:
            shown += THERE in (await site.get(address, everything)).body.decode("latin-1")
    assert role is not Role.ADMIN or shown > 20, "who may see all does see it"


@pytest.mark.parametrize("role", list(Role))
async def test_nothing_of_another_station_changes(site: Site, role: Role) -> None:
    value = session(site.access, role, "angsvik-*", name=f"near.{role.value}")
    before = rows_of(site.database)
    for method, address in routes(site.app, reading=False):
        answer = await site.change(method, address, value)
        assert answer.status >= 400, f"{role} {method} {address}"
    assert rows_of(site.database) == before


def rows_of(database: Database) -> list[object]:
    """Everything that a change would change."""
    with database.reading.begin() as connection:
        names = (
            "orders",
            "alerts",
            "commands",
            "maintenance",
            "requests",
            "wishes",
            "people",
            "notices",
            "station_claims",
            "proposals",
        )
        return [connection.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in names]  # noqa: S608
