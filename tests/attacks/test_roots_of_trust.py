"""An insider of the dashboard who would make trust alone: an ID administrator, an account, a station, an older image.

The server is the real application over a real store, in a region that is in service: its first hour is closed, and two honest
administrators are there. The clock is the test's own.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from fleet.server.accounts.service import AccountService, Actor
from fleet.server.accounts.sign_in import one_time_codes as codes
from fleet.server.accounts.sign_in.security_keys.service import SecurityKeys
from fleet.server.accounts.sign_in.security_keys.webauthn import Asked, RelyingParty
from fleet.server.accounts.sign_in.service import Access, Chosen, SignedIn
from fleet.server.accounts.tables import sessions, users
from fleet.server.app import create_app
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.enrolment.tables import station_claims
from fleet.server.guards.model import RETENTION
from fleet.server.guards.service import waits_for_person, within_share
from fleet.server.people.queries import all_administrators, replace_administrators
from fleet.server.platform.live_feed.hub import Hub
from fleet.server.platform.random_tokens import digest, form_token
from fleet.server.platform.roles import Role
from fleet.server.stations.service import add_stations
from provisioning.est.wire import short_fingerprint
from sim.stories.administrators import listed
from tests.fakes.server import region_in_service
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.bundles import DIGEST, FakeBundles
from tests.fakes.server.commands import desk_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.security_key import SoftKey
from tests.fakes.server.visitors import COOKIE, SEALER
from tests.fleet.server.app.asgi import Answer, ask, post

MAJ, OWN = "TEST000000-A001", "TEST000000-A666"
ROW = {"name": "In Sider", "roles": ["KRA", "KUR"], "level": 3, "scope": ["*"], "decision": "IT-1"}
PASSWORD = "made-up-password"
PARTY = RelyingParty("localhost", "http://localhost")


@dataclass
class Server:
    """The application, an insider who is signed in, and two honest administrators."""

    folder: Path
    now: datetime = NOW
    in_service: bool = True
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.database = new_store(self.folder / "fleet.sqlite")
        self.access = Access(self.database, lambda: self.now, SEALER)
        hub = Hub()
        desk = desk_of(self.database, lambda: self.now, hub)
        self.commands = desk
        self.app = create_app(
            demo_readings(), hub, self.access, FakeAlerts(), desk, clock=lambda: self.now,
            enrolments=EnrolmentService(self.database, hub, lambda: self.now), bundles=FakeBundles(),
        )  # fmt: skip
        if self.in_service:
            region_in_service.close(self.database, self.now)
        self.insider, self.honest, self.third = (
            region_in_service.colleague(self.access, name) for name in ("insider.test", "tove.test", "eva.test")
        )
        with self.database.writing.begin() as connection:
            replace_administrators(connection, [listed(MAJ, "Maj Test")])

    async def call(self, value: str, method: str, path: str, body: Any = None) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        kind = {"content_type": "application/json", "content_length": str(len(raw))} if raw else {}
        own = {"cookie": f"{COOKIE}={value}", "x_form_token": form_token(value), "origin": "http://127.0.0.1"}
        return await ask(self.app, method, f"/api/v1{path}", raw, **own, **kind)

    async def press(self, path: str, **fields: str) -> Answer:
        own = {"form_token": form_token(self.insider), **fields}
        return await post(self.app, path, own, cookie=f"{COOKIE}={self.insider}")

    def step_up(self, value: str, at: datetime | None) -> None:
        with self.database.writing.begin() as connection:
            connection.execute(update(sessions).where(sessions.c.hash == digest(value)).values(stepped_up=at))

    def stepped_up(self, value: str) -> bool:
        caller = self.access.by_session(value, present=True)
        return caller is not None and caller.has_stepped_up(self.now)

    def enter(self, answer: Answer) -> str | None:
        """The session of the account whose set-up link the insider's own screen shows; None where it shows none."""
        found = re.search(r"/set-up/([A-Za-z0-9_-]{20,})", answer.text)
        offer = self.access.offered(found[1]) if found else None
        if found is None or offer is None:
            return None
        came = self.access.set_up(found[1], Chosen("", PASSWORD, codes.code_at(offer.secret, self.now.timestamp())), "")
        assert isinstance(came, SignedIn)
        self.secret = offer.secret
        return came.value

    def step_up_by_new_key(self, value: str) -> None:
        """Add a key in software to the account, and step up with it if that is taken."""
        keys, key = SecurityKeys(self.access), SoftKey()
        self.now += timedelta(minutes=1)
        caller = self.access.by_session(value, present=True)
        assert caller is not None
        typed = (PASSWORD, codes.code_at(self.secret, self.now.timestamp()))
        begun = keys.begin_to_add(caller, PARTY, "soft", typed, "")
        assert isinstance(begun, Asked)
        assert keys.add(caller, PARTY, "soft", key.create(begun.options), "") is None
        asked = keys.begin_step_up(caller, PARTY)
        if isinstance(asked, Asked):
            keys.step_up(caller, PARTY, key.get(asked.options), "")

    def listed(self) -> list[str]:
        with self.database.reading.begin() as connection:
            return [row.administrator.hsa_id for row in all_administrators(connection)]

    def roles_of(self, name: str) -> set[str]:
        rows = {one.person.name: one.person.grants for one in self.everybody() if not one.person.disabled}
        return {role.value for role, _ in rows.get(name, ())}

    def everybody(self) -> list[Any]:
        return AccountService(self.database, lambda: self.now, Actor("", "")).accounts()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.database.close()


async def test_a_puppet_lists_the_insiders_own_card(server: Server) -> None:
    """He makes an account, enters it by the link on his own screen, adds a key in software, and lists his card (S1)."""
    puppet = server.enter(await server.press("/users", name="sock.puppet", role="admin", stations="*", reason="help"))
    if puppet is not None:
        server.step_up_by_new_key(puppet)
        await server.call(puppet, "PUT", f"/administrators/{OWN}", ROW)
    assert server.listed() == [MAJ]
    assert puppet is None, "a set-up link was on the maker's screen"


async def test_he_lists_his_own_card_himself(server: Server) -> None:
    """In his own name, by REST and on the page: nobody alone."""
    await server.call(server.insider, "PUT", f"/administrators/{OWN}", ROW)
    form = {**ROW, "roles": "KRA", "level": "3", "scope": "*", "hsa_id": OWN, "valid_from": "", "valid_until": ""}
    await server.press("/administrators", **{name: str(value) for name, value in form.items()})
    assert server.listed() == [MAJ]


async def test_he_makes_more_of_the_row_that_is_his(server: Server) -> None:
    """Wider, at a higher level, for longer."""
    with server.database.writing.begin() as connection:
        own = listed(OWN, "In Sider", "entre-*")
        replace_administrators(connection, [listed(MAJ, "Maj Test"), own])
    await server.call(server.insider, "PUT", f"/administrators/{OWN}", ROW)
    with server.database.reading.begin() as connection:
        assert own in all_administrators(connection)


@pytest.mark.parametrize("ago", [None, timedelta(minutes=6)], ids=["never", "six minutes ago"])
async def test_a_session_without_a_step_up_manages(server: Server, ago: timedelta | None) -> None:
    """A stolen session makes accounts, grants, resets a colleague, and takes the key away (S9)."""
    with server.database.writing.begin() as connection:
        row = connection.execute(select(users).where(users.c.name == "tove.test")).one()
        assert row.disabled is False
    server.step_up(server.insider, None if ago is None else server.now - ago)
    done = [
        await server.call(server.insider, "POST", "/users", {"name": "sock.one", "roles": [{"role": "viewer"}]}),
        await server.call(server.insider, "PUT", "/users/tove.test/roles", {"roles": [{"role": "viewer"}]}),
        await server.call(server.insider, "POST", "/users/tove.test/close"),
        await server.call(server.insider, "POST", "/tokens", {"name": "robot", "role": "id-administrator"}),
    ]
    assert [answer.status for answer in done] == [403, 403, 403, 403]


async def test_one_operator_makes_a_station(server: Server) -> None:
    """He claims a name, uses the code himself, and approves his own key (S5)."""
    operator = region_in_service.colleague(server.access, "olle.test", Role.OPERATOR, "annex-*")
    key = "ab" * 32
    claim = {
        "station": "annex-zz", "salt": "", "digest": "", "made": server.now, "made_by": "olle.test", "wrong": 0,
        "asked": server.now, "address": "", "key": key, "expires": server.now + timedelta(days=1),
    }  # fmt: skip
    with server.database.writing.begin() as connection:
        (number,) = connection.execute(station_claims.insert().values(claim)).inserted_primary_key or (0,)
    for _ in range(2):
        await server.call(operator, "POST", f"/enrolments/{number}/approve", {"key": short_fingerprint(key)})
    with server.database.reading.begin() as connection:
        assert connection.execute(select(station_claims.c.approved)).scalar() is None


async def test_one_operator_orders_an_older_image_for_all(server: Server) -> None:
    """One after the other, so that no order looks like one for the fleet (L7)."""
    names = [row.name for row in demo_readings().station_rows][:4]
    with server.database.writing.begin() as connection:
        add_stations(connection, names)
    operator = region_in_service.colleague(server.access, "olle.test", Role.OPERATOR)
    for name in names:
        body = {"command": "update", "reason": "security", "sha256": DIGEST, "older": True}
        await server.call(operator, "POST", f"/stations/{name}/commands", body)
    assert server.commands.listed()[0] == []


async def test_he_lets_a_stopped_batch_go_on(server: Server) -> None:
    """Retention would erase more than its share: he says alone that it may."""
    with server.database.writing.begin() as connection:
        assert not within_share(connection, RETENTION, 5000, 10_000, server.now)
    for _ in range(2):
        await server.call(server.insider, "POST", f"/guards/{RETENTION}/confirm")
    with server.database.reading.begin() as connection:
        assert waits_for_person(connection, RETENTION, server.now)
