"""Export of proposals as a file: `/exports/proposals`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.files.file_exports import ExportColumn, FileExport, Format, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.proposals import labels
from fleet.server.proposals.dependencies import may_see, proposals_of
from fleet.server.proposals.model import ProposalRow
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

PROPOSALS = FileExport[ProposalRow](
    "proposals",
    (
        ExportColumn("proposals.number", lambda row, t: row.id),
        ExportColumn("proposals.what", lambda row, t: t(f"proposal_kind.{row.kind}")),
        ExportColumn("proposals.target", lambda row, t: row.target),
        ExportColumn("col.state", lambda row, t: labels.proposal_label(row).text(t)),
        ExportColumn("proposals.why", lambda row, t: row.reason),
        ExportColumn("proposals.by", lambda row, t: row.by),
        ExportColumn("proposals.asked", lambda row, t: row.asked),
        ExportColumn("proposals.second", lambda row, t: row.second),
        ExportColumn("proposals.ended", lambda row, t: row.ended),
    ),
)


def proposal_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/proposals", dependencies=needs(Right.VIEW))
    def listed(request: Request, form: Format = "csv") -> Response:
        rows = in_batches(lambda limit, offset: proposals_of(request).listed(limit=limit, offset=offset))
        mine = (row for row in rows if may_see(request, row))
        return send_file(request, PROPOSALS.table(mine, web.texts_for(request)), form, "")

    return router
