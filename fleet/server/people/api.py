"""API of ID administrators, read only, under /api/v1. `import-administrators` alone writes the list: who is on it hands out
cards.

Rules: the whole list is for who may see all stations; of one station, for who may see that one. Each look is told to the audit.

Example: `app.include_router(administrators_api(side.cards))`
"""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel

from fleet.messages.issuing import AdministratorRole
from fleet.server.cards.model import Cards
from fleet.server.people.model import ListedAdministrator
from fleet.server.platform.audit.log import AuditEvent
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import audit_lookup, caller_of, needs, require_station
from fleet.server.platform.web.idempotency import api_group
from fleet.server.platform.web.pagination import CountedRows, Limit, Offset, next_offset

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

    return router


def _shown(listed: ListedAdministrator) -> Administrator:
    person = listed.administrator
    return Administrator(
        hsa_id=person.hsa_id, name=person.name, roles=list(person.roles), level=person.level, scope=list(listed.scope),
        valid_from=person.valid_from, valid_until=person.valid_until,
    )  # fmt: skip
