"""Accounts and tokens in the web and by REST: shown once, told to the audit, and never without anybody who may do everything."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from fleet.server.accounts import sessions
from fleet.server.app import create_app
from fleet.server.keys.random_tokens import digest, form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, program, session
from tests.fleet.server.app.asgi import Answer, ask, get, post


class Office:
    """A server of its own, and an administrator who is signed in."""

    def __init__(self, folder: Path) -> None:
        self.database = new_store(folder / "fleet.sqlite")
        self.access = Access(self.database, lambda: NOW, SEALER)
        self.app: FastAPI = create_app(
            demo_readings(), Hub(), self.access, FakeAlerts(), commands_of(self.database, lambda: NOW), clock=lambda: NOW
        )  # fmt: skip
        self.value = session(self.access, name="tove.test")
        program(self.access, name="portal")

    async def see(self, path: str, value: str | None = None) -> Answer:
        return await get(self.app, path, cookie=f"{COOKIE}={value or self.value}", accept_language="en")

    async def press(self, path: str, **fields: str) -> Answer:
        fields = {"form_token": form_token(self.value), **fields}
        return await post(self.app, path, fields, cookie=f"{COOKIE}={self.value}", accept_language="en")

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Answer:
        raw = json.dumps(body).encode() if body is not None else b""
        own = {"content_type": "application/json", "content_length": str(len(raw))} if body is not None else {}
        mine = {
            "cookie": f"{COOKIE}={self.value}",
            "x_form_token": form_token(self.value),
            "origin": "http://127.0.0.1",
        }
        return await ask(self.app, method, f"/api/v1{path}", raw, **own, **mine, **headers)

    def step_up(self, value: str) -> None:
        with self.database.writing.begin() as connection:
            sessions.note_step_up(connection, digest(value), NOW)

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.action, one.target, one.detail) for one in self.access.entries()[0]]

    def set_up(self, link: str) -> str:
        value = link.rpartition("/set-up/")[2]
        offer = self.access.offered(value)
        assert offer is not None
        chosen = Chosen("", "made-up-password", codes.code_at(offer.secret, NOW.timestamp()))
        came = self.access.set_up(value, chosen, "")
        assert isinstance(came, SignedIn)
        return came.value


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.database.close()


def link_in(page: Answer) -> str:
    found = re.search(r'<code class="num once">([^<]+)</code>', page.text)
    assert found is not None, page.text
    return found[1]


async def test_somebody_is_invited_by_a_link_that_is_shown_once(office: Office) -> None:
    page = await office.press("/users", name="maj.test", role="operator", stations="entre-*")
    link = link_in(page)
    assert link.startswith("http://127.0.0.1/set-up/")
    assert link not in (await office.see("/users/maj.test")).text
    assert "Invited" in (await office.see("/users/maj.test")).text
    value = office.set_up(link)
    assert (await office.see("/stations", value)).status == 200
    assert (await office.see("/users", value)).status == 403
    assert ("user.add", "maj.test", "operator entre-*") in office.told()
    assert "Operator (entre-*)" in (await office.see("/users")).text
    assert "There is an account" in (await office.press("/users", name="maj.test", role="viewer")).text.replace(
        "maj.test: t", "T"
    )


async def test_roles_are_added_and_taken_and_hold_at_the_next_request(office: Office) -> None:
    value = office.set_up(link_in(await office.press("/users", name="maj.test", role="viewer", stations="")))
    assert (await office.press("/users/maj.test/add-role", role="auditor", stations="*")).status == 303
    assert (await office.see("/audit", value)).status == 200
    assert (await office.press("/users/maj.test/take-role", role="auditor", stations="*")).status == 303
    assert (await office.see("/audit", value)).status == 403
    assert (await office.press("/users/maj.test/add-role", role="boss", stations="*")).status == 400
    assert (await office.press("/users/maj.test/add-role", role="viewer", stations="Entré")).status == 400
    assert [told for told in office.told() if told[0] == "user.roles"] == [
        ("user.roles", "maj.test", "viewer *"),
        ("user.roles", "maj.test", "viewer *, auditor *"),
    ]


@pytest.mark.parametrize("action", ["close", "end-sessions", "reset"])
async def test_what_ends_an_account_s_sessions(office: Office, action: str) -> None:
    value = office.set_up(link_in(await office.press("/users", name="maj.test", role="viewer")))
    assert (await office.see("/", value)).status == 200
    page = await office.press(f"/users/maj.test/{action}")
    assert (await office.see("/", value)).status == 303
    if action == "reset":
        assert (await office.see("/", office.set_up(link_in(page)))).status == 200
    if action == "close":
        assert "Closed" in (await office.see("/users/maj.test")).text
        await office.press("/users/maj.test/open")
        assert "Closed" not in (await office.see("/users/maj.test")).text


async def test_the_last_one_who_may_do_everything_stays(office: Office) -> None:
    for action in ("close", "reset", "take-role"):
        page = await office.press(f"/users/tove.test/{action}", role="admin", stations="*")
        assert page.status == 409, action
    assert [(await office.send("POST", f"/users/tove.test/{act}")).status for act in ("close", "reset")] == [409, 409]
    assert (await office.send("PUT", "/users/tove.test/roles", {"roles": []})).status == 409
    assert (await office.see("/users")).status == 200
    second = office.set_up(link_in(await office.press("/users", name="maj.test", role="admin")))
    office.step_up(second)
    office.value = second
    assert (await office.send("POST", "/users/tove.test/close")).json["closed"] is True
    assert (await office.see("/users", second)).status == 200
    own = await office.send("PUT", "/users/maj.test/roles", {"roles": [{"role": "viewer"}]})
    assert own.status == 403, "nobody gives themselves anything"
    assert not any(told[:2] == ("user.reset", "tove.test") for told in office.told()), "what was not done is not told"


async def test_a_token_is_shown_once_works_and_is_revoked(office: Office) -> None:
    page = await office.press("/tokens", name="orders.test", role="operator", stations="", days="30")
    bearer = {"authorization": f"Bearer {link_in(page)}", "cookie": "x=1; kortkiosk=none"}
    assert (await get(office.app, "/api/v1/me", **bearer)).json["name"] == "token:orders.test"
    assert link_in(page) not in (await office.see("/tokens")).text
    assert (await office.press("/tokens/orders.test/revoke")).status == 303
    assert (await get(office.app, "/api/v1/me", **bearer)).status == 401
    assert (await office.press("/tokens", name="orders.test", role="operator", days="30")).status == 400
    assert (await office.press("/tokens", name="x.test", role="operator", days="91")).status == 400
    assert (await office.press("/tokens", name="x.test", role="admin", days="9")).status == 400
    assert (await office.press("/tokens/nobody/revoke")).status == 404
    assert office.told()[0][:2] == ("token.revoke", "orders.test")


async def test_the_same_by_rest(office: Office) -> None:
    made = await office.send(
        "POST", "/users", {"name": "maj.test", "roles": [{"role": "viewer", "stations": "entre-*"}]}
    )
    assert (made.status, made.json["name"]) == (201, "maj.test")
    value = office.set_up(made.json["set_up"])
    user = (await office.send("GET", "/users/maj.test")).json
    assert (user["ready"], user["closed"], user["sessions"], user["roles"]) == (
        True, False, 1, [{"role": "viewer", "stations": "entre-*"}],
    )  # fmt: skip
    assert (await office.send("DELETE", "/users/maj.test/sessions")).json["sessions"] == 0
    assert (await office.see("/", value)).status == 303
    assert (await office.send("POST", "/users/maj.test/close")).json["closed"] is True
    assert (await office.send("POST", "/users/maj.test/open")).json["closed"] is False
    again = await office.send("POST", "/users/maj.test/reset", idempotency_key="k1")
    assert office.access.offered(again.json["set_up"].rpartition("/")[2]) is not None
    assert (await office.send("POST", "/users/maj.test/reset", idempotency_key="k1")).status == 409
    assert (await office.send("GET", "/users")).json["total"] == 2
    token = await office.send("POST", "/tokens", {"name": "two", "role": "viewer"})
    assert token.json["token"].startswith("kkf_")
    assert [one["name"] for one in (await office.send("GET", "/tokens")).json["items"]] == ["portal", "two"]
    assert (await office.send("DELETE", "/tokens/two")).status == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/users/nobody", None, 404),
        ("POST", "/users/nobody/close", None, 404),
        ("DELETE", "/tokens/nobody", None, 404),
        ("POST", "/users", {"name": "Maj", "roles": []}, 422),
        ("POST", "/users", {"name": "maj.test", "roles": [{"role": "boss"}]}, 422),
        ("POST", "/users", {"name": "tove.test", "roles": []}, 409),
        ("PUT", "/users/tove.test/roles", {"roles": [{"role": "admin"}]}, 409),
        ("POST", "/tokens", {"name": "portal", "role": "viewer"}, 409),
        ("POST", "/tokens", {"name": "two", "role": "viewer", "days": 0}, 422),
        ("POST", "/tokens", {"name": "two", "role": "viewer", "days": 91}, 422),
        ("POST", "/tokens", {"name": "two", "role": "admin"}, 409),
    ],
)
async def test_what_cannot_be_done_says_why(
    office: Office, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    answer = await office.send(method, path, body)
    assert (answer.status, answer.json["status"]) == (status, status)


async def test_an_administrator_of_some_stations_keeps_no_accounts(office: Office) -> None:
    value = session(office.access, Role.ADMIN, "entre-*", "near.test")
    assert [(await office.see(path, value)).status for path in ("/users", "/tokens")] == [403, 403]
    assert 'href="/users"' not in (await office.see("/", value)).text
