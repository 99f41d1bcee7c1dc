"""The application, and an insider of the dashboard with a session of an administrator."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from fleet.server.accounts.tables import sessions
from fleet.server.app import create_app
from fleet.server.commands.service import CommandService
from fleet.server.keys.random_tokens import digest, form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, session
from tests.fleet.server.app.asgi import Answer, ask, post

AT = "lasarettet-a"


OPEN = {"command": "open_slot", "reason": "a made-up reason", "slot": 14}


PASSWORD = "made-up-password"


class Server:
    """The application, and an insider who is signed in as an administrator, his card just shown."""

    def __init__(self, folder: Path) -> None:
        self.database = new_store(folder / "fleet.sqlite")
        self.access = Access(self.database, lambda: NOW, SEALER)
        self.desk: CommandService = commands_of(self.database, lambda: NOW)
        self.app: FastAPI = create_app(
            demo_readings(), Hub(), self.access, FakeAlerts(), self.desk, clock=lambda: NOW
        )  # fmt: skip
        self.insider = self.somebody("insider.test", Role.ADMIN)

    def somebody(self, name: str, role: Role = Role.OPERATOR) -> str:
        """The session of a person of the region's sign-in, whom nobody here has made."""
        return self.stepped_up(session(self.access, role, name=name))

    def stepped_up(self, value: str, ago: timedelta = timedelta(0)) -> str:
        with self.database.writing.begin() as connection:
            mine = sessions.c.hash == digest(value)
            connection.execute(update(sessions).where(mine).values(stepped_up=NOW - ago))
        return value

    async def call(self, value: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """POST to the API in that session."""
        own = {"cookie": f"{COOKIE}={value}", "x_form_token": form_token(value), "origin": "http://127.0.0.1"}
        return await sent_to(self.app, path, body or {}, **own)

    async def by_token(self, value: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        return await sent_to(self.app, path, body or {}, authorization=f"Bearer {value}", cookie="x=1; kortkiosk=none")

    async def press(self, path: str, **fields: str) -> Answer:
        """The insider sends a form."""
        own = {"form_token": form_token(self.insider), **fields}
        return await post(self.app, path, own, cookie=f"{COOKIE}={self.insider}")

    def set_up(self, page: Answer) -> str:
        """The insider opens the set-up link that his own screen shows, and is that account."""
        found = re.search(r"/set-up/([A-Za-z0-9_-]+)", page.text)
        assert found is not None
        offer = self.access.offered(found[1])
        assert offer is not None
        came = self.access.set_up(found[1], Chosen("", PASSWORD, codes.code_at(offer.secret, NOW.timestamp())), "")
        assert isinstance(came, SignedIn)
        return self.stepped_up(came.value)

    async def opens(self, first: str, second: str) -> bool:
        """Whether a slot is opened that the first session asks for and the second agrees to."""
        made = await self.call(first, f"/stations/{AT}/commands", OPEN)
        if made.status == 201:
            await self.call(second, f"/commands/{made.json['id']}/approve")
        return self.sent()

    def sent(self) -> bool:
        """Whether any command is on its way to the station."""
        return any(row.state not in ("waiting", "withdrawn") for row in self.desk.listed()[0])


async def sent_to(app: FastAPI, path: str, body: dict[str, Any], **headers: str) -> Answer:
    raw = json.dumps(body).encode()
    sizes = {"content_type": "application/json", "content_length": str(len(raw))}
    return await ask(app, "POST", f"/api/v1{path}", raw, **sizes, **headers)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.database.close()
