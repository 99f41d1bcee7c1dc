"""Who gets through: every route with every role and with none, by session and by token, from our pages and from elsewhere."""

import re

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from fleet.server.accounts.api_tokens import ROLES
from fleet.server.app import create_app
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from fleet.server.web.authorization import check_all, rights
from fleet.server.web.roles import RIGHTS, Right, Role
from fleet.server.web.site import Site
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import NOW, ZONE, FakeReadings
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import Answer, ask, get, post

EXAMPLES = {
    "name": "lasarettet-a",
    "errand": "00000000-0000-4000-8000-000000000008",
    "number": "7F3A-91BA",
    "value": "made-up",
    "alert": "1",
    "window": "1",
    "user": "nobody.test",
    "token": "none",
    "action": "close",
    "command": "1",
    "station": "lasarettet-a",
    "what": "hold",
    "act": "take",
    "order": "NS-20417",
    "claim": "1",
    "join_key": "1",
    "hsa_id": "TEST000000-0001",
    "id": "a" * 32,
    "key": "1",
    "proposal": "1",
    "layer": "fleet",
}
FOR_PERSONS = {
    "/api/v1/commands/7F3A-91BA/approve",
    "/api/v1/cards/7F3A-91BA/block",
    "/api/v1/cards/7F3A-91BA/hold",
    "/api/v1/cards/7F3A-91BA/lift",
    "/api/v1/orders/NS-20417/destroyed",
    *(f"/api/v1/worklist/{'a' * 32}/{act}" for act in ("take", "note", "act", "request", "certificate")),
    "/api/v1/orders/NS-20417/tries/agree",
    "/api/v1/orders/NS-20417/tries/ask",
    "/api/v1/orders/NS-20417/tries/withdraw",
    "/api/v1/enrolments/approve",
    "/api/v1/enrolments/join-keys",
    "/api/v1/enrolments/join-keys/1/end",
    "/api/v1/enrolments/1/approve",
    "/api/v1/enrolments/1/refuse",
    *(f"/api/v1/proposals/1/{action}" for action in ("confirm", "withdraw", "object", "half")),
    "/api/v1/stations/lasarettet-a/revoke",
}
"""What no token does."""
MADE = {"GET", "POST", "HEAD", "DELETE", "PUT", "PATCH"}


@pytest.fixture
def by_role(access: Access) -> dict[Role, str]:
    return {role: session(access, role, name=f"role.{role.value}") for role in Role}


def every_route(app: FastAPI) -> list[tuple[str, str, Right]]:
    """Method, an address that exists, and what the route needs."""
    found = []
    for path, methods, right in rights(app.routes):
        assert right is not None
        for method in sorted(methods - {"HEAD"}):
            found.append((method, re.sub(r"\{(\w+)(?::int)?\}", lambda name: EXAMPLES[name[1]], path), right))
    return found


async def sent(app: FastAPI, method: str, path: str, value: str) -> Answer:
    """As a page of ours would with that session."""
    if method == "GET":
        return await get(app, path, cookie=f"{COOKIE}={value}")
    if path.startswith("/api/"):
        own = {"origin": "http://127.0.0.1", "x_form_token": form_token(value)}
        return await ask(app, method, path, cookie=f"{COOKIE}={value}", **own)
    key = {"key": "not-a-session"} if path == "/sign-out" else {}
    return await post(app, path, {"form_token": form_token(value), **key}, cookie=f"{COOKIE}={value}")


async def test_every_route_lets_in_whom_it_says_and_nobody_else(
    app: FastAPI, hub: Hub, by_role: dict[Role, str]
) -> None:
    hub.close()  # so that the feed ends at once
    routes = every_route(app)
    assert len(routes) > 25
    assert {method for method, _, _ in routes} <= MADE
    for method, path, right in routes:
        for role, value in by_role.items():
            allowed = right in (Right.PUBLIC, Right.SIGNED_IN) or right in RIGHTS[role]
            answer = await sent(app, method, path, value)
            assert (answer.status not in (401, 403)) is allowed, f"{role} {method} {path}: {answer.status}"
            assert answer.header("location").startswith("/sign-in?") is False


async def test_a_token_of_each_role_opens_of_the_api_what_its_role_may(app: FastAPI, access: Access) -> None:
    tokens = {role: program(access, role, name=f"each.{role.value}") for role in ROLES}
    paths = [one for one in every_route(app) if one[1].startswith("/api/")]
    assert len(paths) > 40
    for method, path, right in paths:
        for role, value in tokens.items():
            allowed = (right is Right.SIGNED_IN or right in RIGHTS[role]) and path not in FOR_PERSONS
            bearer = {"authorization": f"Bearer {value}", "cookie": "x=1; kortkiosk=none"}
            answer = await ask(app, method, path, **bearer)
            assert (answer.status not in (401, 403)) is allowed, f"{role} {method} {path}: {answer.status}"


async def test_without_a_session_nothing_but_the_doors_opens(app: FastAPI) -> None:
    for method, path, right in every_route(app):
        answer = await ask(app, method, path, cookie="x=1; kortkiosk=made-up", origin="http://127.0.0.1")
        if right is Right.PUBLIC:
            assert answer.status not in (401, 403), path
        elif path.startswith("/api/") or path == "/events":
            assert answer.status == 401, path
        else:
            assert (answer.status, answer.header("location")[:9]) == (303, "/sign-in?"), path


async def test_a_person_comes_back_to_the_page_that_was_asked_for(app: FastAPI) -> None:
    answer = await get(app, "/orders?q=NS-1&page=2", cookie="kortkiosk=x")
    assert answer.header("location") == "/sign-in?onward=%2Forders%3Fq%3DNS-1%26page%3D2"
    part = await get(app, "/orders", cookie="kortkiosk=x", hx_request="true")
    assert (part.status, part.header("hx-redirect")) == (401, "/sign-in")


def test_an_application_with_a_forgotten_route_does_not_start(app: FastAPI) -> None:
    app.router.routes.append(Route("/forgotten", lambda _request: None))
    with pytest.raises(ValueError, match="/forgotten"):
        check_all(app.routes)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:81"},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(
    app: FastAPI, by_role: dict[Role, str], headers: dict[str, str]
) -> None:
    value = by_role[Role.ADMIN]
    fields = {"form_token": form_token(value)}
    answer = await post(app, "/audit", fields, cookie=f"{COOKIE}={value}", **headers)
    assert answer.status == 403
    assert (await post(app, "/sign-in", {}, **headers)).status == 403


async def test_a_form_needs_the_token_of_its_own_session(app: FastAPI, by_role: dict[Role, str]) -> None:
    mine, other = by_role[Role.ADMIN], by_role[Role.AUDITOR]
    for fields in ({}, {"form_token": ""}, {"form_token": form_token(other)}):
        assert (await post(app, "/audit", fields, cookie=f"{COOKIE}={mine}")).status == 403
    header = {"x_form_token": form_token(mine)}
    assert (await post(app, "/audit", {}, cookie=f"{COOKIE}={mine}", **header)).status == 200


async def test_a_token_opens_the_api_and_no_page(app: FastAPI, access: Access) -> None:
    value = program(access, Role.OPERATOR, name="integration")
    bearer = {"authorization": f"Bearer {value}", "cookie": "x=1; kortkiosk=none"}
    assert (await get(app, "/api/v1/orders", **bearer)).status == 200
    assert (await get(app, "/orders", **bearer)).status == 303
    me = (await get(app, "/api/v1/me", **bearer)).json
    assert (me["name"], me["program"], me["roles"]) == (
        "token:integration",
        True,
        [{"role": "operator", "stations": "*"}],
    )
    assert "audit" not in me["rights"]
    refused = await get(app, "/api/v1/audit", **bearer)
    assert (refused.status, refused.header("content-type")) == (403, "application/problem+json")
    wrong = await get(app, "/api/v1/me", authorization="Bearer kkf_made-up")
    assert (wrong.status, wrong.header("www-authenticate"), wrong.json["title"]) == (401, "Bearer", "Not signed in")


async def test_a_role_for_some_stations_sees_no_others(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.ADMIN, 'lasarettet-*', name='near.test')}"
    rows = (await get(app, "/api/v1/stations", cookie=cookie)).json["items"]
    assert {row["name"] for row in rows} == {"lasarettet-a", "lasarettet-c"}
    assert (await get(app, "/stations/angsvik", cookie=cookie)).status == 404
    assert (await get(app, "/audit", cookie=cookie)).status == 403, "the audit tells of all stations"
    page = await get(app, "/", cookie=cookie)
    assert 'href="/audit"' not in page.text


async def test_a_look_at_a_person_is_told_once_and_before_it_is_shown(
    app: FastAPI, access: Access, readings: FakeReadings
) -> None:
    cookie = f"{COOKIE}={session(access, name='looking.test')}"
    readings.failing = True
    assert (await get(app, "/orders?q=made-up+fault", cookie=cookie)).status == 500
    readings.failing = False
    for _ in range(3):
        await get(app, "/orders?q=19121212-1212&state=waiting", cookie=cookie)
    await get(app, f"/errands/{EXAMPLES['errand']}", cookie=cookie)
    told = [(one.action, one.target, one.detail) for one in access.entries(who="looking.test")[0]]
    assert told[:3] == [
        ("people.errand", EXAMPLES["errand"], ""),
        ("people.search", "[number]", "waiting"),
        ("people.search", "made-up fault", ""),
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_length": "70000"}, 413),
        ({"content_length": "x"}, 411),
        ({"transfer_encoding": "chunked", "content_length": ""}, 411),
    ],
)
async def test_a_body_without_measure_is_not_read(app: FastAPI, headers: dict[str, str], status: int) -> None:
    answer = await post(app, "/sign-in", {"name": "x"}, **headers)
    assert (answer.status, answer.header("connection")) == (status, "close")


async def test_over_tls_the_cookie_is_tied_to_the_host_and_plain_http_is_refused(
    readings: FakeReadings, hub: Hub, access: Access
) -> None:
    app = create_app(
        readings,
        hub,
        access,
        FakeAlerts(),
        commands_of(access.database, lambda: NOW),
        clock=lambda: NOW,
        zone=ZONE,
        site=Site("https://dash.example", loopback=False),
    )
    assert (await get(app, "/", host="dash.example", scheme="http")).status == 403
    assert (await get(app, "/", host="127.0.0.1", scheme="https")).status == 421
    value = access.link_for("tls.test", ((Role.VIEWER, "*"),))
    fields, own = {"value": value}, {"host": "dash.example", "origin": "https://dash.example", "scheme": "https"}
    answer = await post(app, "/sign-in/link", fields, **own)
    cookie = answer.header("set-cookie")
    assert cookie.startswith("__Host-kortkiosk=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert answer.header("strict-transport-security") == "max-age=31536000"
