"""What every answer carries, and which hosts may be asked for. Pure ASGI, so that a long stream sees its reader leave.

There is no sign-in yet and the server listens on loopback only. A web page elsewhere could still have its own name
resolved to 127.0.0.1 and read our pages through the visitor's browser (DNS rebinding), so a request for any other
host name is refused.
"""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Refuses foreign hosts; adds the policy and the caching rule to every answer."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK_HOSTS) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule = cache_rule(scope["path"], scope["query_string"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", rule)
            await send(message)

        if _host(scope) in self._hosts:
            await self._app(scope, receive, send_with_headers)
        else:
            await PlainTextResponse("unknown host", status_code=421)(scope, receive, send_with_headers)


def cache_rule(path: str, query: bytes) -> str:
    """`Cache-Control` for an answer: what shows people is stored nowhere; a file named with its hash, for good."""
    if not path.startswith("/static/"):
        return "no-store"
    return "public, max-age=31536000, immutable" if query.startswith(b"v=") else "no-cache"


def _host(scope: Scope) -> str:
    raw = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    return raw[: raw.rindex("]") + 1] if raw.startswith("[") and "]" in raw else raw.partition(":")[0].lower()
