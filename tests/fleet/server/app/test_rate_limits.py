"""How much is answered: each limit at its edge, for programs and for people, under a turned clock."""

import re
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI

from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.commands.service import CommandService
from fleet.server.deadlines.settings import load
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from fleet.server.web.settings import LimitSettings
from tests.docs.pages import DOCS
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import Answer, ask, get, post

FEW = LimitSettings(requests=3, refused=2, looks=2, commands=2)
ORDER = {"command": "restart", "reason": "made up", "valid_s": "900"}


class Turned:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def paced(readings: FakeReadings, access: Access, alerts: FakeAlerts, desk: CommandService, clock: Turned) -> FastAPI:
    app = create_app(readings, Hub(), access, alerts, desk, clock=clock, limits=FEW)
    app.state.hub = Hub()
    return app


@pytest.fixture
def person(access: Access, request: pytest.FixtureRequest) -> str:
    """The session of somebody new: what was looked at before is not looked at anew."""
    return session(access, Role.ADMIN, name=f"{request.node.name[:30].replace('_', '-')}.test")


async def by_token(app: FastAPI, token: str, path: str = "/api/v1/me", client: str = "192.0.2.7") -> Answer:
    return await ask(app, "GET", path, cookie="x=1; kortkiosk=", authorization=f"Bearer {token}", client=client)


async def page(app: FastAPI, value: str, path: str, **headers: str) -> Answer:
    return await get(app, path, cookie=f"{COOKIE}={value}", **headers)


def refused(answer: Answer, seconds: int) -> bool:
    """Whether it says 429 as a program reads it, and how long to wait."""
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json["status"] == answer.status
    assert answer.header("retry-after") == str(seconds)
    return answer.status == 429


async def test_a_token_is_answered_so_often_a_minute_and_told_what_is_left(
    paced: FastAPI, access: Access, clock: Turned
) -> None:
    token = program(access, name="often")
    answers = [await by_token(paced, token) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.header("ratelimit") for answer in answers] == [f'"requests";r={left};t=60' for left in (2, 1, 0)]
    assert answers[0].header("ratelimit-policy") == '"requests";q=3;w=60'
    clock.now += timedelta(seconds=15)
    stopped = await by_token(paced, token)
    assert refused(stopped, 45)
    assert stopped.header("ratelimit") == '"requests";r=0;t=45'
    assert (await by_token(paced, program(access, name="other"))).status == 200
    clock.now += timedelta(seconds=45)
    assert (await by_token(paced, token)).status == 200


async def test_what_is_refused_counts_too_and_says_what_is_left(paced: FastAPI, access: Access) -> None:
    token = program(access, Role.VIEWER, name="reader")
    answers = [await by_token(paced, token, path) for path in ("/api/v1/stations/none", "/api/v1/audit", "/api/v1/me")]
    assert [(answer.status, answer.header("ratelimit")[:14]) for answer in answers] == [
        (404, '"requests";r=2'),
        (403, '"requests";r=1'),
        (200, '"requests";r=0'),
    ]
    assert refused(await by_token(paced, token, "/api/v1/stations/none"), 60)


async def test_strangers_count_by_address_and_those_known_are_let_through(
    paced: FastAPI, access: Access, clock: Turned
) -> None:
    known, new = program(access, name="known"), program(access, name="new")
    assert (await by_token(paced, known)).status == 200
    assert [(await by_token(paced, f"made-up-{number}")).status for number in range(2)] == [401, 401]
    assert refused(await by_token(paced, "made-up-3"), 60)
    assert refused(await by_token(paced, new), 60)
    assert refused(await get(paced, "/api/v1/me", cookie="kortkiosk=made-up", client="192.0.2.7"), 60)
    assert (await by_token(paced, known)).status == 200
    assert (await by_token(paced, new, client="192.0.2.8")).status == 200
    assert (await by_token(paced, "made-up-4", client="192.0.2.8")).status == 401
    clock.now += timedelta(minutes=1)
    assert (await by_token(paced, "made-up-5")).status == 401


async def test_new_looks_at_people_are_counted_and_the_same_again_is_not(
    paced: FastAPI, person: str, clock: Turned, access: Access
) -> None:
    for _ in range(3):
        assert (await page(paced, person, "/orders?q=one")).status == 200
    assert (await page(paced, person, "/orders?q=two")).status == 200
    before = access.entries(action="people.stopped")[1]
    for _ in range(2):
        stopped = await page(paced, person, "/orders?q=three", accept_language="sv")
        assert (stopped.status, stopped.header("retry-after")) == (429, "60")
        assert stopped.header("content-type").startswith("text/html")
        assert "Nu gick det för fort" in stopped.text
    assert access.entries(action="people.stopped")[1] == before + 1
    assert (await page(paced, person, "/orders?q=two")).status == 200
    assert refused(await page(paced, person, "/api/v1/orders?search=four"), 60)
    clock.now += timedelta(minutes=1)
    assert (await page(paced, person, "/orders?q=three")).status == 200


async def test_commands_are_counted_for_a_user_in_all_sessions(paced: FastAPI, access: Access, person: str) -> None:
    async def order(value: str, reason: str) -> Answer:
        fields = {**ORDER, "reason": reason, "form_token": form_token(value)}
        return await post(paced, "/stations/lasarettet-a/commands", fields, cookie=f"{COOKIE}={value}")

    caller = access.by_session(person, present=True)
    assert caller is not None
    again = session(access, Role.ADMIN, name=caller.name)
    assert [(await order(value, "made up")).status for value in (person, again)] == [303, 303]
    stopped = await order(person, "a third")
    assert (stopped.status, stopped.header("retry-after")) == (429, "60")
    assert [entry.who for entry in access.entries(action="command.stopped")[0]][:1] == [caller.name]
    assert (await page(paced, person, "/stations/lasarettet-a/commands")).status == 200
    assert (await order(session(access, name="another.test"), "made up")).status == 303


async def test_holds_and_blocks_are_commands(paced: FastAPI, person: str) -> None:
    fields = {"reason": "lost", "form_token": form_token(person)}
    answers = [
        await post(paced, "/cards/9752269875/hold", fields, cookie=f"{COOKIE}={person}") for _ in range(FEW.commands)
    ]
    assert {answer.status for answer in answers} == {303}
    assert (await post(paced, "/cards/9752269875/hold", fields, cookie=f"{COOKIE}={person}")).status == 429


async def test_taking_alerts_is_no_command(access: Access, desk: CommandService, clock: Turned, person: str) -> None:
    app = create_app(demo_readings(), Hub(), access, FakeAlerts(demo_alerts()), desk, clock=clock, limits=FEW)
    fields = {"form_token": form_token(person), "note": ""}
    paths = [f"/alerts/{number}/acknowledge" for number in range(1, 6)]
    taken = [await post(app, path, fields, cookie=f"{COOKIE}={person}") for path in paths]
    assert {answer.status for answer in taken} == {303}
    order = {**ORDER, "reason": "made up", "form_token": form_token(person)}
    done = await post(app, "/stations/lasarettet-a/commands", order, cookie=f"{COOKIE}={person}")
    assert done.status == 303


async def test_messages_of_the_order_system_count_by_address(
    access: Access, desk: CommandService, clock: Turned
) -> None:
    services = CardServices.of(access.database, Hub(), clock, load(), b"a made-up secret of the hook")
    app = create_app(demo_readings(), Hub(), access, FakeAlerts([]), desk, clock=clock, cards=services, limits=FEW)
    answers = [await ask(app, "POST", "/api/v1/hooks/orders", b"{}", content_length="2") for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert refused(answers[3], 60)
    other = await ask(app, "POST", "/api/v1/hooks/orders", b"{}", content_length="2", client="192.0.2.9")
    assert other.status == 401


async def test_pages_files_and_the_feed_are_not_counted(paced: FastAPI, person: str) -> None:
    for path in ("/", "/stations", "/static/live.js", "/health/live"):
        assert {(await page(paced, person, path)).status for _ in range(5)} == {200}, path


async def test_every_route_of_the_description_says_that_it_may_be_too_much(paced: FastAPI, person: str) -> None:
    paths = (await page(paced, person, "/api/v1/openapi.json")).json["paths"]
    every = [one for methods in paths.values() for one in methods.values()]
    assert len(every) > 40
    for one in every:
        assert "application/problem+json" in one["responses"]["429"]["content"]
        assert "Retry-After" in one["responses"]["429"]["headers"]


def test_the_limits_are_documented_as_they_are() -> None:
    told = dict(
        re.findall(r"^\| `limits\.(\w+)` \| (\d+) \|", (DOCS / "operations-reference.md").read_text(), re.MULTILINE)
    )
    assert told == {name: str(most) for name, most in LimitSettings().model_dump().items()}
