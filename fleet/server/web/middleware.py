"""ASGI middleware: security headers on every answer, host and size checks on every request. Pure ASGI, so that a long stream
sees its reader leave.

A web page elsewhere could have its own name resolved to our address and read our pages through the visitor's browser (DNS
rebinding), so a request for any other host name is refused. Where browsers come over TLS, so does every request but those of
this machine; a body has a length that is said before it comes, and comes within `BODY_S`. The application gets whole
bodies alone: one that breaks off is nobody's error.
"""

import asyncio
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.server.web.problem_details import API, problem

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content Security Policy Level 3: nothing inline, nothing from elsewhere, no eval."""

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


MOST_BYTES = 64 * 1024
"""Of a request's body: forms are small."""

BODY_S = 30.0
"""From the end of the head to the end of the body."""

_TLS_ONLY = {"strict-transport-security": "max-age=31536000"}


class Guard:
    """Refuses foreign hosts, plain HTTP and large bodies; adds the policy and the caching rule to every answer."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK_HOSTS, *, secure: bool = False) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._secure = secure
        self._headers = HEADERS | (_TLS_ONLY if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule = cache_rule(scope["path"], scope["query_string"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("cache-control", rule)
            await send(message)

        refused = self._refused(scope)
        answer = self._app if refused is None else _refusal(scope["path"], *refused)
        await answer(_without_nul(scope), receive, send_with_headers)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and text, or None for a request that is looked at."""
        host = _host(scope)
        if host not in self._hosts:
            return 421, "unknown host"
        if "\0" in scope["path"]:
            return 404, "no such address"
        if self._secure and scope["scheme"] != "https" and scope["path"] not in _PROBES:
            return 403, "this server is used over TLS"
        length = _header(scope, b"content-length")
        if _header(scope, b"transfer-encoding") or not (length or "0").isdigit():
            return 411, "say how long the body is"
        return (413, "too long") if int(length or "0") > MOST_BYTES else None


class WholeBodies:
    """Takes the body of a request before the application begins: refuses one that is slow, drops one that breaks off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _header(scope, b"content-length") in ("", "0"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await _whole(receive)
        except TimeoutError:
            await _refusal(scope["path"], 408, "the body did not come in time")(scope, receive, send)
            return
        if body is None:
            return
        rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return rest.pop() if rest else await receive()

        await self._app(scope, receive_whole, send)


async def _whole(receive: Receive) -> bytes | None:
    """The whole body; None where the other end has left."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
    return None


def _without_nul(scope: Scope) -> Scope:
    """NUL is in no word that anybody looks for, and not every database takes it. Routes of the API refuse it themselves."""
    if b"%00" not in scope["query_string"] or scope["path"].startswith(API):
        return scope
    return {**scope, "query_string": scope["query_string"].replace(b"%00", b"")}


def _refusal(path: str, status: int, text: str) -> Response:
    """Return the refusal. Where nobody knows for sure how long the body is, nothing that follows on the line is read
    (RFC 9112, 6.1)."""
    headers = {"connection": "close"} if status in (408, 411, 413) else {}
    return problem(status, text, headers) if path.startswith(API) else PlainTextResponse(text, status, headers)


def cache_rule(path: str, query: bytes) -> str:
    """`Cache-Control` for an answer: what shows people is stored nowhere; a file named with its hash, for good."""
    if not path.startswith("/static/"):
        return "no-store"
    return "public, max-age=31536000, immutable" if query.startswith(b"v=") else "no-cache"


_PROBES = ("/health/live", "/health/ready", "/metrics")


def _header(scope: Scope, header: bytes) -> str:
    return next((value for name, value in scope["headers"] if name == header), b"").decode("latin-1")


def _host(scope: Scope) -> str:
    raw = _header(scope, b"host")
    return raw[: raw.rindex("]") + 1] if raw.startswith("[") and "]" in raw else raw.partition(":")[0].lower()
