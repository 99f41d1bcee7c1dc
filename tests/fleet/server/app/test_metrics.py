"""Figures for monitoring and health: who may read them, what they say, and that no name is in them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from fleet.server.app import create_app
from fleet.server.database.database import Database
from fleet.server.diagnosis.health import Health, watch_store
from fleet.server.integrity.model import LastCheck
from fleet.server.keys.expiry import End
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import NOW, FakeReadings
from tests.fakes.server.visitors import program
from tests.fleet.server.app.asgi import get


def values(text: str) -> dict[str, float]:
    """By name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@pytest.fixture
def health() -> Health:
    return Health({"broker": lambda: None})


@pytest.fixture
def app(readings: FakeReadings, hub: Hub, access: Access, health: Health) -> FastAPI:
    desk = commands_of(access.database, lambda: NOW)
    asks = {"believed": 7, "unsigned": 2}
    return create_app(
        readings, hub, access, FakeAlerts(demo_alerts()), desk, clock=lambda: NOW, health=health, asks=asks
    )


async def test_the_figures_of_the_fleet_and_of_requests(app: FastAPI, health: Health) -> None:
    await get(app, "/api/v1/stations/entre-a", authorization="Bearer kkf_made-up")
    await get(app, "/nope-SE2321000016-1003")
    health.probes["verifier"] = lambda: "away"
    days = (30, 3, 90)
    health.ends = lambda: tuple(End("secret", f"entre-a-{day}", NOW + timedelta(days=day)) for day in days)
    answer = await get(app, "/metrics")
    assert answer.header("content-type").startswith("text/plain")
    said = values(answer.text)
    assert said['kortkiosk_stations{connection="online"}'] + said['kortkiosk_stations{connection="offline"}'] == 14
    assert said["kortkiosk_alerts_open"] == 4
    assert (said['kortkiosk_part_ok{part="broker"}'], said['kortkiosk_part_ok{part="verifier"}']) == (1, 0)
    assert said['kortkiosk_http_requests_total{method="GET",route="/api/v1/stations/{name}",status="401"}'] == 1
    assert said['kortkiosk_http_requests_total{method="any",route="none",status="404"}'] == 1
    assert said['kortkiosk_asks_total{outcome="believed"}'] == 7
    assert said['kortkiosk_asks_total{outcome="unsigned"}'] == 2
    assert said['kortkiosk_ends_seconds{what="secret"}'] == timedelta(days=3).total_seconds()
    assert said["process_resident_memory_bytes"] > 0
    for name in ("entre-a", "lasarettet", "TEST", "SE23"):
        assert name not in answer.text


async def test_the_store_is_asked_every_ten_seconds_at_most(readings: FakeReadings, hub: Hub, access: Access) -> None:
    now, commands = [NOW], commands_of(access.database, lambda: NOW)
    app = create_app(readings, hub, access, FakeAlerts(), commands, clock=lambda: now[0])
    assert (await get(app, "/metrics")).status == 200
    readings.station_rows.clear()
    found = []
    for later in (9, 2):
        now[0] += timedelta(seconds=later)
        said = values((await get(app, "/metrics")).text)
        found.append(said['kortkiosk_stations{connection="online"}'])
    assert found[0] > 0
    assert found[1] == 0


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 401),
        ("127.0.0.1", {"x_forwarded_for": "192.0.2.7"}, 401),
        ("192.0.2.7", {"authorization": "Bearer kkf_made-up"}, 401),
    ],
)
async def test_from_elsewhere_it_takes_a_token(app: FastAPI, client: str, headers: dict[str, str], status: int) -> None:
    assert (await get(app, "/metrics", client=client, **headers)).status == status


async def test_a_token_for_all_stations_is_enough(app: FastAPI, access: Access) -> None:
    bearer = {
        role: program(access, Role.VIEWER, role, f"metrics{number}") for number, role in enumerate(("*", "entre-*"))
    }
    for stations, status in (("*", 200), ("entre-*", 401)):
        answer = await get(app, "/metrics", client="192.0.2.7", authorization=f"Bearer {bearer[stations]}")
        assert answer.status == status


async def test_many_who_ask_at_once_have_the_parts_asked_once(app: FastAPI, health: Health) -> None:
    asked: list[int] = []
    health.probes["counted"] = lambda: asked.append(1)
    answers = await asyncio.gather(*(get(app, "/health/ready") for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len(asked) == 1


async def test_ready_says_which_part_does_not_work(
    app: FastAPI, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.server.diagnosis.metrics.READY_FRESH_S", 0)
    assert (await get(app, "/health/live")).json == {"status": "ok"}
    fine = {"status": "ok", "parts": {"broker": "ok"}, "store_verified": "never"}
    assert (await get(app, "/health/ready")).json == fine

    def broken() -> str | None:
        raise OSError("made-up fault")

    health.probes.update(broker=lambda: "away", verifier=broken)
    answer = await get(app, "/health/ready")
    assert (answer.status, answer.json["status"]) == (503, "not ready")
    assert answer.json["parts"] == {"broker": "away", "verifier": "failed"}


async def test_a_store_that_differs_is_told_and_turns_no_readiness(
    app: FastAPI, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.server.diagnosis.metrics.READY_FRESH_S", 0)
    assert "kortkiosk_store" not in (await get(app, "/metrics")).text
    for count, word in ((0, "ok"), (3, "differs")):
        last = LastCheck(datetime(2026, 6, 1, 2, tzinfo=UTC), None, 4711, count)
        monkeypatch.setattr(health, "last_check", lambda last=last: last)
        answer = await get(app, "/health/ready")
        assert (answer.status, answer.json["store_verified"]) == (200, f"2026-06-01T02:00:00Z {word}")
        figures = values((await get(app, "/metrics")).text)
        assert figures["kortkiosk_store_differences"] == count
        assert figures["kortkiosk_store_verified_time_seconds"] == last.at.timestamp()

    def away() -> LastCheck | None:
        raise OSError("made-up fault")

    monkeypatch.setattr(health, "last_check", away)
    answer = await get(app, "/health/ready")
    assert (answer.status, answer.json["store_verified"]) == (200, "failed")


def test_a_store_that_is_older_or_away_is_not_ready(access: Access) -> None:
    health = Health()
    database: Database = access.database
    watch_store(health, database)
    assert health.look() == {"database": "ok", "migrations": "ok"}
    with database.writing.begin() as connection:
        (now,) = connection.exec_driver_sql("SELECT version_num FROM alembic_version").one()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert health.look()["migrations"].startswith("at 0001, not ")
    with database.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (now,))
