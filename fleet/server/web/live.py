"""The feed of changes as server-sent events (WHATWG HTML, section 9.2), which pages follow.

`event: changed` with a JSON list of topics; `event: resync` where the reader missed something; `event: beat` and a
comment each 15 s of silence, so that proxies keep the line and a page can tell a quiet server from a dead line.
Nothing of what changed is sent: a page reads its own fragment again, by the rules that hold for the page.
"""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from fleet.server.hub import Change, Hub

RETRY_MS = 1000
BEAT = b": beat\nevent: beat\ndata:\n\n"


def live_router(hub: Hub) -> APIRouter:
    """The one route `/events`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/events")
    async def events(request: Request) -> StreamingResponse:
        if hub.full:
            raise HTTPException(503, "too many open feeds")
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        frames = feed(hub, request.headers.get("last-event-id"))
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)

    return router


async def feed(hub: Hub, last_id: str | None) -> AsyncIterator[bytes]:
    """The bytes of one stream. A reader that returns with an older id is told to read everything again."""
    with hub.reading() as reader:
        yield f"retry: {RETRY_MS}\n".encode() + frame(Change(hub.latest, None if missed(hub, last_id) else frozenset()))
        async for change in reader.changes():
            yield BEAT if change is None else frame(change)


def missed(hub: Hub, last_id: str | None) -> bool:
    """Whether a reader that saw `last_id` has missed a push."""
    return last_id is not None and last_id != hub.latest


def frame(change: Change) -> bytes:
    """One change as a server-sent event."""
    if change.topics is None:
        return f"id: {change.id}\nevent: resync\ndata: []\n\n".encode()
    return f"id: {change.id}\nevent: changed\ndata: {json.dumps(sorted(change.topics))}\n\n".encode()
