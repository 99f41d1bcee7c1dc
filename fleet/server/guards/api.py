"""API of guards, under /api/v1: what cannot be undone and waits for a person; and the button of a page that says the same.

Rules: who may manage confirms, signed in and never by a token, and two persons do (`proposals`); the audit hears of it in the
same transaction.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from fleet.server.guards.service import GuardService
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose
from fleet.server.proposals.model import Kind
from fleet.server.web.authorization import form_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.roles import Right

Name = Annotated[str, Path(pattern=r"^[a-z0-9_:]{1,40}$")]


class WaitingBatch(BaseModel):
    """A batch of more rows than go by themselves in a day. `until`: somebody has allowed it until then."""

    batch: str
    due: int
    most: int
    found: datetime
    until: datetime | None


class WaitingGuards(BaseModel):
    """`clock_leapt`: what the server's clock showed before it leapt; null while it is believed."""

    clock_leapt: datetime | None
    batches: list[WaitingBatch]


def guards_api(guards: GuardService) -> APIRouter:
    router = api_group("guards")

    @router.get("/guards", dependencies=needs(Right.VIEW))
    def read_guards(request: Request) -> WaitingGuards:
        """Return the batches that wait for a person."""
        return _model(guards)

    @router.post(
        "/guards/{name}/confirm", responses=PROPOSED, response_model=WaitingGuards,
        dependencies=needs(Right.MANAGE, person=True),
    )  # fmt: skip
    def confirm_guard(request: Request, name: Name) -> WaitingGuards | Response:
        """Say that the server's clock is right (`clock`), or that the batch may go on for a day: proposed, and confirmed by the
        same of another person."""
        row = propose(request, Kind.GUARD, name, {}, name).row
        return _model(guards) if row.state == "done" else accepted(row)

    return router


def guard_pages() -> APIRouter:
    """The button of the page of deadlines."""
    router = APIRouter(include_in_schema=False)

    @router.post("/guards/{name}/confirm", dependencies=needs(Right.MANAGE))
    async def confirm(request: Request, name: Name) -> Response:
        await form_of(request)
        try:
            row = (await run_in_threadpool(propose, request, Kind.GUARD, name, {}, name)).row
        except HTTPException as error:
            if error.status_code != 409:
                raise
            return RedirectResponse("/deadlines", 303)
        return RedirectResponse("/deadlines" if row.state == "done" else f"/proposals/{row.id}", 303)

    return router


def _model(guards: GuardService) -> WaitingGuards:
    state = guards.state()
    batches = [WaitingBatch.model_validate(stop, from_attributes=True) for stop in state.stops]
    return WaitingGuards(clock_leapt=state.clock.leapt if state.clock else None, batches=batches)
