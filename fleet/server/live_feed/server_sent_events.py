"""Server-sent events (WHATWG HTML, section 9.2): the feed of changes that pages follow.

`event: changed` with a JSON list of topics; `event: resync` where the reader missed something; `event: beat` and a
comment each 15 s of silence, so that proxies keep the line and a page can tell a quiet server from a dead line.
Nothing of what changed is sent: a page reads its own fragment again, by the rules that hold for the page. The stream of a
session ends with it: at once where it is ended here, within 15 seconds where it ends elsewhere or by time; so does what was
granted less elsewhere.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from fleet.server.live_feed.hub import Change, FeedReader, FullError, Hub
from fleet.server.web.authorization import Authenticator, authenticator_of, caller_of, needs
from fleet.server.web.roles import Right, Scope

RETRY_MS = 1000
CHECK_S = 15.0
BEAT = b": beat\nevent: beat\ndata:\n\n"


@dataclass(slots=True)
class ScopeWatch:
    """Watch over the session of a stream: ends the stream with the session, and keeps names of other stations back.

    `draw`: when the store is first asked, in seconds. After a restart all readers come at once, and would all ask at once.
    """

    key: str
    scope: Scope
    scope_now: Callable[[str], Scope | None]
    """What the session sees by now; None where it is over."""
    draw: Callable[[float, float], float] = random.uniform
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self._due = asyncio.get_running_loop().time() + self.draw(0.0, CHECK_S)

    async def holds(self) -> bool:
        """Return whether the session is still open, asked of the store every 15 seconds."""
        now = asyncio.get_running_loop().time()
        if now < self._due:
            return True
        self._due = now + CHECK_S
        scope = await run_in_threadpool(self.scope_now, self.key)
        self.scope = scope or self.scope
        return scope is not None

    def narrowed(self, change: Change) -> Change:
        """Without the stations that are not in its scope."""
        if change.topics is None or self.scope.everywhere:
            return change
        return Change(change.id, frozenset(topic for topic in change.topics if self._concerns(topic)))

    def _concerns(self, topic: str) -> bool:
        kind, _, name = topic.partition("/")
        return kind != "station" or self.scope.allows(name)


def live_router(hub: Hub) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/events", dependencies=needs(Right.VIEW))
    async def events(request: Request) -> StreamingResponse:
        caller = caller_of(request)
        watch = ScopeWatch(caller.key, caller.scope(Right.VIEW), partial(scope_now, authenticator_of(request)))
        try:
            reader = hub.admit(caller.key, f"{caller.program} {caller.name}")
        except FullError as error:
            raise HTTPException(503 if error.everybody else 429, str(error), {"Retry-After": "15"}) from None
        return Feed(hub, reader, request.headers.get("last-event-id"), watch)

    return router


def scope_now(access: Authenticator, key: str) -> Scope | None:
    """Return the stations that the session or token may view now; None where it may view none."""
    caller = access.by_key(key)
    return caller.scope(Right.VIEW) if caller is not None and caller.may(Right.VIEW) else None


class Feed(StreamingResponse):
    """One stream. Its place is taken before it begins, so that those who come at once are counted, and given back in any case."""

    def __init__(self, hub: Hub, reader: FeedReader, last_id: str | None, watch: ScopeWatch) -> None:
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        super().__init__(feed(hub, reader, last_id, watch), media_type="text/event-stream", headers=headers)
        self._hub, self._reader = hub, reader

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._reader)


async def feed(hub: Hub, reader: FeedReader, last_id: str | None, watch: ScopeWatch) -> AsyncIterator[bytes]:
    """The bytes of one stream. A reader that returns with an older id is told to read everything again."""
    yield f"retry: {RETRY_MS}\n".encode() + frame(Change(hub.latest, None if missed(hub, last_id) else frozenset()))
    async for change in reader.changes():
        if not await watch.holds():
            return
        yield BEAT if change is None else frame(watch.narrowed(change))


def missed(hub: Hub, last_id: str | None) -> bool:
    """Return whether a reader that saw `last_id` has missed a push."""
    return last_id is not None and last_id != hub.latest


@lru_cache(maxsize=64)
def frame(change: Change) -> bytes:
    """One change as a server-sent event: made once for all who get the same."""
    if change.topics is None:
        return f"id: {change.id}\nevent: resync\ndata: []\n\n".encode()
    return f"id: {change.id}\nevent: changed\ndata: {json.dumps(sorted(change.topics))}\n\n".encode()
