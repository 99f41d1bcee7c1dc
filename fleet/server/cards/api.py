"""API of cards, under /api/v1: stock, bins, deadlines, one card; holds and blocks into the queue, and one more try.

Rules: as on the pages. A hold, block or lift is answered with the request in the queue; whether the issuer has done it is read
there.

Example: `app.include_router(cards_api(services))`
"""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel

from fleet.messages.issuing import BlockReason
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.dependencies import CardServices, within
from fleet.server.cards.model import Cards, StationBinRow, StockKind
from fleet.server.cards.pages import LOOKED, retry, wish
from fleet.server.deadlines.model import BoardEntry
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import Act, Code
from fleet.server.issuers.model import RequestKey, RequestRow, RequestState
from fleet.server.orders.request_bodies import STATION, Number
from fleet.server.stations.api import Emptied, Order, emptied_model, order_model
from fleet.server.web.authorization import audit_lookup, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import Body
from fleet.server.web.roles import Right

Station = Annotated[str | None, Query(pattern=STATION)]
RequestId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Where = Annotated[str, Query(pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$", description="as the request has it")]


class Lying(BaseModel):
    """A card in a slot. `order` is empty for a reserve card, and for one in quarantine: it could not show that it is genuine."""

    station: str
    slot: int
    card_number: str
    kind: StockKind
    order: str
    product: str
    last_day: str
    since: datetime


class StationBin(BaseModel):
    """The bin of a station: cards since it was last emptied, the first of them, and that emptying. `by_number`: cards that were
    returned by their number alone, and are to be read when it is emptied."""

    station: str
    cards: int
    by_number: int
    first: datetime | None
    emptied: Emptied | None
    differs: bool


class DeadlineItem(BaseModel):
    """One deadline. `due` is the last day of grace; `act` is what happens by itself after it; `did` what has."""

    code: Code
    subject: str
    card_number: str
    hsa_id: str
    station: str
    since: date
    due: date
    phase: Literal["far", "near", "over"]
    act: Act
    warned: datetime | None
    did: str | None
    done: datetime | None


class IssuerRequest(BaseModel):
    """A hold, block, lift or hand-over on its way. `due` is the next try; `error` why the last one failed, or the refusal's."""

    station: str
    id: str
    ask: Literal["card.hold", "card.block", "card.lift", "card.received"]
    card_number: str
    made: datetime
    state: RequestState
    tries: int
    due: datetime | None
    error: str | None


class CardFacts(BaseModel):
    """Facts about a card."""

    card_number: str
    orders: list[Order]
    requests: list[IssuerRequest]


class HoldBody(Body):
    """Why the card is suspended."""

    reason: Literal["forgotten", "lost", "returned", "envelope_broken"]


class BlockBody(Body):
    """Why the card is blocked for good."""

    reason: BlockReason


def cards_api(services: CardServices) -> APIRouter:
    router = api_group("cards")
    _add_stock(router, services.cards)
    _add_deadlines(router, services.deadlines)
    _add_card(router, services.cards)
    _add_queue(router, services.cards)
    return router


def _add_stock(router: APIRouter, cards: Cards) -> None:
    @router.get("/stock", dependencies=needs(Right.PEOPLE))
    def list_stock(
        request: Request,
        station: Station = None,
        kind: Literal["", "order", "reserve", "quarantined"] = "",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[Lying]:
        """Cards in slots, the oldest first."""
        audit_lookup(request, AuditEvent("people.stock", station or "", kind))
        rows, total = within(request, cards).stock(station=station or "", kind=kind, limit=limit, offset=offset)
        items = [Lying.model_validate(row, from_attributes=True) for row in rows]
        return CountedRows(items=items, next=next_offset(offset, limit, total), total=total)

    @router.get("/bins", dependencies=needs(Right.VIEW))
    def list_bins(
        request: Request, show: Literal["", "cards", "differs"] = "", limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[StationBin]:
        """Bins, the fullest first."""
        rows, total = within(request, cards).bins(show=show, limit=limit, offset=offset)
        items = [_bin(request, row) for row in rows]
        return CountedRows(items=items, next=next_offset(offset, limit, total), total=total)


def _add_deadlines(router: APIRouter, deadlines: DeadlineService) -> None:
    @router.get("/deadlines", dependencies=needs(Right.PEOPLE))
    def list_deadlines(
        request: Request, kind: Code, station: Station = None, limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[DeadlineItem]:
        """Deadlines of one rule, the nearest first, with what happens by itself."""
        audit_lookup(request, AuditEvent("people.deadlines", station or "", kind))
        mine = deadlines.within(caller_of(request).scope(request.state.right).patterns)
        try:
            lane = mine.lane(kind, station=station or "", limit=limit, offset=offset)
        except KeyError:
            raise HTTPException(404, "that rule is switched off") from None
        items = [_deadline(entry) for entry in lane.shown]
        return CountedRows(items=items, next=next_offset(offset, limit, lane.total), total=lane.total)


def _add_card(router: APIRouter, cards: Cards) -> None:
    @router.get("/cards/{number}", dependencies=needs(Right.PEOPLE))
    def read_card(request: Request, number: Number) -> CardFacts:
        """Its orders, and what was asked of the issuer."""
        audit_lookup(request, AuditEvent(LOOKED, number))
        card_story = within(request, cards).card(number)
        orders = [order_model(row) for row in card_story.orders]
        return CardFacts(card_number=number, orders=orders, requests=[_request(row) for row in card_story.requests])

    @router.post("/cards/{number}/hold", status_code=202, dependencies=needs(Right.ORDERS, person=True))
    def hold(request: Request, number: Number, body: HoldBody) -> IssuerRequest:
        """Suspend the card, which can be taken back. Not by a token."""
        return _request(wish(request, cards, number, "hold", body.reason))

    @router.post("/cards/{number}/block", status_code=202, dependencies=needs(Right.ORDERS, person=True))
    def block(request: Request, number: Number, body: BlockBody) -> IssuerRequest:
        """Revoke the card for good, in the name of the account's own HSA-id or of the settings'. Not by a token."""
        return _request(wish(request, cards, number, "block", body.reason))

    @router.post("/cards/{number}/lift", status_code=202, dependencies=needs(Right.ORDERS, person=True))
    def lift(request: Request, number: Number) -> IssuerRequest:
        """End the suspension. Not by a token."""
        return _request(wish(request, cards, number, "lift", ""))


def _add_queue(router: APIRouter, cards: Cards) -> None:
    @router.get("/requests", dependencies=needs(Right.PEOPLE))
    def list_requests(
        request: Request, state: Literal["", "waiting", "done", "declined"] = "", limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[IssuerRequest]:
        """The queue to the issuer: what waits first, then the newest."""
        audit_lookup(request, AuditEvent("people.requests", "", state))
        rows, total = within(request, cards).requests(state=state, limit=limit, offset=offset)
        items = [_request(row) for row in rows]
        return CountedRows(items=items, next=next_offset(offset, limit, total), total=total)

    @router.post("/requests/{id}/retry", dependencies=needs(Right.ORDERS))
    def retry_request(request: Request, id: RequestId, station: Where = "") -> IssuerRequest:  # its name
        """Try it now."""
        key = RequestKey(station, id)
        retry(request, cards, key)
        row = within(request, cards).request(key)
        assert row is not None
        return _request(row)


def _bin(request: Request, row: StationBinRow) -> StationBin:
    emptied = emptied_model(request, row.station, row.emptied)
    return StationBin(
        station=row.station,
        cards=row.cards,
        by_number=row.by_number,
        first=row.first,
        emptied=emptied,
        differs=row.differs,
    )


def _deadline(entry: BoardEntry) -> DeadlineItem:
    about = {name: getattr(entry.deadline, name) for name in DeadlineItem.model_fields if hasattr(entry.deadline, name)}
    done = {"did": entry.done.did if entry.done else None, "done": entry.done.at if entry.done else None}
    return DeadlineItem(**about, phase=entry.phase, act=entry.act, warned=entry.warned, **done)  # type: ignore[arg-type]


def _request(row: RequestRow) -> IssuerRequest:
    return IssuerRequest.model_validate(row, from_attributes=True)
