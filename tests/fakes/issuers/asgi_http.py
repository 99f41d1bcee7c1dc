"""An issuer's interface in the same process, without TLS: the requests of `IssuerHttp`, handed to an ASGI application."""

from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp

from fleet.server.issuers.adapters.http_client import Reply
from fleet.server.issuers.ports import IssuerAwayError


class AsgiHttp:
    """Implements `fleet.server.issuers.conformance.conversation.Transport`."""

    def __init__(self, app: ASGIApp) -> None:
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://issuer")

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self._send("GET", path, b"", headers or {})

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        return await self._send("POST", path, content, headers)

    async def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        reply = await self._client.request(method, path, content=content or None, headers=dict(headers))
        if reply.status_code >= 500:
            raise IssuerAwayError(f"{method} {path}: HTTP {reply.status_code}")
        return Reply(reply.status_code, reply.content, reply.headers)
