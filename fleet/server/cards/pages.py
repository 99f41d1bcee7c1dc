"""Pages of a card, with what may be done about it; and the queue of holds and blocks to the issuer.

Rules: a card is looked up in the audit's sight; who holds or blocks one is told there first, with the reason. What is wished
goes into the queue, and the page says how it stands: nothing is said to be blocked that the issuer has not blocked. A block
needs an HSA-id to be done in the name of: the account's own, or the one of the region's settings. Who may act for some stations
alone acts on cards whose orders are all there.

Example: `app.include_router(card_pages(web, cards))`
"""

import re
from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.messages.issuing import BlockReason, HoldReason
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.dependencies import within
from fleet.server.cards.model import CardAction, Cards
from fleet.server.issuers.model import STATES, RequestKey, RequestRow
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.web.authorization import (
    address_of,
    audit_change,
    audit_lookup,
    caller_of,
    field,
    form_of,
    needs,
    rate_limiter_of,
)
from fleet.server.web.pagination import ROWS, Page
from fleet.server.web.roles import Right, Scope

NUMBER = re.compile(r"[A-Z0-9]{4,40}\Z")
LOOKED, RETRIED = "people.card", "request.retry"
REASONS: dict[str, tuple[str, ...]] = {
    "hold": tuple(reason for reason in get_args(HoldReason) if reason != "deadline"),
    "block": get_args(BlockReason),
    "lift": ("",),
}
"""What a person may give as the reason."""


def card_pages(web: Web, cards: Cards) -> APIRouter:
    """The card, what is done about it, the queue, and one more try."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_card(router, web, cards)
    _add_requests(router, web, cards)
    return router


def _add_card(router: APIRouter, web: Web, cards: Cards) -> None:
    @router.get("/cards", dependencies=needs(Right.PEOPLE))
    def find(number: Annotated[str, Query(max_length=60)] = "") -> Response:
        return RedirectResponse(f"/cards/{typed(number)}", 303)

    @router.get("/cards/{number}", dependencies=needs(Right.PEOPLE))
    def card(request: Request, number: str) -> Response:
        return _card(request, web, within(request, cards), typed(number))

    @router.post("/cards/{number}/{what}", dependencies=needs(Right.ORDERS))
    async def do(request: Request, number: str, what: str) -> Response:
        reason = field(await form_of(request), "reason", 32)
        if what not in REASONS or reason not in REASONS[what]:
            raise HTTPException(422, "no such wish, or no such reason")
        await run_in_threadpool(wish, request, cards, typed(number), what, reason)  # type: ignore[arg-type]
        return RedirectResponse(f"/cards/{number}", 303)


def _add_requests(router: APIRouter, web: Web, cards: Cards) -> None:
    @router.get("/requests", dependencies=needs(Right.VIEW))
    def requests(
        request: Request,
        state: Annotated[str, Query(max_length=10)] = "",
        page: Page = 1,
    ) -> Response:
        return _requests(request, web, within(request, cards), (state if state in STATES else "", page))

    @router.post("/requests", dependencies=needs(Right.ORDERS))
    async def again(request: Request) -> Response:
        form = await form_of(request)
        await run_in_threadpool(retry, request, cards, RequestKey(field(form, "station", 40), field(form, "id", 32)))
        return RedirectResponse("/requests", 303)


def typed(number: str) -> str:
    """A card number as somebody typed it. Raises HTTPException."""
    card_number = "".join(number.split()).upper()
    if not NUMBER.match(card_number):
        raise HTTPException(404, "no card number")
    return card_number


def wish(request: Request, cards: Cards, number: str, action: CardAction, reason: str) -> RequestRow:
    """Put it into the queue in the caller's name, which the audit hears first. Raises HTTPException."""
    caller, mine = caller_of(request), within(request, cards)
    _require_card(caller.scope(Right.ORDERS), cards, number)
    if action != "hold" and not mine.may_block(caller.hsa_id):
        raise HTTPException(409, "this account has no HSA-id to do it in the name of, and the settings name none")
    rate_limiter_of(request).command(caller, address_of(request))
    audit_change(request, AuditEvent(f"card.{action}", number, reason))
    row = mine.wish(number, action, reason or None, caller.name, caller.hsa_id)  # type: ignore[arg-type]
    assert row is not None
    return row


def _require_card(scope: Scope, cards: Cards, number: str) -> None:
    """Raises HTTPException unless all orders of that card are the caller's: an order of their own gives no say over it."""
    theirs = frozenset[str]() if scope.everywhere else cards.stations_of(number)
    if not (scope.everywhere or any(map(scope.allows, theirs))):
        raise HTTPException(404, "no card of that number")
    if not all(map(scope.allows, theirs)):
        raise HTTPException(409, "the card has an order at a station that is not yours: ask who may see all stations")


def retry(request: Request, cards: Cards, key: RequestKey) -> RequestRow:
    """Try it now; the audit hears of it first. Raises HTTPException."""
    mine = within(request, cards)
    row = mine.request(key)
    if row is None:
        raise HTTPException(404, "no request of that id")
    if row.state != "waiting":
        raise HTTPException(409, "the issuer has answered it")
    audit_change(request, AuditEvent(RETRIED, row.card_number, row.ask))
    mine.retry(key)
    return row


def _card(request: Request, web: Web, cards: Cards, number: str) -> Response:
    audit_lookup(request, AuditEvent(LOOKED, number))
    seen, now, t, caller = web.hub.latest, web.clock(), web.texts_for(request), caller_of(request)
    card_story = cards.card(number)
    return web.render(
        request,
        "cards/card.html",
        (Topic.ORDERS, Topic.ERRANDS, Topic.REQUESTS, Topic.DEADLINES),
        page="orders",
        seen=seen,
        now=now,
        title=t("card.title", number=number[-8:-4] + " " + number[-4:]),
        number=number,
        found=card_story,
        reasons=REASONS,
        may=caller.may(Right.ORDERS),
        may_block=cards.may_block(caller.hsa_id),
        titles={row.name: row.title for row in readings_of(request).stations(now)},
    )


def _requests(request: Request, web: Web, cards: Cards, filters: tuple[str, int]) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    state, page = filters
    rows, total = cards.requests(state=state, limit=ROWS, offset=(page - 1) * ROWS)
    _, waiting = cards.requests(state="waiting", limit=1)
    return web.render(
        request,
        "cards/requests.html",
        (Topic.REQUESTS,),
        page="requests",
        seen=seen,
        now=now,
        title=t.many("requests.title", waiting) if waiting else t("requests.title.none"),
        rows=rows,
        total=total,
        state=state,
        states=STATES,
        may=caller_of(request).may(Right.ORDERS),
        titles={row.name: row.title for row in readings_of(request).stations(now)},
        paging=paging(page, total, "/requests", state=state),
    )
