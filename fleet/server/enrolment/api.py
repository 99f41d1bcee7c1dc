"""API of enrolment, under /api/v1: claims of new stations, what is decided about them, and the end of a station's certificates.

Rules: who may command the station makes a claim, also by a token; to approve, refuse and revoke is a person's, signed in, and
approving and revoking want a step-up. The code is in the answer to its making and never again. EST itself (RFC 7030) has a
listener of its own, and is not in this description: its clients are made after the RFC.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.enrolment.model import MOST_HOURS, ClaimRow, ClaimState, EnrolmentRefusedError, Revoked, Who
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose
from fleet.server.proposals.model import Kind, ProposalRow
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import NO_STEP_UP, address_of, caller_of, needs
from fleet.server.web.idempotency import SHOWN_ONCE, api_group
from fleet.server.web.pagination import CountedRows, Limit, Name, Number, Offset, next_offset
from fleet.server.web.request_bodies import WHOLE, Body
from fleet.server.web.roles import Right
from provisioning.claim import ClaimRefused
from provisioning.est.claim_codes import Claim
from provisioning.est.claim_codes import ClaimCode as StationCode

DAY_HOURS, MOST_CODE = 24, 32
SHOWN_CODE = r"^(([0-9A-TV-Za-tv-z]{4}-?){4}[0-9A-TV-Za-tv-z]{4})?$"
"""Five groups of four; no U (`provisioning.claim.ALPHABET`), and look-alikes are taken for what they look like."""


class NewClaim(Body):
    """For a station of this name, to be used once within so many hours. `code`: the one that the station shows, if it has made
    one."""

    station: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    hours: Annotated[int, Field(strict=False, ge=1, le=MOST_HOURS), WHOLE] = DAY_HOURS
    code: Annotated[str, Field(max_length=MOST_CODE, pattern=SHOWN_CODE)] = ""


class ClaimCode(BaseModel):
    """The code; it is shown here and never again. `text` is what its QR code holds."""

    station: str
    server: str
    code: str
    text: str


class Decision(Body):
    """The fingerprint as the station's screen shows it; spaces do not count. `reason`: why, where there was a station of that
    name."""

    key: Annotated[str, Field(min_length=20, max_length=24, pattern=r"^[0-9A-Fa-f ]+$")]
    reason: Annotated[str, Field(max_length=MOST_REASON)] = ""


class RevocationBody(Body):
    """Why, for the audit."""

    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


class EnrolmentClaim(BaseModel):
    """One claim. `key` and `other_key` are fingerprints; `conflict`: two keys want this name;
    `join_key`: the one that made it."""

    id: int
    station: str
    state: ClaimState
    made: datetime
    made_by: str
    expires: datetime
    asked: datetime | None
    address: str
    key: str
    other_key: str
    conflict: bool
    decided: datetime | None
    decided_by: str
    join_key: int | None


class RevokedCertificates(BaseModel):
    """`revoked`: how many certificates from here. `left`: serial numbers (hex) of those that the authority itself has issued:
    this server believes them no more, and the authority's `revoke` and `export-server` put them on the list that others read."""

    station: str
    revoked: int
    left: list[str]


def enrolment_api(enrolments: EnrolmentService) -> APIRouter:
    router = api_group("stations")

    @router.get("/enrolments", dependencies=needs(Right.VIEW))
    def list_claims(request: Request, limit: Limit = 100, offset: Offset = 0) -> CountedRows[EnrolmentClaim]:
        """List the claims that wait for approval first, then the newest."""
        rows = within(request, enrolments, Right.VIEW).claims()
        now = access_of(request).clock()
        items = [_model(row, now) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.post("/enrolments", status_code=201, openapi_extra=SHOWN_ONCE, dependencies=needs(Right.COMMAND))
    def make_claim(request: Request, wish: NewClaim) -> ClaimCode:
        """A claim code for a new station, or for one with a new memory card."""
        claim = Claim.parse(claimed(request, enrolments, wish.station, wish.hours, wish.code))
        return ClaimCode(station=claim.station, server=claim.server, code=str(claim.code), text=claim.text)

    @router.post(
        "/enrolments/{claim}/approve", responses=PROPOSED, response_model=EnrolmentClaim,
        dependencies=needs(Right.COMMAND, person=True),
    )  # fmt: skip
    def approve_station(request: Request, claim: Number, body: Decision) -> EnrolmentClaim | Response:
        """Let the key of this fingerprint be the station, after a step-up: proposed, and confirmed by the same of another person.
        Certificates of an earlier station of that name end first."""
        row = approved(request, enrolments, claim, body.key, body.reason)
        if row is not None and row.state != "done":
            return accepted(row)
        claim_row = within(request, enrolments, Right.COMMAND).claim(claim)
        assert claim_row is not None
        return _model(claim_row, access_of(request).clock())

    @router.post("/enrolments/{claim}/refuse", dependencies=needs(Right.COMMAND, person=True))
    def refuse_station(request: Request, claim: Number, body: Decision) -> EnrolmentClaim:
        """Refuse it: the claim is over."""
        return _model(refused(request, enrolments, claim, body.key), access_of(request).clock())

    @router.post("/stations/{name}/revoke", dependencies=needs(Right.COMMAND, person=True))
    def revoke_station(request: Request, name: Name, body: RevocationBody) -> RevokedCertificates:
        """End all that the name holds here: certificates, asks, renewals, its session at the broker. After a step-up."""
        done = revoked(request, enrolments, name, body.reason)
        return RevokedCertificates(station=name, revoked=done.certificates, left=list(done.left))

    return router


def within(request: Request, enrolments: EnrolmentService, right: Right) -> EnrolmentService:
    """Limit the enrolments to the caller's stations."""
    return enrolments.within(caller_of(request).scope(right).patterns)


def claimed(request: Request, enrolments: EnrolmentService, station: str, hours: float, code: str = "") -> str:
    """The text of a new claim. `code`: as the station shows it. Raises HTTPException."""
    if not caller_of(request).scope(Right.COMMAND).allows(station):
        raise HTTPException(403, "the station is not yours to command")
    try:
        shown = StationCode.parse(code) if code else None
        return enrolments.make_claim(station, hours, requester_of(request), shown)
    except ClaimRefused as error:
        raise HTTPException(422, str(error)) from None
    except EnrolmentRefusedError as error:
        raise HTTPException(409, str(error)) from None


def approved(request: Request, enrolments: EnrolmentService, number: int, key: str, reason: str) -> ProposalRow | None:
    """The proposal to let that key in; None where it is in. Raises HTTPException."""
    claim = claim_of(request, enrolments, number)
    if claim.approved:
        return None
    if claim.is_known and not reason.strip():
        raise HTTPException(409, "there was a station of that name: say why it gets a new key")
    content = {"claim": number, "key": "".join(key.split()).upper()}
    return propose(request, Kind.STATION, claim.station, content, reason or f"a new station, {claim.key}").row


def refused(request: Request, enrolments: EnrolmentService, number: int, key: str) -> ClaimRow:
    """Raises HTTPException."""
    claim_of(request, enrolments, number)
    try:
        return within(request, enrolments, Right.COMMAND).decide(number, key, requester_of(request), approves=False)
    except EnrolmentRefusedError as error:
        raise HTTPException(409, str(error)) from None


def claim_of(request: Request, enrolments: EnrolmentService, number: int) -> ClaimRow:
    claim = within(request, enrolments, Right.COMMAND).claim(number)
    if claim is None:
        raise HTTPException(404, "no claim of that number")
    return claim


def revoked(request: Request, enrolments: EnrolmentService, station: str, reason: str) -> Revoked:
    """Revoke a station's certificates; return what was ended, and what is left. Raises HTTPException."""
    if not caller_of(request).scope(Right.COMMAND).allows(station):
        raise HTTPException(404, "no station of that name")
    if not has_stepped_up(request):
        raise HTTPException(403, NO_STEP_UP)
    try:
        return enrolments.revoke(station, reason.strip(), requester_of(request))
    except EnrolmentRefusedError as error:
        raise HTTPException(409, str(error)) from None


def has_stepped_up(request: Request) -> bool:
    return caller_of(request).has_stepped_up(access_of(request).clock())


def requester_of(request: Request) -> Who:
    return caller_of(request).name, address_of(request)


def _model(row: ClaimRow, now: datetime) -> EnrolmentClaim:
    return EnrolmentClaim(
        id=row.id,
        station=row.station,
        state=row.state(now),
        made=row.made,
        made_by=row.made_by,
        expires=row.expires,
        asked=row.asked,
        address=row.address,
        key=row.key,
        other_key=row.other_key,
        conflict=row.is_in_conflict,
        decided=row.decided,
        decided_by=row.decided_by,
        join_key=row.join_key,
    )
