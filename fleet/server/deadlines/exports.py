"""Export of one rule's deadlines as a file: `/exports/deadlines?kind=RULE`, with the filter of their page."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from fleet.server.deadlines import labels
from fleet.server.deadlines.model import BoardEntry
from fleet.server.deadlines.pages import CODES
from fleet.server.deadlines.service import DeadlineService
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

DEADLINES = FileExport[BoardEntry](
    "deadlines",
    (
        ExportColumn("col.card", lambda row, t: row.deadline.card_number),
        ExportColumn("col.holder", lambda row, t: row.deadline.name),
        ExportColumn("col.hsa_id", lambda row, t: row.deadline.hsa_id, shows=("HSA-id",)),
        ExportColumn("col.station", lambda row, t: row.deadline.station),
        ExportColumn("deadlines.since", lambda row, t: row.deadline.since.isoformat()),
        ExportColumn("deadlines.due", lambda row, t: row.deadline.due.isoformat(), shows=("deadlines.left",)),
        ExportColumn("deadlines.will", lambda row, t: labels.planned_action(row, t)),
    ),
)


def deadline_exports(web: Web, deadlines: DeadlineService) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/deadlines", dependencies=needs(Right.PEOPLE))
    def listed(request: Request, kind: Word, station: Word = "", form: Format = "csv") -> Response:
        code = next((rule_code for rule_code in CODES if rule_code == kind), None)
        mine = deadlines.within(stations_named(request, web, station))
        if code is None or code not in [lane.code for lane in mine.lanes(limit=1)]:
            raise HTTPException(404)

        def read(limit: int, offset: int) -> tuple[tuple[BoardEntry, ...], int]:
            lane = mine.lane(code, limit=limit, offset=offset)
            return lane.shown, lane.total

        return send_file(request, DEADLINES.table(in_batches(read), web.texts_for(request)), form, f"{kind} {station}")

    return router
