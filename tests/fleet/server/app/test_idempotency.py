"""A change that is asked for twice is made once; and what is sent is looked at before anything is done."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from fleet.server.app import create_app
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from fleet.server.web.authorization import needs
from fleet.server.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.web.roles import Right, Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import program
from tests.fleet.server.app.asgi import Answer, ask

KEY = "made-up-key-1"


class Wish(BaseModel):
    """What the made-up route takes."""

    say: str


class Desk:
    """A server whose one made-up change says how often it was made."""

    def __init__(self, folder: Path) -> None:
        self.database = new_store(folder / "fleet.sqlite")
        self.now = NOW
        access = Access(self.database, lambda: self.now)
        self.app = create_app(
            demo_readings(), Hub(), access, FakeAlerts(), commands_of(self.database, lambda: self.now),
            clock=lambda: self.now,
        )  # fmt: skip
        self.app.include_router(self.router())
        self.done: list[str] = []
        self.tokens = {name: program(access, name=name) for name in ("one", "two")}
        self.tokens["viewer"] = program(access, Role.VIEWER, name="viewer")

    def router(self) -> APIRouter:
        router = api_group()

        @router.post("/made-up", status_code=201, dependencies=needs(Right.COMMAND))
        async def change(wish: Wish) -> dict[str, int]:
            self.done.append(wish.say)
            if wish.say == "refuse":
                raise HTTPException(404, "made up")
            if wish.say == "break":
                raise RuntimeError("made-up fault")
            return {"count": len(self.done)}

        @router.post("/slow", dependencies=needs(Right.COMMAND))
        async def slow() -> dict[str, int]:
            return {"meanwhile": (await self.send(path="/api/v1/slow")).status}

        @router.post("/secret", openapi_extra=SHOWN_ONCE, dependencies=needs(Right.COMMAND))
        def secret() -> dict[str, str]:
            return {"token": "made-up"}

        return router

    async def send(
        self, say: str = "x", key: str = KEY, who: str = "one", path: str = "/api/v1/made-up", **headers: str
    ) -> Answer:
        body = json.dumps({"say": say}).encode()
        own = {"content_type": "application/json", "content_length": str(len(body)), "idempotency_key": key}
        bearer = {"authorization": f"Bearer {self.tokens[who]}", "cookie": "x=1; kortkiosk=none"}
        return await ask(self.app, "POST", path, body, **{**own, **bearer, **headers})

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("once"))
    yield desk
    desk.database.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """The shared one, a day later: what was kept before is forgotten."""
    shared.later(hours=25)
    with shared.database.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE tokens SET ends = '9999-01-01 00:00:00'")
    shared.done.clear()
    return shared


async def test_a_change_with_a_key_is_made_once_and_answered_again(desk: Desk) -> None:
    first, again = await desk.send(), await desk.send()
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json == {"count": 1}
    assert (first.header("idempotency-replayed"), again.header("idempotency-replayed")) == ("", "true")
    assert desk.done == ["x"]


async def test_a_day_later_the_key_is_forgotten(desk: Desk) -> None:
    await desk.send()
    desk.later(hours=25)
    assert (await desk.send()).json == {"count": 2}


async def test_without_a_key_each_is_a_change_of_its_own(desk: Desk) -> None:
    assert [(await desk.send(key="")).json["count"] for _ in range(2)] == [1, 2]


async def test_a_key_belongs_to_who_used_it(desk: Desk) -> None:
    assert [(await desk.send(who=who)).json["count"] for who in ("one", "two")] == [1, 2]


async def test_the_same_key_with_another_request_is_refused(desk: Desk) -> None:
    await desk.send()
    for other in (
        await desk.send("y"),
        await desk.send(path="/api/v1/made-up?x=1"),
        await desk.send(path="/api/v1/secret"),
    ):
        assert (other.status, other.header("content-type")) == (422, "application/problem+json")
        assert "another request" in other.json["detail"]
    assert desk.done == ["x"]


async def test_who_asks_while_the_first_is_under_way_is_told_to_wait(desk: Desk) -> None:
    assert (await desk.send(path="/api/v1/slow")).json == {"meanwhile": 409}


async def test_what_was_refused_frees_its_key_and_what_broke_off_does_not(desk: Desk) -> None:
    assert [(await desk.send("refuse")).status for _ in range(2)] == [404, 404]
    assert [(await desk.send("break", key="other")).status for _ in range(2)] == [500, 409]
    assert desk.done == ["refuse", "refuse", "break"]


async def test_an_answer_with_a_secret_is_not_given_again(desk: Desk) -> None:
    first, again = [await desk.send(path="/api/v1/secret") for _ in range(2)]
    assert (first.status, first.json) == (200, {"token": "made-up"})
    assert again.status == 409
    assert "shown once" in again.json["detail"]
    with desk.database.reading.begin() as connection:
        assert b"made-up" not in b"".join(
            row[0] for row in connection.exec_driver_sql("SELECT body FROM replies WHERE body IS NOT NULL")
        )


async def test_who_may_not_is_not_answered_from_what_is_kept(desk: Desk) -> None:
    assert (await desk.send(who="viewer")).status == 403
    assert (await desk.send(authorization="Bearer kkf_made-up")).status == 401
    assert desk.done == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"idempotency_key": "å"}, 422),
        ({"idempotency_key": "k" * 201}, 422),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 201),
        ({"accept": "text/html"}, 406),
        ({"accept": "application/json;q=0, text/html"}, 406),
        ({"accept": "text/html, application/*;q=0.5"}, 201),
        ({"content_length": "70000"}, 413),
        ({"content_length": "", "transfer_encoding": "chunked"}, 411),
        ({"host": "elsewhere.example"}, 421),
    ],
)
async def test_what_is_not_fit_is_refused_in_words_for_programs(
    desk: Desk, headers: dict[str, str], status: int
) -> None:
    answer = await desk.send(**headers)
    assert answer.status == status
    assert (answer.header("content-type") == "application/problem+json") == (status >= 400)
    assert (len(desk.done) == 1) == (status < 400)


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"say": 1}', 422), (b"", 422), (b"[" * 30_000, 400)])
async def test_a_body_that_cannot_be_read_and_one_that_says_something_else(
    desk: Desk, body: bytes, status: int
) -> None:
    headers = {"content_type": "application/json", "content_length": str(len(body)), "cookie": "x=1; kortkiosk=none"}
    answer = await ask(
        desk.app, "POST", "/api/v1/made-up", body, authorization=f"Bearer {desk.tokens['one']}", **headers
    )
    assert (answer.status, answer.json["status"]) == (status, status)


async def test_a_method_that_is_not_there_names_those_that_are(desk: Desk) -> None:
    answer = await ask(desk.app, "DELETE", "/api/v1/maintenance", cookie="x=1", origin="http://127.0.0.1")
    assert (answer.status, answer.header("allow")) == (405, "GET, POST")
    assert answer.json["title"] == "No such method"
