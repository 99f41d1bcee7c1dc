"""Who receives visitors: one answer on every page, in files, in the API and in the metrics, also of stations that have died."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI

from fleet.messages.link import StationState, encode
from fleet.server.app import create_app
from fleet.server.ingest.parse import Arrival, ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, ZONE
from tests.fleet.server.app.asgi import get

NAMES = ("entre-a", "entre-b", "entre-c")
STATE = StationState(title="", version="1", bootid="b", time=NOW.isoformat(), clock_off_s=0)

Say = Callable[..., None]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def later(self, **much: float) -> None:
        self.now += timedelta(**much)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fleet(tmp_path: Path, clock: Clock, access: Access, visitor: str) -> tuple[FastAPI, Writer]:
    """The application on a store, with three stations that have just spoken."""
    database = new_store(tmp_path / "fleet.sqlite")
    desk = commands_of(access.database, clock)
    app = create_app(StoreReadings(database, clock), Hub(), access, FakeAlerts(), desk, clock=clock, zone=ZONE)
    app.state.visitor = visitor
    writer = Writer(database)
    writer.commit([arrival for name in NAMES for arrival in says(name)], NOW)
    return app, writer


def says(name: str, *, replayed: bool = False, **changes: object) -> list[Arrival]:
    """A station that is there says so."""
    state = msgspec.structs.replace(STATE, title=f"Entré {name[-1]}", **changes)
    return [ArrivedPresence(name, True, replayed), ArrivedState(name, encode(state).decode(), replayed)]


async def receiving(app: FastAPI) -> dict[str, int]:
    """How many receive visitors, by each place that says so."""
    stations = (await get(app, "/api/v1/stations")).json["items"]
    metrics = (await get(app, "/metrics")).text
    file = list(
        csv.DictReader(io.StringIO((await get(app, "/exports/stations", accept_language="en")).text), delimiter=";")
    )
    page = (await get(app, "/stations?level=ok", accept_language="en")).text
    return {
        "api": sum(station["receives_visitors"] for station in stations),
        "metrics": int(float(metrics.partition("\nkortkiosk_stations_receiving_visitors ")[2].partition("\n")[0])),
        "file": sum(row["Receives visitors"] == "yes" for row in file),
        "filter": page.count('id="station-entre-'),
    }


async def test_a_fleet_that_has_died_receives_nobody_anywhere(fleet: tuple[FastAPI, Writer], clock: Clock) -> None:
    app, _ = fleet
    assert "All 3 stations receive visitors" in (await get(app, "/", accept_language="en")).text
    clock.later(minutes=3, seconds=1)
    page = (await get(app, "/", accept_language="en")).text
    assert "None of 3 stations receives visitors" in page
    assert await receiving(app) == {"api": 0, "metrics": 0, "file": 0, "filter": 0}


@pytest.mark.parametrize(
    ("minutes", "contact", "label"), [(2.9, "online", "Works"), (3.1, "silent", "Silent"), (15.1, "offline", "Offline")]
)
async def test_silence_is_told_from_quiet_and_from_being_gone(
    fleet: tuple[FastAPI, Writer], clock: Clock, minutes: float, contact: str, label: str
) -> None:
    app, _ = fleet
    clock.later(minutes=minutes)
    station = (await get(app, "/api/v1/stations/entre-a")).json
    assert (station["contact"], station["online"], station["receives_visitors"]) == (
        contact, contact == "online", contact == "online",
    )  # fmt: skip
    assert f"{label}</span>" in (await get(app, "/stations", accept_language="en")).text


async def test_what_a_broker_replays_is_not_being_heard(fleet: tuple[FastAPI, Writer], clock: Clock) -> None:
    """A broker that starts again, or a server that subscribes again, gets everything that was retained."""
    app, writer = fleet
    for _ in range(4):
        clock.later(minutes=4)
        writer.commit([arrival for name in NAMES for arrival in says(name, replayed=True)], clock.now)
    station = (await get(app, "/api/v1/stations/entre-a")).json
    assert (station["heard"], station["contact"]) == ("2026-11-25T09:42:18Z", "offline")
    assert (await receiving(app))["api"] == 0
    writer.commit(says("entre-b"), clock.now)
    clock.later(seconds=30)  # metrics are read anew
    assert await receiving(app) == {"api": 1, "metrics": 1, "file": 1, "filter": 1}
    assert "1 of 3 stations receive visitors" in (await get(app, "/", accept_language="en")).text


async def test_who_is_there_and_in_service_receives_visitors(fleet: tuple[FastAPI, Writer]) -> None:
    assert await receiving(fleet[0]) == {"api": 3, "metrics": 3, "file": 3, "filter": 3}


async def test_a_will_is_the_brokers_word_and_not_the_stations(fleet: tuple[FastAPI, Writer], clock: Clock) -> None:
    app, writer = fleet
    clock.later(seconds=90)
    writer.commit([ArrivedPresence("entre-a", False)], clock.now)
    station = (await get(app, "/api/v1/stations/entre-a")).json
    assert (station["heard"], station["contact"]) == ("2026-11-25T09:42:18Z", "offline")


async def test_one_out_of_service_works_and_receives_nobody(fleet: tuple[FastAPI, Writer], clock: Clock) -> None:
    app, writer = fleet
    writer.commit(says("entre-c", out_of_service="closed"), clock.now)
    assert await receiving(app) == {"api": 2, "metrics": 2, "file": 2, "filter": 2}
