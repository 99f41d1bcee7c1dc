"""Retired stations: by the command line, by REST and on the pages; what leaves with them, and what stays. On a real store."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from fleet.messages.link import StationState, encode
from fleet.messages.vocabulary import EventType
from fleet.server.accounts.tables import sessions
from fleet.server.alerts.monitor import AlertMonitor
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.app import create_app
from fleet.server.cli import main
from fleet.server.database.database import FILE_NAME, Database, open_database
from fleet.server.database.schema import metadata
from fleet.server.ingest.parse import Arrival, ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import Answer, ask, get, post
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, prove_hand_over, record

REASON = "the entrance is rebuilt"
PEOPLE = {"users", "grants", "logins", "links", "sessions", "tokens", "account_acts", "audit", "audit_head"}
"""Tables of who signs in, and what they did."""


@dataclass
class Fleet:
    """A store with two stations that have just spoken, and the application on it."""

    folder: Path
    database: Database
    now: datetime = NOW
    app: FastAPI = field(init=False)
    access: Access = field(init=False)
    monitor: AlertMonitor = field(init=False)
    form_token: str = field(init=False)

    def __post_init__(self) -> None:
        hub = Hub()
        self.access = Access(self.database, self.clock)
        settings = load_alerts()
        alerts = AlertService(self.database, hub, self.clock, settings=settings)
        readings = StoreReadings(self.database, self.clock)
        self.app = create_app(
            readings, hub, self.access, alerts, commands_of(self.database, self.clock, hub), clock=self.clock
        )
        cookie = session(self.access)
        self.app.state.visitor, self.form_token = f"{COOKIE}={cookie}", form_token(cookie)
        self._hub, self._settings = hub, settings

    def begin(self) -> None:
        """Two stations have just spoken, and nothing is known of them before."""
        self.now = NOW
        self._last_entry = max(row.sequence for row in self.access.entries()[0])
        self.monitor = AlertMonitor(self.database, self._settings, self._hub, self.clock)
        self.speaks("entre-a", "entre-b")

    def clock(self) -> datetime:
        return self.now

    def speaks(self, *names: str, **changes: object) -> None:
        """They are there, and say so."""
        state = StationState(title="", version="1", bootid="b", time=self.now.isoformat(), clock_off_s=0)
        said: list[Arrival] = []
        for name in names:
            own = msgspec.structs.replace(state, title=f"Entré {name[-1].upper()}", **changes)
            said += [ArrivedPresence(name, True), ArrivedState(name, encode(own).decode())]
        Writer(self.database).commit(said, self.now)

    async def rest(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """As a person's browser or script asks, who is signed in and has just stepped up."""
        with self.database.writing.begin() as connection:
            connection.execute(update(sessions).values(stepped_up=self.now))
        raw = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"content_type": "application/json"}
        own = {"x_form_token": self.form_token, "origin": "http://127.0.0.1", "content_length": str(len(raw))}
        return await ask(self.app, method, f"/api/v1{path}", raw, **{**own, **kind, **headers})

    async def retire(self, name: str = "entre-a") -> Answer:
        return await self.rest("POST", f"/stations/{name}/retire", {"reason": REASON})

    async def names(self, query: str = "") -> list[str]:
        return [row["name"] for row in (await self.rest("GET", f"/stations{query}")).json["items"]]

    async def open_alerts(self) -> list[tuple[str, str]]:
        self.monitor.look()
        rows = (await self.rest("GET", "/alerts?state=open")).json["items"]
        return sorted((row["station"], row["code"]) for row in rows)

    def audited_actions(self) -> list[tuple[str, str, str, str]]:
        """The newest first."""
        rows = self.access.entries()[0]
        mine = [row for row in rows if row.sequence > self._last_entry and row.action.startswith("station.")]
        return [(row.who, row.action, row.target, row.detail) for row in mine]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    database = new_store(folder / FILE_NAME)
    yield Fleet(folder, database)
    database.close()


@pytest.fixture
def fleet(whole: Fleet) -> Fleet:
    """The same application and people, with nothing but two stations that have just spoken."""
    with whole.database.writing.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in PEOPLE:
                connection.execute(table.delete())
    whole.begin()
    return whole


def run(fleet: Fleet, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["station", *words, "--data", str(fleet.folder), "--json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said


def lies(fleet: Fleet, station: SealingStation) -> None:
    """A reserve card is put into slot 5."""
    content: dict[str, object] = {"errand": "in-1", "card_number": "9752269879", "slot": 5, "by": "TEST000000-A001"}
    Writer(fleet.database).commit(arrived(station.seal(EventType.CARD_STORED, content)), NOW)


async def test_a_retired_station_leaves_lists_counts_files_and_figures_and_its_history_stays(fleet: Fleet) -> None:
    station = SealingStation()
    hold_orders(fleet.database, record())
    Writer(fleet.database).commit(arrived(*station.pickup()), NOW)
    prove_hand_over(fleet.database)
    retired = await fleet.retire()
    assert (retired.status, retired.json["retired"]["reason"]) == (200, REASON)
    assert await fleet.names() == ["entre-b"]
    assert await fleet.names("?retired=true") == ["entre-a"]
    metrics = (await get(fleet.app, "/metrics")).text
    assert "\nkortkiosk_stations_receiving_visitors 1.0\n" in metrics
    assert '\nkortkiosk_stations{connection="online"} 1.0\n' in metrics
    assert "entre-a" not in (await get(fleet.app, "/exports/stations")).text
    assert "entre-a" in (await get(fleet.app, "/exports/stations?show=retired")).text
    assert "entre-a" not in (await get(fleet.app, "/exports/updates")).text
    assert 'id="station-entre-a"' not in (await get(fleet.app, "/stations")).text
    assert 'id="station-entre-a"' in (await get(fleet.app, "/stations?show=retired")).text
    bins = (await fleet.rest("GET", "/bins")).json["items"]
    assert [row["station"] for row in bins] == ["entre-b"]
    alone = (await fleet.rest("GET", "/stations/entre-a")).json
    assert (alone["receives_visitors"], alone["retired"]["reason"], alone["held_through"]) == (False, REASON, 5)
    page = (await get(fleet.app, "/stations/entre-a", accept_language="en")).text
    assert REASON in page
    assert "kortkiosk-provision revoke" in page
    errands = (await fleet.rest("GET", "/errands?station=entre-a&day=2026-06-01")).json["items"]
    assert [errand["order"] for errand in errands] == ["O-1"]
    for address in ("/", "/errands", "/updates", "/alerts", "/commands", "/stock", "/bins", "/orders"):
        assert (await get(fleet.app, address)).status == 200


async def test_it_is_taken_back_and_each_step_is_told_to_the_audit(fleet: Fleet) -> None:
    await fleet.retire()
    again = await fleet.retire()
    assert (again.status, again.json["detail"]) == (409, "entre-a is retired already")
    back = await fleet.rest("POST", "/stations/entre-a/return", {"reason": "the entrance is open"})
    assert (back.status, back.json["retired"], back.json["receives_visitors"]) == (200, None, True)
    assert await fleet.names() == ["entre-a", "entre-b"]
    twice = await fleet.rest("POST", "/stations/entre-a/return", {"reason": "once more"})
    assert (twice.status, twice.json["detail"]) == (409, "entre-a is not retired")
    assert fleet.audited_actions()[::-1] == [
        ("tove.test", "station.retire", "entre-a", REASON),
        ("tove.test", "station.return", "entre-a", "the entrance is open"),
    ]


async def test_only_who_manages_may_retire_and_a_reason_is_needed(fleet: Fleet) -> None:
    operator = {"authorization": f"Bearer {program(fleet.access)}", "cookie": f"x=y; {COOKIE}=0"}
    refused = await fleet.rest("POST", "/stations/entre-a/retire", {"reason": REASON}, **operator)
    assert refused.status == 403
    for body in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "a\nb"}):
        assert (await fleet.rest("POST", "/stations/entre-a/retire", body)).status == 422
    assert (await fleet.retire("entre-x")).status == 404
    assert await fleet.names() == ["entre-a", "entre-b"]


async def test_it_is_refused_while_orders_are_open_there(fleet: Fleet) -> None:
    hold_orders(fleet.database, record("O-1"), record("O-2", slot=0, card_number="9752269033000002"))
    refused = await fleet.retire()
    assert refused.status == 409
    assert refused.json["detail"] == (
        "cards belong to entre-a: order O-1 (slot 3), order O-2; take the cards out, and move or cancel the orders"
    )
    assert await fleet.names() == ["entre-a", "entre-b"]
    assert fleet.audited_actions() == []


async def test_a_cancelled_order_whose_card_still_lies_there_is_named_too(fleet: Fleet) -> None:
    hold_orders(fleet.database, record("O-1"))
    assert (await fleet.rest("POST", "/orders/O-1/cancel")).status == 200
    assert "order O-1 (slot 3)" in (await fleet.retire()).json["detail"]


async def test_it_is_refused_while_reserve_cards_lie_there(fleet: Fleet) -> None:
    lies(fleet, SealingStation())
    refused = await fleet.retire()
    assert refused.status == 409
    assert "reserve card 9752269879 (slot 5)" in refused.json["detail"]


async def test_it_is_refused_while_cards_lie_in_its_bin(fleet: Fleet) -> None:
    station = SealingStation()
    drop: dict[str, object] = {"errand": "e-1", "effect": "drop.card", "outcome": "dropped", "old_card": "9752269875"}
    Writer(fleet.database).commit(arrived(station.seal(EventType.EFFECT_DONE, drop)), NOW)
    assert (await fleet.rest("GET", "/bins?show=cards")).json["total"] == 1
    assert "cards in the bin: 1" in (await fleet.retire()).json["detail"]


async def test_no_order_comes_to_a_retired_station_and_no_command_goes_there(fleet: Fleet) -> None:
    await fleet.retire()
    row = {
        "hsa_id": "TEST000000-0001", "name": "Alva Test", "card_number": "9752269033000001", "product": "601", "loa": 3,
        "station": "entre-a", "slot": 3, "last_day": "2026-08-30",
    }  # fmt: skip
    order = await fleet.rest("PUT", "/orders/O-1", row)
    assert (order.status, order.json["detail"]) == (409, "station: entre-a is retired")
    command = await fleet.rest("POST", "/stations/entre-a/commands", {"command": "self_test", "reason": "look"})
    assert (command.status, command.json["detail"]) == (409, "the station is retired")
    assert "do=self_test" not in (await get(fleet.app, "/stations/entre-a")).text


async def test_its_alerts_close_and_it_opens_one_when_it_speaks_again(fleet: Fleet) -> None:
    for _ in range(4):  # nobody who is signed in is away for long
        fleet.now += timedelta(minutes=10)
        fleet.speaks("entre-b")
        await fleet.names()
    assert await fleet.open_alerts() == [("entre-a", "offline")]
    await fleet.retire()
    assert await fleet.open_alerts() == []
    overview = (await get(fleet.app, "/")).text
    assert "Entré A" not in overview
    fleet.now += timedelta(minutes=10)
    fleet.speaks("entre-a", "entre-b")
    assert await fleet.open_alerts() == [("entre-a", "retired_heard")]
    await fleet.rest("POST", "/stations/entre-a/return", {"reason": "it was a mistake"})
    assert await fleet.open_alerts() == []


async def test_what_it_had_said_before_it_was_retired_is_no_alert(fleet: Fleet) -> None:
    await fleet.retire()
    assert await fleet.open_alerts() == []


async def test_who_manages_does_it_on_the_page_of_the_station(fleet: Fleet) -> None:
    page = (await get(fleet.app, "/stations/entre-a")).text
    assert "/stations/entre-a/retirement" in page
    asked = await get(fleet.app, "/stations/entre-a/retirement", accept_language="en")
    assert asked.status == 200
    fields = {"form_token": fleet.form_token, "reason": REASON}
    empty = await post(fleet.app, "/stations/entre-a/retirement", {**fields, "reason": " "})
    assert empty.status == 422
    done = await post(fleet.app, "/stations/entre-a/retirement", fields)
    assert (done.status, done.header("location")) == (303, "/stations/entre-a")
    assert await fleet.names() == ["entre-b"]
    back = await post(fleet.app, "/stations/entre-a/retirement/end", {**fields, "reason": "open again"})
    assert (back.status, back.header("location")) == (303, "/stations/entre-a")
    assert await fleet.names() == ["entre-a", "entre-b"]
    assert [action[:3] for action in fleet.audited_actions()] == [
        ("tove.test", "station.return", "entre-a"),
        ("tove.test", "station.retire", "entre-a"),
    ]


async def test_the_page_names_what_lies_there_and_offers_nothing(fleet: Fleet) -> None:
    hold_orders(fleet.database, record("O-1"))
    asked = (await get(fleet.app, "/stations/entre-a/retirement", accept_language="en")).text
    assert "O-1" in asked
    assert 'name="reason"' not in asked
    fields = {"form_token": fleet.form_token, "reason": REASON}
    refused = await post(fleet.app, "/stations/entre-a/retirement", fields, accept_language="en")
    assert refused.status == 409
    assert "O-1" in refused.text


def test_the_command_line_retires_and_takes_back(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(fleet, capsys, "retire", "entre-a", "--reason", REASON)
    assert (code, said["ok"], said["revoke"]) == (0, True, "kortkiosk-provision revoke AUTHORITY entre-a")
    assert run(fleet, capsys, "retire", "entre-a", "--reason", REASON)[0] == 3
    assert run(fleet, capsys, "add", "entre-a")[0] == 3
    assert run(fleet, capsys, "return", "entre-a", "--reason", "open again") == (0, {"ok": True, "station": "entre-a"})
    assert run(fleet, capsys, "retire", "entre-x", "--reason", REASON)[0] == 2
    assert [action[1:] for action in fleet.audited_actions()][::-1] == [
        ("station.retire", "entre-a", REASON),
        ("station.return", "entre-a", "open again"),
    ]


def test_the_command_line_names_what_lies_there(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    hold_orders(fleet.database, record("O-1"))
    lies(fleet, SealingStation())
    code, said = run(fleet, capsys, "retire", "entre-a", "--reason", REASON)
    assert (code, said["ok"]) == (3, False)
    assert said["left"] == ["order O-1 (slot 3)", "reserve card 9752269879 (slot 5)"]
    assert main(["station", "retire", "entre-a", "--reason", REASON, "--data", str(fleet.folder)]) == 3
    assert "order O-1 (slot 3)" in capsys.readouterr().err
    with open_database(fleet.folder / FILE_NAME) as database, database.reading.begin() as connection:
        assert connection.exec_driver_sql("SELECT name FROM stations ORDER BY name").scalars().all() == [
            "entre-a",
            "entre-b",
        ]
