"""API of the audit log and of the caller: `/me`, the audit and its check, and the API's own description.

Example: `app.include_router(own_api_router())`
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from fleet.server.accounts.api import Grant
from fleet.server.audit_log.log import AuditEvent
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import address_of, audit_lookup, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.openapi_description import describe
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import LINE
from fleet.server.web.roles import Right


class AuditEntry(BaseModel):
    """One link of the chain. `hash` is SHA-256 over the entry's exact bytes, which hold the hash before."""

    sequence: int
    at: datetime
    who: str
    action: str
    target: str
    detail: str
    address: str
    hash: str


class ChainCheck(BaseModel):
    """`broken` is the first sequence that is not as it was written, or null."""

    entries: int
    head: str
    broken: int | None


class Me(BaseModel):
    """The caller, and their rights."""

    name: str
    program: bool
    roles: list[Grant]
    rights: list[str]


def own_api_router() -> APIRouter:
    """Three paths and the description."""
    router = api_group()
    _add_own(router)
    _add_audit(router)
    return router


def _add_own(router: APIRouter) -> None:
    @router.get("/me", dependencies=needs(Right.SIGNED_IN), tags=["access"])
    def read_me(request: Request) -> Me:
        """Return the caller, by session or token."""
        caller = caller_of(request)
        rights = sorted(right.value for right in Right if caller.may(right))
        return Me(
            name=caller.name,
            program=caller.program,
            roles=[Grant(role=role, stations=stations) for role, stations in caller.grants],
            rights=rights,
        )

    @router.get("/openapi.json", dependencies=needs(Right.SIGNED_IN), include_in_schema=False)
    def read_description(request: Request) -> JSONResponse:
        return JSONResponse(describe(request.app))


def _add_audit(router: APIRouter) -> None:
    @router.get("/audit", dependencies=needs(Right.AUDIT), tags=["access"])
    def list_audit(
        request: Request,
        who: Annotated[str, Query(max_length=64, pattern=LINE)] = "",
        action: Annotated[str, Query(max_length=32, pattern=LINE)] = "",
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[AuditEntry]:
        """List who looked at or ordered what, newest first. A look at it is an entry itself."""
        audit_lookup(request, AuditEvent("audit.read", who, action))
        rows, total = access_of(request).entries(who=who, action=action, limit=limit, offset=offset)
        items = [AuditEntry.model_validate(row, from_attributes=True) for row in rows]
        return CountedRows(items=items, next=next_offset(offset, limit, total), total=total)

    @router.get("/audit/check", dependencies=needs(Right.AUDIT), tags=["access"])
    def check_audit(request: Request) -> ChainCheck:
        """Compute the chain again."""
        verdict = access_of(request).verify()
        access_of(request).record(
            caller_of(request), address_of(request), AuditEvent("audit.verify", verdict.head[:16])
        )
        return ChainCheck.model_validate(verdict, from_attributes=True)
