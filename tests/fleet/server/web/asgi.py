"""A request to an ASGI application without a network: what a test needs of an HTTP client."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message


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


async def get(app: ASGIApp, address: str, **headers: str) -> Answer:
    """GET that address. Headers: `accept_language="en"`; the host is 127.0.0.1 unless given."""
    parts = urlsplit(address)
    sent: list[Message] = []
    names = {"host": "127.0.0.1"} | {key.replace("_", "-"): value for key, value in headers.items()}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in names.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

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
