"""Page of new tries for the letter of one order: what was asked, a reason for the first person, a button for the second.

Example: `app.include_router(envelope_reset_pages(web, resets))`
"""

import re

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.commands.dependencies import orderer
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.envelope_resets.api import REFUSED, within
from fleet.server.envelope_resets.labels import reset_label
from fleet.server.envelope_resets.model import Refusal, ResetRow
from fleet.server.envelope_resets.service import EnvelopeResetService
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.web.authorization import caller_of, field, form_of, needs
from fleet.server.web.roles import Right


def envelope_reset_pages(web: Web, resets: EnvelopeResetService) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/orders/{order}/tries", dependencies=needs(Right.PEOPLE))
    def show(request: Request, order: str) -> Response:
        return _page(request, web, resets, order)

    @router.post("/orders/{order}/tries", dependencies=needs(Right.ORDERS, person=True))
    async def ask(request: Request, order: str) -> Response:
        reason = field(await form_of(request), "reason", MOST_REASON)
        if re.fullmatch(REASON, reason) is None:
            raise HTTPException(422, "a reason of one line is missing")
        outcome = await run_in_threadpool(within(request, resets).ask, order, reason, orderer(request))
        return await run_in_threadpool(_done, request, web, resets, order, outcome)

    @router.post("/orders/{order}/tries/agree", dependencies=needs(Right.ORDERS, person=True))
    async def agree(request: Request, order: str) -> Response:
        outcome = await run_in_threadpool(within(request, resets).agree, order, orderer(request))
        return await run_in_threadpool(_done, request, web, resets, order, outcome)

    @router.post("/orders/{order}/tries/withdraw", dependencies=needs(Right.ORDERS, person=True))
    async def withdraw(request: Request, order: str) -> Response:
        outcome = await run_in_threadpool(within(request, resets).withdraw, order, orderer(request))
        return await run_in_threadpool(_done, request, web, resets, order, outcome)

    return router


def _done(
    request: Request, web: Web, resets: EnvelopeResetService, order: str, outcome: ResetRow | Refusal
) -> Response:
    if isinstance(outcome, Refusal):
        return _page(request, web, resets, order, outcome)
    return RedirectResponse(f"/orders/{order}/tries", 303)


def _page(
    request: Request, web: Web, resets: EnvelopeResetService, order: str, refused: Refusal | None = None
) -> Response:
    seen, now, t, caller = web.hub.latest, web.clock(), web.texts_for(request), caller_of(request)
    mine = within(request, resets)
    story = mine.story(order)
    if story is None:
        raise HTTPException(404, "no order of that number with a letter")
    waiting = next((row for row in story.rows if row.waits(now)), None)
    may = caller.scope(Right.ORDERS).allows(story.station)
    return web.render(
        request,
        "envelope_resets/tries.html",
        (Topic.ORDERS,),
        status=200 if refused is None else REFUSED[refused][0],
        page="orders",
        seen=seen,
        now=now,
        title=t("tries.title", order=order),
        story=story,
        waiting=waiting,
        labelled=[(row, reset_label(row.state, row.result, waits=row.waits(now))) for row in story.rows],
        objection=mine.objection(order, orderer(request)) if may else None,
        refused=refused,
        may=may,
        most_reason=MOST_REASON,
        titles={row.name: row.title for row in readings_of(request).stations(now)},
    )
