"""API of proposals, under /api/v1: list, confirm, withdraw, say no; a set-up code's half; the end of a region's first hour.

Rules: a proposal is made by the route of what it gives, which answers 202 and where the proposal is; the same sent by another
person confirms it. Everything here is a person's, signed in; whoever neither decides about a proposal nor gets it sees none.

Example: `app.include_router(proposals_api())`
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from fleet.server.commands.dependencies import orderer
from fleet.server.commands.model import REASON
from fleet.server.proposals.dependencies import may_confirm, may_object, may_see, proposals_of, told
from fleet.server.proposals.model import MOST_REASON, Kind, ProposalRow, State
from fleet.server.web.authorization import needs
from fleet.server.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.web.pagination import Limit, Number, Offset, Rows, next_offset
from fleet.server.web.request_bodies import Body
from fleet.server.web.roles import Right


class Proposal(BaseModel):
    """One proposal. `content` is exactly what takes effect; `earliest`: when, if it is confirmed before; `outcome`: why somebody
    said no, or why it could not take effect."""

    id: int
    kind: Kind
    target: str
    content: dict[str, Any]
    reason: str
    by: str
    asked: datetime
    decide_by: datetime
    state: State
    second: str | None
    confirmed: datetime | None
    earliest: datetime
    ended: datetime | None
    ended_by: str | None
    outcome: str | None


class NoBody(Body):
    """Why not, for the proposer and the audit."""

    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


class Half(BaseModel):
    """One half of a set-up code; it is shown here and never again."""

    half: str


class FirstHour(BaseModel):
    """Persons who have closed the region's first hour; null where it is over. Two persons do."""

    closed_by: list[str] | None


def proposals_api() -> APIRouter:
    router = api_group("proposals")

    @router.get("/proposals", dependencies=needs(Right.VIEW))
    def list_proposals(
        request: Request, state: State | None = None, limit: Limit = 100, offset: Offset = 0
    ) -> Rows[Proposal]:
        """Return the proposals that the caller has to do with, the newest first."""
        rows, total = proposals_of(request).listed(states=(state,) if state else (), limit=limit, offset=offset)
        items = [_model(row) for row in rows if may_see(request, row)]
        return Rows(items=items, next=next_offset(offset, limit, total))

    @router.get("/proposals/{proposal}", dependencies=needs(Right.VIEW))
    def read_proposal(request: Request, proposal: Number) -> Proposal:
        """One of them."""
        return _model(seen(request, proposal))

    @router.post("/proposals/{proposal}/confirm", dependencies=needs(Right.VIEW, person=True))
    def confirm_proposal(request: Request, proposal: Number) -> Proposal:
        """Confirm it as the second person, after a step-up."""
        return _model(confirm(request, proposal))

    @router.post("/proposals/{proposal}/withdraw", dependencies=needs(Right.VIEW, person=True))
    def withdraw_proposal(request: Request, proposal: Number) -> Proposal:
        """Withdraw one's own, until it takes effect."""
        return _model(withdraw(request, proposal))

    @router.post("/proposals/{proposal}/object", dependencies=needs(Right.VIEW, person=True))
    def object_to_proposal(request: Request, proposal: Number, said: NoBody) -> Proposal:
        """Say no, until it takes effect: it is over."""
        return _model(say_no(request, proposal, said.reason))

    @router.post("/proposals/{proposal}/half", openapi_extra=SHOWN_ONCE, dependencies=needs(Right.VIEW, person=True))
    def show_half(request: Request, proposal: Number) -> Half:
        """One's half of the set-up code, where none can be mailed; after a step-up."""
        return Half(half=half(request, proposal))

    @router.get("/first-hour", dependencies=needs(Right.VIEW))
    def read_first_hour(request: Request) -> FirstHour:
        """Return whether the region is still being set up."""
        return FirstHour(closed_by=proposals_of(request).first_hour())

    @router.post("/first-hour/close", dependencies=needs(Right.MANAGE, person=True))
    def close_first_hour(request: Request) -> FirstHour:
        """Say that the region is set up. The second person's word ends its first hour, for good."""
        proposals_of(request).close_first_hour(orderer(request))
        return FirstHour(closed_by=proposals_of(request).first_hour())

    return router


def seen(request: Request, number: int) -> ProposalRow:
    """Raises HTTPException where there is none for the caller."""
    row = proposals_of(request).one(number)
    if row is None or not may_see(request, row):
        raise HTTPException(404, "no proposal of that number")
    return row


def confirm(request: Request, number: int) -> ProposalRow:
    """Raises HTTPException."""
    if not may_confirm(request, seen(request, number)):
        raise HTTPException(403, "your role does not allow this")
    with told():
        return proposals_of(request).confirm(number, orderer(request))


def withdraw(request: Request, number: int) -> ProposalRow:
    """Raises HTTPException."""
    seen(request, number)
    with told():
        return proposals_of(request).withdraw(number, orderer(request))


def say_no(request: Request, number: int, reason: str) -> ProposalRow:
    """Raises HTTPException."""
    if not may_object(request, seen(request, number)):
        raise HTTPException(403, "that is for somebody else to do")
    with told():
        return proposals_of(request).object(number, reason, orderer(request))


def half(request: Request, number: int) -> str:
    """Raises HTTPException."""
    seen(request, number)
    with told():
        return proposals_of(request).half(number, orderer(request))


def _model(row: ProposalRow) -> Proposal:
    return Proposal.model_validate(row, from_attributes=True)
