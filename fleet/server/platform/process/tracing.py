"""Tracing spans of what the server does: a batch stored, a question answered, commands sent, a request of the web. Off,
unless something is passed in: then one call that does nothing for each.

Rules: a span has a fixed name and attributes from `ALLOWED` alone, whose values are numbers and words of our own; never a name, a
number of a card, a code, a query or a text of an error. Nothing that is traced depends on it.

>>> with OFF.span("batch", {"batch.size": 12}):
...     pass
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED = frozenset(
    {
        "batch.size",
        "commands.sent",
        "commands.expired",
        "ask.kind",
        "answer.ok",
        "error.type",
        "http.request.method",
        "http.route",
        "http.response.status_code",
    }
)
"""Of these, `http.` and `error.` are named as OpenTelemetry's semantic conventions name them."""
UNTRACED = ("/events", "/static/", "/health/", "/metrics")
"""Beginnings of paths whose requests say nothing of a person who waits."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "_OTHER"
"""In place of a method that somebody made up, as the semantic conventions have it."""

Attributes = Mapping[str, str | int | bool]


class Span(Protocol):
    def note(self, attributes: Attributes) -> None:
        """Say more about it. Keys that are not in `ALLOWED` raise KeyError."""

    def rename(self, name: str) -> None:
        """Name it anew, now that more is known."""


class Tracing(Protocol):
    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
        """From here to the end of the block. An error that passes through is noted by its type."""

    def close(self) -> None:
        """Send what is kept. Blocks, but not for ever."""


class _Nothing:
    def note(self, attributes: Attributes) -> None:
        pass

    def rename(self, name: str) -> None:
        pass


class Off:
    """Implements `Tracing`: keeps nothing."""

    _nothing = nullcontext(_Nothing())

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
        return self._nothing

    def close(self) -> None: ...


OFF = Off()


class Traced:
    """Pure ASGI: a span for each request, named by method and route; not for the feed and files."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNTRACED):
            await self._app(scope, receive, send)
            return
        with self._tracing.span("request") as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.note({"http.response.status_code": message["status"]})
                await send(message)

            try:
                await self._app(scope, receive, send_and_note)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route:  # of a request that fits no route nothing is known to be ours
                    method = scope["method"] if scope["method"] in METHODS else OTHER
                    span.note({"http.request.method": method, "http.route": route})
                    span.rename(f"{method} {route}")
