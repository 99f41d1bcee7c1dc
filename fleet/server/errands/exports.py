"""Export of errands as a file: `/exports/errands`, with the filter of its page."""

from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.errands.labels import errand_label
from fleet.server.errands.model import ErrandQuery, ErrandRow
from fleet.server.errands.pages import ErrandFilterQuery
from fleet.server.files.file_exports import BATCH, ExportColumn, FileExport, Format, send_file
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import all_readings
from fleet.server.readings.model import Readings
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

ERRANDS = FileExport[ErrandRow](
    "errands",
    (
        ExportColumn("col.errand", lambda row, t: row.errand),
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("col.kind", lambda row, t: t.code("kind", row.kind)),
        ExportColumn("col.began", lambda row, t: row.started, shows=("col.time",)),
        ExportColumn("col.ended", lambda row, t: row.ended),
        ExportColumn("col.state", lambda row, t: errand_label(row.outcome).text(t), shows=("col.outcome",)),
    ),
    left_out=("col.card", "col.receipt"),
)
"""Without cards and receipts: who may see no people may have this file."""


def errand_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/errands", dependencies=needs(Right.VIEW))
    def exported(request: Request, filters: ErrandFilterQuery, form: Format = "csv") -> Response:
        readings = all_readings(request).within(stations_named(request, web, filters.station))
        rows = _every(readings, web.clock(), filters.sought)
        return send_file(request, ERRANDS.table(rows, web.texts_for(request)), form, " ".join(filters.query.values()))

    return router


def _every(readings: Readings, now: datetime, sought: ErrandQuery) -> Iterator[ErrandRow]:
    """All of them, a batch at a time: there may be a million, and they are read as slowly as they are sent."""
    last: ErrandRow | None = None
    while batch := readings.errands(now, sought, limit=BATCH, after=last):
        yield from batch
        last = batch[-1]
