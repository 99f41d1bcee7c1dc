"""People who ask for commands and confirm them."""

import json
from typing import Any

from fastapi import FastAPI

from fleet.server.keys.random_tokens import form_token
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import Answer, ask, get, post


class Person:
    """Somebody who is signed in."""

    def __init__(self, app: FastAPI, access: Access, role: Role, name: str, stations: str = "*") -> None:
        self._app = app
        self._value = session(access, role, stations, name)

    async def see(self, path: str, language: str = "sv") -> Answer:
        return await get(self._app, path, cookie=f"{COOKIE}={self._value}", accept_language=language)

    async def send(self, path: str, **fields: str | list[str]) -> Answer:
        """A form of ours."""
        own = {"form_token": form_token(self._value), **fields}
        return await post(self._app, path, own, cookie=f"{COOKIE}={self._value}")

    async def call(self, path: str, **body: Any) -> Answer:
        """A change by REST, in the session."""
        headers = {"cookie": f"{COOKIE}={self._value}", "x_form_token": form_token(self._value)}
        return await sent(self._app, path, body, origin="http://127.0.0.1", **headers)


async def sent(app: FastAPI, path: str, body: dict[str, Any], **headers: str) -> Answer:
    raw = json.dumps(body).encode()
    return await ask(app, "POST", path, raw, content_type="application/json", content_length=str(len(raw)), **headers)
