"""Dependencies of routes about the worklist: rows narrowed to what the caller may see, and what keeps the caller from acting."""

from typing import Literal

from fastapi import HTTPException, Request

from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import caller_of
from fleet.server.web.roles import Right
from fleet.server.worklist.model import ACTIONS, DECISIONS, Action, Worklist, WorklistRow

Obstacle = Literal["", "right", "not_listed", "step_up", "sent"]


def within(request: Request, worklist: Worklist) -> Worklist:
    """Return the worklist of those stations alone that the caller's right was granted for."""
    return worklist.within(caller_of(request).scope(request.state.right).patterns)


def find_row(request: Request, worklist: Worklist, id: str) -> WorklistRow:
    """Return that row, at a station of the caller's. Raises HTTPException."""
    row = within(request, worklist).row(id)
    if row is None:
        raise HTTPException(404, "nothing of that id waits: it is done, or it never was")
    return row


def obstacle(request: Request, worklist: Worklist, row: WorklistRow, action: Action) -> Obstacle:
    """Why the caller may not do that now; empty where they may."""
    caller = caller_of(request)
    if action not in ACTIONS[row.kind] or not caller.scope(Right.ORDERS).allows(row.station):
        return "right"
    if action not in DECISIONS:
        return ""
    if row.is_sent and action != "blocked":
        return "sent"
    if not worklist.may_decide(caller.hsa_id, row.station):
        return "not_listed"
    return "" if caller.has_stepped_up(access_of(request).clock()) else "step_up"
