"""Dependencies of routes about proposals: to propose, and who may see, confirm or stop one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

from fleet.server.commands.dependencies import orderer
from fleet.server.commands.model import CommandRequest
from fleet.server.proposals.effects import FAULTS, roll_out_wish
from fleet.server.proposals.model import Kind, ProposalRefusedError, ProposalRow, Refusal, Wish
from fleet.server.proposals.service import ProposalService, Proposed
from fleet.server.web.authorization import NO_STEP_UP, caller_of
from fleet.server.web.roles import Caller, Right

_ANSWERS: dict[Refusal, tuple[int, str]] = {
    Refusal.NOT_A_PERSON: (403, "a token neither proposes nor confirms: sign in"),
    Refusal.SAME_PERSON: (409, "the second person is another one than who proposed it"),
    Refusal.NOT_ANOTHER_PERSON: (
        409,
        "one of the two made, reset or granted the other's account within 30 days: a third person has to confirm",
    ),
    Refusal.YOUNG: (409, "your account is younger than a day: somebody else has to confirm"),
    Refusal.STEP_UP: (403, NO_STEP_UP),
    Refusal.SELF: (403, "nobody gives themselves anything, whatever the account is called"),
    Refusal.NOT_OPEN: (409, "it waits for nobody: it is decided, or its time is over"),
    Refusal.NOT_YOURS: (403, "that is for somebody else to do"),
    Refusal.NO_REASON: (409, "say why: the second person reads it"),
    Refusal.SAME: (409, "exactly that is proposed already"),
}
PROPOSED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Proposed: another person confirms it",
        "headers": {"Location": {"description": "the proposal", "schema": {"type": "string"}}},
    }
}
"""For `responses` of a route that gives something."""


def proposals_of(request: Request) -> ProposalService:
    """The proposals of this application."""
    service: ProposalService = request.app.state.proposals
    return service


def propose(request: Request, kind: Kind, target: str, content: dict[str, Any], reason: str) -> Proposed:
    """In the name of who asks. Raises HTTPException."""
    with told():
        return proposals_of(request).propose(Wish(kind, target, content, reason), orderer(request))


def propose_roll_out(request: Request, wishes: Sequence[CommandRequest]) -> ProposalRow | None:
    """The proposal of what takes two persons: an older image, or one for most of the fleet; None for anything else, and where it
    is done. Raises HTTPException."""
    order, by = wishes[0].update_order, orderer(request)
    if order is None or not by.stepped_up or not proposals_of(request).is_for_fleet(wishes):
        return None
    with told():
        return proposals_of(request).propose(roll_out_wish(wishes, order), by).row


def accepted(row: ProposalRow) -> Response:
    """The answer of REST to what waits for a second person."""
    return JSONResponse({"proposal": row.id, "state": row.state}, 202, {"Location": f"/api/v1/proposals/{row.id}"})


@contextmanager
def told() -> Iterator[None]:
    """A refusal as its status."""
    try:
        yield
    except ProposalRefusedError as error:
        raise HTTPException(*_ANSWERS[error.refusal]) from None
    except FAULTS as error:
        raise HTTPException(409, str(error)) from None


def may_see(request: Request, row: ProposalRow) -> bool:
    """Return whether the caller may see the proposal: who made it, who decides, who gets something, and the ID administrators."""
    caller, service = caller_of(request), proposals_of(request)
    by = orderer(request)
    return row.by == by.name or may_decide(caller, row) or may_object(request, row) or service.is_proposed(row, by)


def may_decide(caller: Caller, row: ProposalRow) -> bool:
    """Return whether the caller's role is that of a second person for the proposal."""
    commanded = caller.scope(Right.COMMAND)
    if row.kind is Kind.STATION:
        return commanded.allows(row.target)
    if row.kind is Kind.STATIONS:
        return all(commanded.allows(station["station"]) for station in row.content["stations"])
    if row.kind is Kind.ROLL_OUT:
        return all(map(commanded.allows, row.content["stations"]))
    return caller.may(Right.MANAGE)


def may_confirm(request: Request, row: ProposalRow) -> bool:
    """Return whether the caller may confirm the proposal: who decides, and an ID administrator about another one."""
    is_administrator = proposals_of(request).is_administrator(caller_of(request).hsa_id)
    return may_decide(caller_of(request), row) or (row.kind is Kind.ADMINISTRATOR and is_administrator)


def may_object(request: Request, row: ProposalRow) -> bool:
    """Return whether the caller may stop the proposal of another: who could confirm it, whom it gives something, and
    every ID administrator."""
    caller, service = caller_of(request), proposals_of(request)
    return row.by != caller.name and (
        may_decide(caller, row) or service.is_administrator(caller.hsa_id) or service.is_proposed(row, orderer(request))
    )


def waiting_for(request: Request) -> int:
    """Return the number of proposals that wait for the caller."""
    rows, _ = proposals_of(request).listed(states=("waiting",))
    return sum(row.by != caller_of(request).name and may_confirm(request, row) for row in rows)
