"""A region in service: the application, an insider who is signed in, and two honest administrators."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import update

from fleet.server.accounts.service import AccountService, Actor
from fleet.server.accounts.tables import sessions
from fleet.server.app import create_app
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.keys.random_tokens import digest, form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.people.queries import all_administrators, replace_administrators
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.security_keys.service import SecurityKeys
from fleet.server.sign_in.security_keys.webauthn import Asked, RelyingParty
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from sim.stories.administrators import listed
from tests.fakes.server import region_in_service
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.bundles import FakeBundles
from tests.fakes.server.commands import commands_of
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
        desk = commands_of(self.database, lambda: self.now, hub)
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
