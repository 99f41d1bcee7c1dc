"""An issuer's interface in the same process, without TLS: the requests of `IssuerHttp`, handed to an ASGI application."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp

from fleet.server.issuers.http_client import Reply
from fleet.server.issuers.ports import IssuerAwayError


class AsgiHttp:
    """Implements `fleet.server.issuer_adapters.conformance.conversation.Transport`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self._send("GET", path, b"", headers or {})

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        return await self._send("POST", path, content, headers)

    async def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        told: list[Any] = []
        name, _, query = path.partition("?")
        length = {"Content-Length": str(len(content))}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": name, "root_path": "",
            "raw_path": name.encode(), "query_string": query.encode(), "server": ("issuer", 80), "client": ("test", 1),
            "headers": [(key.lower().encode(), value.encode()) for key, value in {**headers, **length}.items()],
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        status, body = told[0]["status"], b"".join(part.get("body", b"") for part in told[1:])
        if status >= 500:
            raise IssuerAwayError(f"{method} {name}: HTTP {status}")
        return Reply(status, body, Headers(raw=told[0]["headers"]))
