"""The gate of a route, alone: who is let in, what each refusal says, what is counted and what the audit is told.

The application has a route for each kind of right, and an authenticator with a fixed list of sessions and tokens.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.routing import Mount, Route

from fleet.server.audit_log.log import AuditEvent
from fleet.server.keys.random_tokens import digest, form_token
from fleet.server.web import authorization as gate
from fleet.server.web.authorization import needs
from fleet.server.web.rate_limits import RateLimiter
from fleet.server.web.roles import Caller, Right, Role
from fleet.server.web.settings import LimitSettings
from fleet.server.web.site import Site
from tests.fleet.server.app.asgi import Answer, ask

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OURS = {"origin": "http://127.0.0.1"}
EVERYWHERE = "*"
CALLERS = {
    "viewer": Caller("viewer.test", digest("viewer"), ((Role.VIEWER, EVERYWHERE),)),
    "operator": Caller("operator.test", digest("operator"), ((Role.OPERATOR, "lasarettet-*"),)),
    "admin": Caller("admin.test", digest("admin"), ((Role.ADMIN, EVERYWHERE),)),
}
TOKENS = {"program": Caller("token:program", digest("program"), ((Role.OPERATOR, EVERYWHERE),), program=True)}


@dataclass
class Listed:
    """An authenticator that notes what it is asked and told."""

    asked: list[tuple[str, object]] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def by_session(self, value: str, *, present: bool) -> Caller | None:
        self.asked.append((value, present))
        return CALLERS.get(value)

    def by_token(self, value: str) -> Caller | None:
        self.asked.append((value, "token"))
        return TOKENS.get(value)

    def by_key(self, key: str) -> Caller | None:
        return None

    def record(self, caller: Caller, address: str, event: AuditEvent) -> None:
        self.told.append((caller.name, address, event.action))

    def is_looking(self, caller: Caller, event: AuditEvent) -> bool:
        return (caller.name, event.action) in {(name, action) for name, _, action in self.told}

    def record_look(self, caller: Caller, address: str, event: AuditEvent) -> None:
        self.told.append((caller.name, address, event.action))


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
def app(listed: Listed) -> FastAPI:
    app = FastAPI()
    app.state.access, app.state.site = listed, Site()
    app.state.pace = RateLimiter(listed.record, lambda: NOW, LimitSettings(requests=6, refused=3, looks=2, commands=2))

    @app.get("/public", dependencies=needs(Right.PUBLIC))
    @app.post("/public", dependencies=needs(Right.PUBLIC))
    @app.post("/hook", dependencies=needs(Right.HOOK))
    async def open_to_all() -> str:
        return "done"

    @app.get("/view", dependencies=needs(Right.VIEW))
    @app.get("/events", dependencies=needs(Right.VIEW))
    @app.get("/api/v1/view", dependencies=needs(Right.VIEW))
    @app.get("/api/v1/manage", dependencies=needs(Right.MANAGE))
    @app.post("/command", dependencies=needs(Right.COMMAND))
    @app.get("/command", dependencies=needs(Right.COMMAND))
    @app.post("/cards", dependencies=needs(Right.CARDS))
    @app.post("/alert", dependencies=needs(Right.COMMAND, orders=False))
    @app.post("/orders", dependencies=needs(Right.SIGNED_IN))
    @app.post("/api/v1/command", dependencies=needs(Right.COMMAND))
    @app.post("/api/v1/cards", dependencies=needs(Right.CARDS, person=True))
    @app.get("/twice", dependencies=[*needs(Right.VIEW), *needs(Right.VIEW)])
    async def signed_in(request: Request) -> list[Any]:
        caller = gate.caller_of(request)
        return [caller.name, request.state.right, request.state.form_token]

    @app.get("/stations/{name}", dependencies=needs(Right.PEOPLE))
    async def station(request: Request, name: str) -> str:
        gate.require_station(request, name)
        gate.audit_lookup(request, AuditEvent(f"look.{name}"))
        gate.audit_change(request, AuditEvent(f"change.{name}"))
        return "done"

    return app


async def asked(app: FastAPI, method: str, path: str, session: str = "", token: str = "", **headers: str) -> Answer:
    """By the session or the token of that name."""
    cookie = f"other=1; kortkiosk={session}" if session else "kortkiosk="
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    return await ask(app, method, path, cookie=cookie, **{**bearer, **headers})


async def sent(app: FastAPI, path: str, session: str, **headers: str) -> Answer:
    """A change, as a page of ours sends it."""
    return await asked(app, "POST", path, session, x_form_token=form_token(session), **{**OURS, **headers})


@pytest.mark.parametrize(
    ("path", "session", "status"),
    [
        ("/public", "", 200),
        ("/view", "", 401),
        ("/view", "made-up", 401),
        ("/view", "viewer", 200),
        ("/command", "viewer", 403),
        ("/command", "operator", 200),
        ("/api/v1/view", "viewer", 200),
        ("/api/v1/manage", "operator", 403),
        ("/api/v1/manage", "admin", 200),
    ],
)
async def test_a_page_opens_for_who_has_the_right(app: FastAPI, path: str, session: str, status: int) -> None:
    assert (await asked(app, "GET", path, session)).status == status


async def test_who_is_let_in_is_known_to_the_page(app: FastAPI) -> None:
    assert (await asked(app, "GET", "/view", "viewer")).json == ["viewer.test", "view", form_token("viewer")]
    assert (await asked(app, "GET", "/twice", "viewer")).json == ["viewer.test", "view", form_token("viewer")]


async def test_a_gate_that_is_asked_again_for_one_request_looks_nobody_up(app: FastAPI, listed: Listed) -> None:
    required = gate.RequireRight(Right.VIEW)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/view",
        "headers": [(b"cookie", b"kortkiosk=viewer")],
        "app": app,
    }
    request = Request(scope)
    await required(request)
    await required(request)
    assert listed.asked == [("viewer", True)]
    await gate.RequireRight(Right.VIEW)(request)
    assert len(listed.asked) == 2, "another gate asks for itself"


@pytest.mark.parametrize("path", ["/public", "/command", "/api/v1/command"])
async def test_a_change_comes_from_a_page_of_ours(app: FastAPI, listed: Listed, path: str) -> None:
    own = {"x_form_token": form_token("operator")}
    assert (await asked(app, "POST", path, "operator", **own)).status == 403
    answer = await asked(app, "POST", path, "operator", **own, origin="https://elsewhere.example")
    assert answer.status == 403
    assert listed.asked == [], "refused before anybody is looked up"
    assert (await asked(app, "POST", path, "operator", **own, **OURS)).status == 200


async def test_what_changes_nothing_needs_no_page_of_ours(app: FastAPI) -> None:
    assert (await asked(app, "GET", "/view", "viewer", origin="https://elsewhere.example")).status == 200
    assert frozenset({"GET", "HEAD"}) == frozenset(gate.SAFE)


async def test_a_form_shows_the_token_of_its_session_in_a_header_or_a_field(app: FastAPI) -> None:
    for shown in ("", form_token("admin"), form_token("operator").upper()):
        assert (await asked(app, "POST", "/orders", "operator", x_form_token=shown, **OURS)).status == 403
    own = form_token("operator")
    form = {"cookie": "kortkiosk=operator", "content_type": "application/x-www-form-urlencoded", **OURS}
    assert (await ask(app, "POST", "/orders", f"form_token={own}".encode(), **form)).status == 200
    assert (await ask(app, "POST", "/orders", f"token={own}".encode(), **form)).status == 403
    both = {**form, "x_form_token": "another"}
    assert (await ask(app, "POST", "/orders", f"form_token={own}".encode(), **both)).status == 403


async def test_a_token_changes_things_without_a_form(app: FastAPI) -> None:
    assert (await asked(app, "POST", "/api/v1/command", token="program")).status == 200
    assert (await asked(app, "POST", "/api/v1/command", token="made-up")).status == 401


async def test_what_only_a_person_does_no_token_does(app: FastAPI) -> None:
    assert (await asked(app, "POST", "/api/v1/cards", token="program")).status == 403
    assert (await sent(app, "/api/v1/cards", "operator")).status == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer program", 200),
        ("bearer program", 200),
        ("BEARER   program ", 200),
        ("Basic program", 401),
        ("Bearer", 401),
        ("program", 401),
        ("Bearer pro gram", 401),
    ],
)
async def test_a_token_is_shown_as_a_bearer_token(app: FastAPI, authorization: str, status: int) -> None:
    assert (await asked(app, "GET", "/api/v1/view", authorization=authorization)).status == status


async def test_a_token_opens_no_page_and_its_request_no_session(app: FastAPI, listed: Listed) -> None:
    assert (await asked(app, "GET", "/view", token="program")).status == 401
    assert (await asked(app, "GET", "/api", token="program")).status == 404
    assert listed.asked == []
    assert (await asked(app, "GET", "/api/v1/view", "viewer", token="made-up")).status == 401
    assert listed.asked == [("made-up", "token")]


async def test_a_page_that_asks_by_itself_keeps_no_session_open(app: FastAPI, listed: Listed) -> None:
    await asked(app, "GET", "/view", "viewer")
    await asked(app, "GET", "/view", "viewer", x_live="1")
    await asked(app, "GET", "/events", "viewer")
    assert listed.asked == [("viewer", True), ("viewer", False), ("viewer", False)]


async def test_requests_to_the_api_count_for_their_caller_and_pages_do_not(app: FastAPI) -> None:
    assert {(await asked(app, "GET", "/view", "viewer")).status for _ in range(8)} == {200}
    said = [(await asked(app, "GET", "/api/v1/view", "viewer")).status for _ in range(7)]
    assert said == [200] * 6 + [429]
    assert (await asked(app, "GET", "/api/v1/view", "admin")).status == 200


async def test_refused_requests_count_for_their_address(app: FastAPI) -> None:
    said = [(await asked(app, "GET", "/api/v1/view", token="made-up", client="192.0.2.7")).status for _ in range(4)]
    assert said == [401, 401, 401, 429]
    assert (await asked(app, "GET", "/api/v1/view", token="program", client="192.0.2.7")).status == 429
    assert (await asked(app, "GET", "/api/v1/view", token="program", client="192.0.2.8")).status == 200
    assert (await asked(app, "GET", "/api/v1/view", token="program", client="192.0.2.7")).status == 200, "known by now"


async def test_messages_with_a_signature_of_their_own_count_by_address(app: FastAPI, listed: Listed) -> None:
    said = [(await ask(app, "POST", "/hook", client="192.0.2.7")).status for _ in range(7)]
    assert said == [200] * 6 + [429]
    assert (await ask(app, "POST", "/hook", client="192.0.2.8")).status == 200
    assert listed.asked == []


async def test_commands_count_and_what_is_none_does_not(app: FastAPI, listed: Listed) -> None:
    assert {(await asked(app, "GET", "/command", "operator")).status for _ in range(4)} == {200}
    assert {(await sent(app, "/alert", "operator")).status for _ in range(4)} == {200}
    assert {(await sent(app, "/orders", "operator")).status for _ in range(4)} == {200}
    said = [
        (await sent(app, path, "operator", client="192.0.2.7")).status for path in ("/command", "/cards", "/command")
    ]
    assert said == [200, 200, 429]
    assert listed.told == [("operator.test", "192.0.2.7", "command.stopped")]


async def test_a_station_of_others_is_none_and_nothing_is_told_of_it(app: FastAPI, listed: Listed) -> None:
    assert (await asked(app, "GET", "/stations/angsvik", "operator")).status == 404
    assert listed.told == []
    assert (await asked(app, "GET", "/stations/lasarettet-a", "operator", client="192.0.2.7")).status == 200
    assert listed.told == [
        ("operator.test", "192.0.2.7", "look.lasarettet-a"),
        ("operator.test", "192.0.2.7", "change.lasarettet-a"),
    ]


async def test_a_look_is_told_and_counted_once(app: FastAPI, listed: Listed) -> None:
    for _ in range(3):
        assert (await asked(app, "GET", "/stations/lasarettet-a", "admin", client="192.0.2.7")).status == 200
    assert (await asked(app, "GET", "/stations/lasarettet-b", "admin", client="192.0.2.7")).status == 200
    assert (await asked(app, "GET", "/stations/lasarettet-c", "admin", client="192.0.2.7")).status == 429
    looks = [(address, action) for _, address, action in listed.told if not action.startswith("change.")]
    assert looks == [
        ("192.0.2.7", "look.lasarettet-a"),
        ("192.0.2.7", "look.lasarettet-b"),
        ("192.0.2.7", "people.stopped"),
    ]


def test_every_route_says_what_it_needs(app: FastAPI) -> None:
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "dependencies", None)]
    app.router.routes.append(Mount("/static", StaticFiles(directory="."), name="static"))
    gate.check_all(app.routes)
    said = {path: (methods, right) for path, methods, right in gate.rights(app.routes)}
    assert said["/api/v1/manage"] == ({"GET"}, Right.MANAGE)
    assert said["/hook"] == ({"POST"}, Right.HOOK)
    assert said["/static"] == (frozenset(), Right.PUBLIC)


@pytest.mark.parametrize(
    "forgotten",
    [Mount("/files", StaticFiles(directory="."), name="files"), Route("/static", lambda _request: None)],
    ids=["another mount", "a route at that path"],
)
def test_a_route_that_does_not_is_named_and_refused(app: FastAPI, forgotten: Mount | Route) -> None:
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "dependencies", None)]
    app.router.routes.append(forgotten)
    with pytest.raises(ValueError, match=rf"\['{forgotten.path}'\]"):
        gate.check_all(app.routes)


def test_what_a_route_requires_is_found_among_its_dependencies(app: FastAPI) -> None:
    routes = {route.path: route for route in app.routes if isinstance(route, gate.APIRoute)}
    required = gate.requirement_of(routes["/api/v1/cards"])
    assert required is not None
    assert (required.right, required.person, required.orders) == (Right.CARDS, True, True)
    alert = gate.requirement_of(routes["/alert"])
    assert alert is not None
    assert (alert.right, alert.person, alert.orders) == (Right.COMMAND, False, False)
    plain = gate.RequireRight(Right.VIEW)
    assert (plain.person, plain.orders) == (False, True)


def test_a_path_has_the_methods_of_all_routes_that_fit(app: FastAPI) -> None:
    assert gate.methods_at(app.routes, "/public") == {"GET", "POST"}
    assert gate.methods_at(app.routes, "/stations/lasarettet-a") == {"GET"}
    assert gate.methods_at(app.routes, "/nothing") == frozenset()


def test_a_field_is_text_that_is_bounded() -> None:
    form = gate.FormData({"note": "made\0up", "long": "x" * 200, "longer": "x" * 201})
    assert [gate.field(form, name) for name in ("note", "long", "longer", "none")] == ["madeup", "x" * 200, "", ""]
    assert gate.field(form, "note", most=6) == ""


async def test_a_form_has_no_more_fields_than_any_page_of_ours(app: FastAPI) -> None:
    headers = {"cookie": "kortkiosk=operator", "content_type": "multipart/form-data; boundary=b", **OURS}
    fields = [("form_token", form_token("operator")), *((f"f{number}", "x") for number in range(gate.MOST_FIELDS - 1))]

    def body(parts: list[tuple[str, str]], extra: str = "") -> bytes:
        said = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{v}\r\n' for name, v in parts
        )
        return f"{said}--b--\r\n".encode()

    assert (await ask(app, "POST", "/orders", body(fields), **headers)).status == 200
    assert (await ask(app, "POST", "/orders", body([*fields, ("one-more", "x")]), **headers)).status == 400
    assert (await ask(app, "POST", "/orders", body(fields, '; filename="f"'), **headers)).status == 400


def test_a_request_without_an_address_has_none() -> None:
    assert gate.address_of(Request({"type": "http", "client": None})) == ""
    assert gate.address_of(Request({"type": "http", "client": ("192.0.2.7", 1)})) == "192.0.2.7"
