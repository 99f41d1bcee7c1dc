"""Pages of proposals: the list, and one proposal with the panel for who reads it: second person, proposer, or who can object.

Rules: as those of the API (`fleet.server.proposals.api`), which does it. What is refused is said on the page.

Example: `app.include_router(proposal_pages(web))`
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.commands.dependencies import orderer
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, paging
from fleet.server.proposals import api
from fleet.server.proposals.dependencies import may_confirm, may_object, may_see, proposals_of
from fleet.server.proposals.labels import proposal_title
from fleet.server.proposals.model import MOST_REASON, OPEN, ProposalRow, State
from fleet.server.web.authorization import caller_of, field, form_of, needs
from fleet.server.web.pagination import ROWS, Number, Page
from fleet.server.web.roles import Right

PATH = "/proposals"
CHOICES: dict[str, tuple[State, ...]] = {"open": OPEN, "all": ()}


def proposal_pages(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.VIEW))
    def show_all(request: Request, state: Annotated[str, Query(max_length=8)] = "open", page: Page = 1) -> Response:
        return _list(request, web, state, page)

    @router.post("/first-hour", dependencies=needs(Right.MANAGE, person=True))
    async def close_first_hour(request: Request) -> Response:
        await run_in_threadpool(proposals_of(request).close_first_hour, orderer(request))
        return RedirectResponse(PATH, 303)

    @router.get(PATH + "/{proposal}", dependencies=needs(Right.VIEW))
    def show(request: Request, proposal: Number) -> Response:
        return _page(request, web, api.seen(request, proposal))

    @router.post(PATH + "/{proposal}/{action}", dependencies=needs(Right.VIEW, person=True))
    async def decide(request: Request, proposal: Number, action: Annotated[str, Path(max_length=16)]) -> Response:
        if action not in ACTIONS:
            raise HTTPException(404)
        reason = field(await form_of(request), "reason", MOST_REASON)
        return await run_in_threadpool(_decide, request, web, proposal, action, reason)

    return router


ACTIONS: dict[str, Callable[[Request, int, str], object]] = {
    "confirm": lambda request, number, _reason: api.confirm(request, number),
    "withdraw": lambda request, number, _reason: api.withdraw(request, number),
    "object": api.say_no,
    "half": lambda request, number, _reason: api.half(request, number),
}


def _decide(request: Request, web: Web, number: int, action: str, reason: str) -> Response:
    try:
        done = ACTIONS[action](request, number, reason)
    except HTTPException as error:
        if error.status_code == 404:
            raise
        return _page(request, web, api.seen(request, number), wrong=str(error.detail), status=error.status_code)
    if isinstance(done, str):
        return _page(request, web, api.seen(request, number), half=done)
    return RedirectResponse(f"{PATH}/{number}", 303)


def _list(request: Request, web: Web, state: str, page: int) -> Response:
    if state not in CHOICES:
        raise HTTPException(404)
    service, t = proposals_of(request), web.texts_for(request)
    rows, total = service.listed(states=CHOICES[state], limit=ROWS, offset=(page - 1) * ROWS)
    waiting = sum(row.state == "waiting" for row in rows)
    return web.render(
        request,
        "proposals/proposals.html",
        (Topic.PROPOSALS,),
        page="proposals",
        title=t.many("proposals.title", waiting) if waiting else t("proposals.title.none"),
        rows=[row for row in rows if may_see(request, row)],
        state=state,
        states=tuple(CHOICES),
        paging=paging(page, total, PATH, state=state),
        first_hour=service.first_hour(),
        manages=caller_of(request).may(Right.MANAGE),
    )


def _page(
    request: Request, web: Web, row: ProposalRow, *, wrong: str = "", half: str = "", status: int = 200
) -> Response:
    service, by, t = proposals_of(request), orderer(request), web.texts_for(request)
    confirms = may_confirm(request, row) and not service.is_proposed(row, by)
    face = "proposer" if row.by == by.name else "second" if confirms else "objects" if may_object(request, row) else ""
    return web.render(
        request,
        "proposals/proposal.html",
        (Topic.PROPOSALS,),
        status=status,
        page="proposals",
        title=proposal_title(row, t),
        row=row,
        face=face,
        checks=service.checks(row, by.name),
        before=service.before(row),
        notices=service.notices(row.id),
        objection=service.objection(row, by) if face == "second" else None,
        stepped_up=by.stepped_up,
        halved=service.gives_code(row) and by.name in (row.by, row.second),
        half=half,
        at_once=row.state == "waiting" and service.first_hour() is not None,
        wrong=wrong,
        most_reason=MOST_REASON,
    )
