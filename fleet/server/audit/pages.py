"""Pages of one's own sessions and of the audit: who looked at or ordered what.

Rules: "the chain holds" is said only after a check in this view; a check is an entry itself, and so is a look. The audit is for
those who may see all stations.

Example: `app.include_router(records_router(web))`
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.server.audit_log.log import AuditEvent, AuditVerdict
from fleet.server.pages.rendering import Web, paging
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import address_of, audit_lookup, caller_of, needs
from fleet.server.web.roles import Right

ROWS = 100
_MOST_PAGES = 100_000
CHECKED, READ = "audit.verify", "audit.read"


def records_router(web: Web) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/me", dependencies=needs(Right.SIGNED_IN))
    def me(request: Request) -> Response:
        caller = caller_of(request)
        return web.render(
            request,
            "audit/me.html",
            page="me",
            title=web.texts_for(request)("me.title", name=caller.name),
            sessions=access_of(request).open_sessions(caller),
        )

    @router.get("/audit", dependencies=needs(Right.AUDIT))
    def audit(
        request: Request,
        who: Annotated[str, Query(max_length=64)] = "",
        action: Annotated[str, Query(max_length=32)] = "",
        page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1,
    ) -> Response:
        audit_lookup(request, AuditEvent(READ, who, action))
        return _audit_page(request, web, who, action, page, None)

    @router.post("/audit", dependencies=needs(Right.AUDIT))
    def verify(request: Request) -> Response:
        verdict = _verified(request)
        return _audit_page(request, web, "", "", 1, verdict)

    return router


def _verified(request: Request) -> AuditVerdict:
    verdict = access_of(request).verify()
    detail = "whole" if verdict.broken is None else f"broken at {verdict.broken}"
    access_of(request).record(caller_of(request), address_of(request), AuditEvent(CHECKED, verdict.head[:16], detail))
    return verdict


def _audit_page(
    request: Request, web: Web, actor: str, action: str, page: int, verdict: AuditVerdict | None
) -> Response:
    access, t = access_of(request), web.texts_for(request)
    rows, total = access.entries(who=actor, action=action, limit=ROWS, offset=(page - 1) * ROWS)
    checked, _ = access.entries(action=CHECKED, limit=1)
    return web.render(
        request,
        "audit/audit.html",
        page="audit",
        title=t.many("audit.title", total) if total else t("audit.title.none"),
        entries=rows,
        who=actor,
        action=action,
        verdict=verdict,
        checked=checked[0] if checked else None,
        paging=paging(page, total, "/audit", who=actor, action=action),
    )
