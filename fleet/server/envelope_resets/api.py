"""API of new tries for code letters, under /api/v1: read, ask, agree, withdraw. Two persons in sessions, never a token.

Example: `app.include_router(envelope_resets_api(resets))`
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from fleet.server.commands.dependencies import orderer
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.envelope_resets.model import Refusal, ResetRow, Result, State
from fleet.server.envelope_resets.service import EnvelopeResetService
from fleet.server.orders.request_bodies import OrderName
from fleet.server.web.authorization import NO_STEP_UP, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.request_bodies import Body
from fleet.server.web.roles import Right

REFUSED: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN: (404, "no order of that number with a letter that can still be used"),
    Refusal.NOT_A_PERSON: (403, "a token neither begins this nor agrees to it: sign in"),
    Refusal.STEP_UP: (403, NO_STEP_UP),
    Refusal.NOT_LISTED: (403, "only an ID administrator (KRA) of the order's station, by the region's list"),
    Refusal.HOLDER: (409, "the letter is your own: two others have to do it"),
    Refusal.SAME_PERSON: (409, "the second person is another one than who asked for it"),
    Refusal.NOT_ANOTHER_PERSON: (
        409,
        "one of the two made, reset or granted the other's account within 30 days: a third person has to agree",
    ),
    Refusal.WAITING: (409, "it waits for a second person already"),
    Refusal.NOT_WAITING: (409, "it waits for nobody: it is decided, or its time is over"),
}


class ResetReason(Body):
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


class LetterReset(BaseModel):
    """New tries for the letter of an order. `result`, once the verifier has answered: `reset`; `reset_before`, because a letter
    gets them once; `not_used_up`."""

    id: int
    order: str
    station: str
    reason: str
    by: str
    asked: datetime
    decide_by: datetime
    state: State
    second: str | None
    ended: datetime | None
    result: Result | None


def envelope_resets_api(resets: EnvelopeResetService) -> APIRouter:
    router = api_group("orders")

    @router.get("/orders/{order}/tries", dependencies=needs(Right.PEOPLE))
    def list_resets(request: Request, order: OrderName) -> list[LetterReset]:
        """New tries that were asked for, the newest first."""
        story = within(request, resets).story(order)
        if story is None:
            raise HTTPException(*REFUSED[Refusal.UNKNOWN])
        return [LetterReset.model_validate(row, from_attributes=True) for row in story.rows]

    @router.post("/orders/{order}/tries/ask", status_code=201, dependencies=needs(Right.ORDERS, person=True))
    def ask_reset(request: Request, order: OrderName, body: ResetReason) -> LetterReset:
        """Ask for new tries, as the first person, after a step-up. It waits a quarter of an hour for a second one."""
        return _done(within(request, resets).ask(order, body.reason, orderer(request)))

    @router.post("/orders/{order}/tries/agree", dependencies=needs(Right.ORDERS, person=True))
    def agree_reset(request: Request, order: OrderName) -> LetterReset:
        """Agree, as the second person, after a step-up: the verifier is asked."""
        return _done(within(request, resets).agree(order, orderer(request)))

    @router.post("/orders/{order}/tries/withdraw", dependencies=needs(Right.ORDERS, person=True))
    def withdraw_reset(request: Request, order: OrderName) -> LetterReset:
        """Withdraw one's own, or decline another's, while it waits."""
        return _done(within(request, resets).withdraw(order, orderer(request)))

    return router


def within(request: Request, resets: EnvelopeResetService) -> EnvelopeResetService:
    """Limit the resets to those that the caller's right was granted for."""
    return resets.within(caller_of(request).scope(request.state.right).patterns)


def _done(outcome: ResetRow | Refusal) -> LetterReset:
    if isinstance(outcome, Refusal):
        raise HTTPException(*REFUSED[outcome])
    return LetterReset.model_validate(outcome, from_attributes=True)
