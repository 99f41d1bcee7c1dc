"""Export of the audit log as a file: `/exports/audit`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.audit import labels
from fleet.server.audit_log.log import AuditRow
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.sign_in.dependencies import access_of
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

AUDIT = FileExport[AuditRow](
    "audit",
    (
        ExportColumn("col.number", lambda entry, t: entry.sequence, shows=("#",)),
        ExportColumn("col.time", lambda entry, t: entry.at),
        ExportColumn("col.who", lambda entry, t: entry.who),
        ExportColumn("col.action", lambda entry, t: labels.action_label(entry.action, entry.detail).text(t)),
        ExportColumn("col.target", lambda entry, t: entry.target),
        ExportColumn("col.detail", lambda entry, t: entry.detail),
        ExportColumn("col.from", lambda entry, t: entry.address),
        ExportColumn("col.hash", lambda entry, t: entry.hash),
    ),
)


def audit_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/audit", dependencies=needs(Right.AUDIT))
    def audit(request: Request, who: Word = "", action: Word = "", form: Format = "csv") -> Response:
        access = access_of(request)
        rows = in_batches(lambda limit, offset: access.entries(who=who, action=action, limit=limit, offset=offset))
        return send_file(request, AUDIT.table(rows, web.texts_for(request)), form, f"{who} {action}")

    return router
