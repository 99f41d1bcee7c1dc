"""API of join keys, under /api/v1: one code for many new stations, and their approval together.

Rules: a join key is for any name, so it is for who commands every station, signed in and stepped up. Its code is in the answer to
its making and never again. Those that wait by it are let in by one proposal; what asks for a second look is left out of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from fleet.server.commands.model import MOST_REASON
from fleet.server.enrolment.api import claim_of, has_stepped_up, requester_of
from fleet.server.enrolment.join_keys import MOST_DAYS, MOST_STATIONS, JoinKeyRow, JoinKeyState
from fleet.server.enrolment.model import EnrolmentRefusedError
from fleet.server.enrolment.service import EnrolmentService, JoinCode
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose
from fleet.server.proposals.model import Kind, ProposalRow
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import NO_STEP_UP, caller_of, needs
from fleet.server.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.web.pagination import CountedRows, Limit, Number, Offset, next_offset
from fleet.server.web.request_bodies import WHOLE, Body
from fleet.server.web.roles import Right

JOIN_DAYS = 7


class NewJoinKey(Body):
    """For the setup files of so many new stations, for so many days."""

    stations: Annotated[int, Field(strict=False, ge=1, le=MOST_STATIONS), WHOLE]
    days: Annotated[int, Field(strict=False, ge=1, le=MOST_DAYS), WHOLE] = JOIN_DAYS


class JoinKeyCode(BaseModel):
    """The code of a join key; it is shown here and never again. It stands in a setup file as the code of a claim does."""

    server: str
    code: str


class JoinKey(BaseModel):
    """One join key. `used`: for how many of its `stations` a claim was made."""

    id: int
    state: JoinKeyState
    stations: int
    used: int
    made: datetime
    made_by: str
    expires: datetime


class SeenKey(Body):
    """A claim that waits, and the fingerprint as the station's screen shows it; spaces do not count."""

    claim: Annotated[int, Field(strict=False, ge=1, le=2**53), WHOLE]
    key: Annotated[str, Field(min_length=20, max_length=24, pattern=r"^[0-9A-Fa-f ]+$")]


class BatchDecision(Body):
    """Claims of join keys that are let in together. One in conflict, or of a name that there was, is let in alone."""

    claims: Annotated[list[SeenKey], Field(min_length=1, max_length=MOST_STATIONS)]
    reason: Annotated[str, Field(max_length=MOST_REASON)] = ""


def join_key_api(enrolments: EnrolmentService) -> APIRouter:
    router = api_group("stations")

    @router.get("/enrolments/join-keys", dependencies=needs(Right.COMMAND, person=True))
    def list_join_keys(request: Request, limit: Limit = 100, offset: Offset = 0) -> CountedRows[JoinKey]:
        """List the join keys, the newest first. For who commands every station."""
        rows, now = everywhere(request, enrolments).join_keys(), access_of(request).clock()
        items = [_join_key(row, now) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.post(
        "/enrolments/join-keys", status_code=201, openapi_extra=SHOWN_ONCE,
        dependencies=needs(Right.COMMAND, person=True),
    )  # fmt: skip
    def make_join_key(request: Request, body: NewJoinKey) -> JoinKeyCode:
        """A code for many new stations, after a step-up. They wait as any other: nobody is let in by it."""
        made = joined(request, enrolments, body.stations, body.days)
        return JoinKeyCode(server=made.server, code=str(made.code))

    @router.post(
        "/enrolments/join-keys/{join_key}/end", status_code=204, dependencies=needs(Right.COMMAND, person=True)
    )
    def end_join_key(request: Request, join_key: Number) -> None:
        """End a join key. Stations that wait by it wait on."""
        ended(request, enrolments, join_key)

    @router.post(
        "/enrolments/approve", status_code=202, responses=PROPOSED, response_model=None,
        dependencies=needs(Right.COMMAND, person=True),
    )  # fmt: skip
    def approve_stations(request: Request, body: BatchDecision) -> Response:
        """Let the keys of these fingerprints be the stations, after a step-up: proposed, and confirmed by the same of another
        person. All of them, or where one has changed meanwhile, none."""
        return accepted(
            approved_together(request, enrolments, [(row.claim, row.key) for row in body.claims], body.reason)
        )

    return router


def approved_together(
    request: Request, enrolments: EnrolmentService, seen: Sequence[tuple[int, str]], reason: str
) -> ProposalRow:
    """The proposal to let these in: the claim's number, and the fingerprint that was seen. Raises HTTPException."""
    batch = []
    for number, key in sorted(set(seen)):
        claim = claim_of(request, enrolments, number)
        if not claim.is_of_batch or claim.approved is not None:
            raise HTTPException(409, f"{claim.station} cannot be let in with others: look at it alone")
        batch.append({"claim": number, "key": "".join(key.split()).upper(), "station": claim.station})
    first, more = batch[0]["station"], len(batch) - 1
    content = {"stations": batch}
    return propose(
        request,
        Kind.STATIONS,
        f"{first} +{more}" if more else str(first),
        content,
        reason or "new stations of a join key",
    ).row


def everywhere(request: Request, enrolments: EnrolmentService) -> EnrolmentService:
    """The enrolments, for who commands every station: a join key is for any name. Raises HTTPException."""
    if not caller_of(request).scope(Right.COMMAND).everywhere:
        raise HTTPException(403, "join keys are for who commands every station")
    return enrolments


def joined(request: Request, enrolments: EnrolmentService, stations: int, days: int) -> JoinCode:
    """A new join key. Raises HTTPException."""
    service = everywhere(request, enrolments)
    if not has_stepped_up(request):
        raise HTTPException(403, NO_STEP_UP)
    try:
        return service.make_join_key(stations, days, requester_of(request))
    except EnrolmentRefusedError as error:
        raise HTTPException(409, str(error)) from None


def ended(request: Request, enrolments: EnrolmentService, number: int) -> None:
    """Raises HTTPException."""
    try:
        everywhere(request, enrolments).end_join_key(number, requester_of(request))
    except EnrolmentRefusedError as error:
        raise HTTPException(409, str(error)) from None


def _join_key(row: JoinKeyRow, now: datetime) -> JoinKey:
    return JoinKey(
        id=row.id, state=row.state(now), stations=row.most, used=row.used, made=row.made, made_by=row.made_by,
        expires=row.expires,
    )  # fmt: skip
