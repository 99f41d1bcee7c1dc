"""Page of retirement: what it means, what still belongs to the station, and the button; or the way back.

Rules: who may manage does it, with a reason. While cards belong to the station, they are named and there is no button.
"""

import re
from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.messages.topics import STATION_NAME
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.retirement.model import REVOKE, RetirementRefusedError
from fleet.server.retirement.service import RetirementService
from fleet.server.stations.model import StationRow
from fleet.server.web.authorization import address_of, caller_of, field, form_of, needs
from fleet.server.web.roles import Right

Change = Callable[[str, str, tuple[str, str]], None]


def retirement_pages(web: Web, retirements: RetirementService) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/stations/{name}/retirement", dependencies=needs(Right.MANAGE))
    def show(request: Request, name: str) -> Response:
        return _page(request, web, retirements, name)

    @router.post("/stations/{name}/retirement", dependencies=needs(Right.MANAGE))
    async def begin(request: Request, name: str) -> Response:
        reason = field(await form_of(request), "reason", MOST_REASON)
        return await run_in_threadpool(_change, request, web, retirements, name, reason, retirements.retire)

    @router.post("/stations/{name}/retirement/end", dependencies=needs(Right.MANAGE))
    async def end(request: Request, name: str) -> Response:
        reason = field(await form_of(request), "reason", MOST_REASON)
        return await run_in_threadpool(_change, request, web, retirements, name, reason, retirements.take_back)

    return router


def _change(
    request: Request, web: Web, retirements: RetirementService, name: str, reason: str, change: Change
) -> Response:
    row = _found(request, web, name)
    if re.fullmatch(REASON, reason) is None:
        return _page(request, web, retirements, name, 422)
    try:
        change(row.name, reason.strip(), (caller_of(request).name, address_of(request)))
    except RetirementRefusedError:  # the page says how it is now
        return _page(request, web, retirements, name, 409)
    return RedirectResponse(f"/stations/{row.name}", 303)


def _page(request: Request, web: Web, retirements: RetirementService, name: str, status: int = 200) -> Response:
    row = _found(request, web, name)
    t = web.texts_for(request)
    title = t("retirement.back_title", station=row.title) if row.retired else t("retirement.title", station=row.title)
    return web.render(
        request,
        "retirement/retirement.html",
        (Topic.STATION.of(row.name),),
        status=status,
        page="stations",
        title=title,
        row=row,
        left=retirements.left(row.name),
        revoke=REVOKE.format(station=row.name),
        most_reason=MOST_REASON,
        wrong=status == 422,
    )


def _found(request: Request, web: Web, name: str) -> StationRow:
    row = readings_of(request).station(name, web.clock()) if STATION_NAME.match(name) else None
    if row is None:
        raise HTTPException(404)
    return row
