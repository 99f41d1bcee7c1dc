"""Idempotency keys on routes of `/api/v1`: authorization first, then the body; a change that is asked for twice is made once.

Rules: a change may carry `Idempotency-Key`. The first request with it is done, and its answer is kept for 24 hours in the
store, so that any web process gives it again, with `Idempotency-Replayed: true`. The same key with another request is 422, and
409 while the first one is under way. A request that was refused has changed nothing and frees its key; one that broke off does
not, since nobody knows how far it came: look, and send it with another key. Keys of one account or token are no one else's. An
answer that holds a secret (`SHOWN_ONCE`) is not kept: a repeat is told that it was done.

Bodies are JSON (415), readable (400) and no longer than `middleware.MOST_BYTES` (413); answers are JSON, or the request's
`Accept` is refused (406). All errors are problem details.

Bodies are models of `bodies.Body`. Example, a router with one change and what it needs:

    def bins_api(bins: Bins) -> APIRouter:
        router = api_group("bins")

        @router.post("/bins/{station}/bookings", status_code=201, dependencies=needs(Right.COMMAND))
        def book(request: Request, station: StationName, wish: Booking) -> Booked:
            require_station(request, station)
            audit_change(request, AuditEvent("bin.book", station))
            return Booked.model_validate(bins.book(station, wish.day), from_attributes=True)

        return router
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from fleet.server.web.authorization import SAFE, caller_of, requirement_of
from fleet.server.web.idempotency_store import KeyedRequest, ReplyStore, keep, release, reserve
from fleet.server.web.problem_details import described
from fleet.server.web.rate_limits import remaining_headers

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
SHOWN_ONCE = {"x-shown-once": True}
"""For `openapi_extra` of a route whose answer holds a secret."""

_KEY = re.compile(r"[!-~]{1,200}\Z")
_JSON = ("application/json", "application/*", "*/*", "application/problem+json")
_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "a change with the same key is made once; kept for 24 hours",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not set(options.get("methods") or ()) <= set(SAFE):
            extra = options.get("openapi_extra") or {}
            options["openapi_extra"] = {**extra, "parameters": [*extra.get("parameters", ()), _PARAMETER]}
            options["responses"] = {**described(400, 409, 411, 413, 415), **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """The gate, the form of the request, and once only."""
        handle = super().get_route_handler()
        gate = requirement_of(self)

        async def answer(request: Request) -> Response:
            if gate is not None:
                await gate(request)
            _refuse_unfit(request, has_body=self.body_field is not None)
            key = request.headers.get(HEADER)
            if key is None or request.method in SAFE:
                return await handle(request)
            return await _once(request, key, handle, secret="x-shown-once" in (self.openapi_extra or {}))

        async def said(request: Request) -> Response:
            response = await answer(request)
            response.headers.update(remaining_headers(request))
            return response

        return said


def api_group(*tags: str) -> APIRouter:
    """A router below `/api/v1`."""
    responses = described(401, 403, 404, 406, 422, 429)
    return APIRouter(prefix="/api/v1", route_class=ApiRoute, responses=responses, tags=[*tags])


def _refuse_unfit(request: Request, *, has_body: bool) -> None:
    """Raises HTTPException for a body that is no JSON, or an answer that is wanted as something else."""
    if has_body and request.method not in SAFE:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise HTTPException(415, "send JSON, with Content-Type: application/json")
    if not accepts_json(request.headers.get("accept", "")):
        raise HTTPException(406, "answers are application/json, errors application/problem+json")


def accepts_json(header: str) -> bool:
    """Return whether that `Accept` (RFC 9110, 12.5.1) takes our answers; an empty one takes anything."""
    for media_range in header.lower().split(","):
        media, *parameters = (part.strip() for part in media_range.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if media in _JSON and weight.strip("0.") != "":
            return True
    return not header.strip()


async def _once(request: Request, key: str, handle: Handler, *, secret: bool) -> Response:
    if not _KEY.match(key):
        raise HTTPException(422, f"{HEADER}: 1 to 200 visible ASCII characters")
    keyed_request = await _asked(request, key)
    store: ReplyStore = request.app.state.replies
    before = await run_in_threadpool(reserve, store.database, keyed_request, store.clock())
    if before is not None:
        if before.request != keyed_request.request:
            raise HTTPException(422, f"{HEADER}: was used for another request")
        if before.status is None:
            raise HTTPException(409, f"{HEADER}: that request is under way, or broke off: look, and take another key")
        if before.body is None:
            raise HTTPException(409, f"{HEADER}: that was done; its answer was shown once")
        return Response(before.body, before.status, {REPLAYED: "true"}, media_type="application/json")
    try:
        response = await handle(request)
    except (HTTPException, RequestValidationError):
        await run_in_threadpool(release, store.database, keyed_request)
        raise
    body = None if secret else bytes(response.body)
    await run_in_threadpool(keep, store.database, keyed_request, response.status_code, body)
    return response


async def _asked(request: Request, key: str) -> KeyedRequest:
    caller = caller_of(request)
    caller_kind = "program" if caller.program else "person"
    line = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return KeyedRequest(
        hashlib.sha256(f"{caller_kind}\n{caller.name}\n{key}".encode()).hexdigest(),
        hashlib.sha256(line + await request.body()).hexdigest(),
    )
