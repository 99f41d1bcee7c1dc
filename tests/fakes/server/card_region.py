"""A region's application with cards in its store."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import FastAPI

from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import DeadlineSettings, load
from fleet.server.keys.random_tokens import form_token
from fleet.server.keys.webhook_signatures import signature
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import Answer, ask
from tests.fleet.server.conftest import NOW

SECRET = b"made-up-secret-of-a-test-0001"

FOR_PERSONS = ("/hold", "/block", "/lift", "/destroyed")

"""What no token does."""


@dataclass
class Region:
    """The application, and programs that ask it."""

    database: Database
    now: datetime = NOW
    tokens: dict[tuple[Role, str], str] = field(default_factory=dict)
    app: FastAPI = field(init=False)
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        hub, settings = Hub(), DeadlineSettings(load().rule, by="TEST000000-A001")
        self.access, readings = Access(self.database, lambda: self.now), StoreReadings(self.database, lambda: self.now)
        cards = CardServices.of(self.database, hub, lambda: self.now, settings, SECRET)
        commands = commands_of(self.database, lambda: self.now, hub)
        self.app = create_app(readings, hub, self.access, FakeAlerts([]), commands, clock=lambda: self.now, cards=cards)

    async def ask(
        self, method: str, path: str, body: object = None, role: Role = Role.ID_ADMINISTRATOR, where: str = "*"
    ) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"content_type": "application/json"}
        length = {"content_length": str(len(raw))}
        who = self._person(role, where) if path.endswith(FOR_PERSONS) else self._program(role, where)
        return await ask(self.app, method, f"/api/v1{path}", raw, **who, **kind, **length)

    def _program(self, role: Role, where: str) -> dict[str, str]:
        token = self.tokens.get((role, where)) or program(self.access, role, where, f"{role.value}{len(self.tokens)}")
        self.tokens[role, where] = token
        return {"authorization": f"Bearer {token}", "cookie": "x=y; kortkiosk=0"}

    def _person(self, role: Role, where: str) -> dict[str, str]:
        value = session(self.access, role, where, f"{role.value} {where}")
        return {"cookie": f"{COOKIE}={value}", "x_form_token": form_token(value), "origin": "http://127.0.0.1"}

    async def hook(self, message: str, body: object, **changed: str) -> Answer:
        """As an order system signs it."""
        raw, at = json.dumps(body).encode(), str(int(self.now.timestamp()))
        headers = {
            "webhook_id": message,
            "webhook_timestamp": at,
            "webhook_signature": signature(SECRET, message, at, raw),
        }
        length = {"content_length": str(len(raw)), "content_type": "application/json"}
        return await ask(self.app, "POST", "/api/v1/hooks/orders", raw, **{**headers, **length, **changed})

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.who, one.action, one.target) for one in self.access.entries()[0]]
