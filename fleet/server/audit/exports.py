"""The audit as a file: `/exports/audit`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.accounts.sign_in.dependencies import access_of
from fleet.server.audit import labels
from fleet.server.platform.audit.log import Entry
from fleet.server.platform.pages.file_exports import Column, FileExport, Format, Word, in_batches, sent
from fleet.server.platform.pages.rendering import Web
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import needs

AUDIT = FileExport[Entry](
    "audit",
    (
        Column("col.number", lambda entry, t: entry.sequence, shows=("#",)),
        Column("col.time", lambda entry, t: entry.at),
        Column("col.who", lambda entry, t: entry.who),
        Column("col.deed", lambda entry, t: labels.deed_label(entry.action, entry.detail).text(t)),
        Column("col.target", lambda entry, t: entry.target),
        Column("col.detail", lambda entry, t: entry.detail),
        Column("col.from", lambda entry, t: entry.address),
        Column("col.hash", lambda entry, t: entry.hash),
    ),
)


def audit_exports(web: Web) -> APIRouter:
    """The one list."""
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/audit", dependencies=needs(Right.AUDIT))
    def audit(request: Request, who: Word = "", action: Word = "", form: Format = "csv") -> Response:
        access = access_of(request)
        rows = in_batches(lambda limit, offset: access.entries(who=who, action=action, limit=limit, offset=offset))
        return sent(request, AUDIT.table(rows, web.texts_for(request)), form, f"{who} {action}")

    return router
