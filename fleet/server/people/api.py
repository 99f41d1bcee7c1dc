"""API of ID administrators, under /api/v1: who is on the list hands out cards.

Rules: the whole list is read by who may see all stations; that of one station by who may see that one. It is changed by a person
who may do everything, everywhere, and has stepped up: less at once, more by a proposal (`proposals`); nobody lists themselves,
and the last one stays. Each look and each change is told to the audit. `import-administrators` makes the list that of its file.

Example: `app.include_router(administrators_api(services.cards))`
"""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel

from fleet.messages.issuing import AdministratorRole
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.model import Cards
from fleet.server.people.bodies import AdministratorBody, HsaId
from fleet.server.people.model import ListedAdministrator
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose
from fleet.server.proposals.effects import listed_content, told_of
from fleet.server.proposals.model import Kind, ProposalRow
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import audit_change, audit_lookup, caller_of, needs, require_station
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.roles import Right

LOOKED = "people.administrators"

OneStation = Annotated[str, Query(max_length=40, pattern=r"^([a-z0-9][a-z0-9-]*)?$")]


class Administrator(BaseModel):
    """An ID administrator. `scope`: stations, or beginnings of names followed by `*`. Days are ISO 8601, both included."""

    hsa_id: str
    name: str
    roles: list[AdministratorRole]
    level: Literal[2, 3]
    scope: list[str]
    valid_from: str | None
    valid_until: str | None
    decision: str
    """Of the responsible issuer, that the row rests on."""


def administrators_api(cards: Cards) -> APIRouter:
    router = api_group("people")

    @router.get("/administrators", dependencies=needs(Right.PEOPLE))
    def list_administrators(
        request: Request, station: OneStation = "", limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[Administrator]:
        """ID administrators by HSA-id: all, or those whose scope covers one station."""
        if station:
            require_station(request, station)
        elif not caller_of(request).scope(request.state.right).everywhere:
            raise HTTPException(403, "the whole list is for those who may see all stations: name a station")
        audit_lookup(request, AuditEvent(LOOKED, station))
        rows = [
            administrator for administrator in cards.administrators() if not station or administrator.covers(station)
        ]
        items = [_shown(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    _add_changes(router, cards)
    return router


def _add_changes(router: APIRouter, cards: Cards) -> None:
    @router.get("/administrators/{hsa_id}", dependencies=needs(Right.MANAGE))
    def read_administrator(request: Request, hsa_id: HsaId) -> Administrator:
        """One of them."""
        audit_lookup(request, AuditEvent(LOOKED, hsa_id))
        return _shown(_known(cards, hsa_id))

    @router.put(
        "/administrators/{hsa_id}", responses=PROPOSED, response_model=Administrator,
        dependencies=needs(Right.MANAGE, person=True),
    )  # fmt: skip
    def put_administrator(request: Request, hsa_id: HsaId, said: AdministratorBody) -> Administrator | Response:
        """Put them on the list, or change what they may: less at once, more proposed. Not by a token, not of oneself."""
        if said.ends_before_it_begins:
            raise HTTPException(409, "valid_until is before valid_from")
        row = put(request, cards, said.listed(hsa_id))
        return _shown(said.listed(hsa_id)) if row is None or row.state == "done" else accepted(row)

    @router.delete("/administrators/{hsa_id}", status_code=204, dependencies=needs(Right.MANAGE, person=True))
    def remove_administrator(request: Request, hsa_id: HsaId) -> Response:
        """Take them off the list. As above."""
        remove(request, cards, hsa_id)
        return Response(status_code=204)


def put(request: Request, cards: Cards, listed: ListedAdministrator) -> ProposalRow | None:
    """Change the row to less, or propose more. Raises HTTPException where the caller may not just now."""
    hsa_id = listed.administrator.hsa_id
    before = next((row for row in cards.administrators() if row.administrator.hsa_id == hsa_id), None)
    if listed.gives_more_than(before):
        return propose(request, Kind.ADMINISTRATOR, hsa_id, listed_content(listed), listed.decision).row
    audit_change(request, AuditEvent("administrator.put", hsa_id, _audit_text(listed)))
    cards.put_administrator(listed)
    return None


def remove(request: Request, cards: Cards, hsa_id: str) -> None:
    """Take them off the list. Raises HTTPException where they are not on it, or are the last."""
    _known(cards, hsa_id)
    if len(cards.administrators()) == 1:
        raise HTTPException(409, "the last one stays: nobody could attend")
    audit_change(request, AuditEvent("administrator.remove", hsa_id))
    cards.remove_administrator(hsa_id)


def has_stepped_up(request: Request) -> bool:
    """Return whether the session has a proof of who is there that is fresh enough to change the list."""
    return caller_of(request).has_stepped_up(access_of(request).clock())


def _known(cards: Cards, hsa_id: str) -> ListedAdministrator:
    listed = next((row for row in cards.administrators() if row.administrator.hsa_id == hsa_id), None)
    if listed is None:
        raise HTTPException(404, "no ID administrator of that HSA-id")
    return listed


def _audit_text(listed: ListedAdministrator) -> str:
    return told_of(listed_content(listed))


def _shown(listed: ListedAdministrator) -> Administrator:
    person = listed.administrator
    return Administrator(
        hsa_id=person.hsa_id, name=person.name, roles=list(person.roles), level=person.level, scope=list(listed.scope),
        valid_from=person.valid_from, valid_until=person.valid_until, decision=listed.decision,
    )  # fmt: skip
