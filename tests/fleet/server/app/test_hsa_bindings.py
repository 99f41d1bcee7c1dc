"""An account bound to an HSA-id on its page and by REST: asked for by one administrator, agreed to by another."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from fleet.messages.link import Administrator
from fleet.server.accounts import queries
from fleet.server.accounts.tables import users, webauthn_keys
from fleet.server.app import create_app
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import replace_administrators
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import EVERYWHERE, Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, session
from tests.fleet.server.app.asgi import Answer, ask, get, post

MAJ = "TEST000000-9001"


async def test_the_page_and_rest_bind_an_account_by_two_persons(tmp_path: Path) -> None:
    database = new_store(tmp_path / "fleet.sqlite")
    access = Access(database, lambda: NOW, SEALER)
    app = create_app(
        demo_readings(), Hub(), access, FakeAlerts(), commands_of(database, lambda: NOW), clock=lambda: NOW
    )  # fmt: skip
    tove, axel, eva = (session(access, name=name) for name in ("tove.test", "axel.test", "eva.test"))
    with database.writing.begin() as connection:
        listed = Administrator(MAJ, "Made Up", ("KRA",), 3)
        replace_administrators(connection, [ListedAdministrator(listed, ("*",))])
        user = queries.add(connection, "maj.test", ((Role.ID_ADMINISTRATOR, EVERYWHERE),), NOW - timedelta(days=400))
        connection.execute(update(users).where(users.c.id == user).values(password="made-up"))
        row = {"user": user, "name": "key", "credential": "c", "public_key": "", "sign_count": 0, "made": NOW}
        connection.execute(insert(webauthn_keys).values(row))

    async def see(value: str) -> str:
        return (await get(app, "/users/maj.test", cookie=f"{COOKIE}={value}", accept_language="en")).text

    async def press(value: str, action: str, **fields: str) -> Answer:
        fields = {"form_token": form_token(value), **fields}
        return await post(app, f"/users/maj.test/{action}", fields, cookie=f"{COOKIE}={value}", accept_language="en")

    async def send(value: str, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        raw = json.dumps(body).encode() if body is not None else b""
        own = {"content_type": "application/json", "content_length": str(len(raw))} if body is not None else {}
        mine = {"cookie": f"{COOKIE}={value}", "x_form_token": form_token(value), "origin": "http://127.0.0.1"}
        return await ask(app, method, f"/api/v1/users/maj.test{path}", raw, **own, **mine)

    try:
        assert "bound to no HSA-id" in await see(tove)
        assert (await press(tove, "bind", hsa_id="TEST000000-9999", reason="works here")).status == 409
        assert (await press(tove, "bind", hsa_id=MAJ, reason="works here")).status == 303
        assert f"bind the account to {MAJ}" in await see(axel)
        assert ("/users/maj.test/agree" in await see(axel), "/users/maj.test/agree" in await see(tove)) == (True, False)
        assert (await press(tove, "agree")).status == 409, "one person twice"
        assert (await press(axel, "agree")).status == 303
        assert MAJ in await see(tove)
        told = (await send(tove, "GET", "")).json
        assert (told["hsa_id"], told["hsa_asked"], told["hsa_until"][:4]) == (MAJ, "", str(NOW.year + 1))
        assert (await send(tove, "DELETE", "/hsa-id")).json["hsa_id"] == ""
        wish = {"hsa_id": MAJ, "reason": "works here"}
        assert (await send(tove, "POST", "/hsa-id", wish)).json["hsa_asked"] == MAJ
        assert (await send(tove, "POST", "/hsa-id/agree")).status == 409
        assert (await send(axel, "POST", "/hsa-id/agree")).status == 409, "who bound it has had it in hand"
        assert (await send(eva, "POST", "/hsa-id/agree")).json["hsa_id"] == MAJ
    finally:
        database.close()
