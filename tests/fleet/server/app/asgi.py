"""A request to an ASGI application without a network: what a test needs of an HTTP client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI
from starlette.types import Message

from tests.fakes.server.visitors import COOKIE


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower case) and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


async def get(app: FastAPI, address: str, **headers: str) -> Answer:
    """GET that address. Headers: `accept_language="en"`; the host is 127.0.0.1 and the visitor signed in unless given."""
    return await ask(app, "GET", address, **headers)


async def post(app: FastAPI, address: str, fields: Mapping[str, str | list[str]], **headers: str) -> Answer:
    """POST a form, as a page of ours would."""
    body = urlencode(fields, doseq=True).encode()
    own = {"origin": "http://127.0.0.1", "content_type": "application/x-www-form-urlencoded"}
    return await ask(app, "POST", address, body, **{**own, "content_length": str(len(body)), **headers})


async def ask(app: FastAPI, method: str, address: str, body: bytes = b"", **headers: str) -> Answer:
    """One request; a header given as "" is left out."""
    scheme, client = headers.pop("scheme", "http"), headers.pop("client", "127.0.0.1")
    parts = urlsplit(address)
    sent: list[Message] = []
    visitor = getattr(app.state, "visitor", "")
    names = {"host": "127.0.0.1", "cookie": visitor} | {key.replace("_", "-"): value for key, value in headers.items()}
    if names["cookie"] and COOKIE not in names["cookie"]:
        names["cookie"] += f"; {visitor}"
    names = {key: value for key, value in names.items() if value or key == "host"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in names.items()],
        "server": ("127.0.0.1", 80),
        "client": (client, 1),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except RuntimeError as error:  # the outermost layer answers with 500 and then raises for the server's log
        if "made-up fault" not in str(error):
            raise
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], [(key.decode(), value.decode()) for key, value in start["headers"]], body)
