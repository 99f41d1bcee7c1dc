"""Export of alerts as a file: `/exports/alerts`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.alerts import labels
from fleet.server.alerts.model import AlertRow, Alerts
from fleet.server.alerts.pages import IS_OPEN
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

ALERTS = FileExport[AlertRow](
    "alerts",
    (
        ExportColumn("col.number", lambda row, t: row.id),
        ExportColumn("col.severity", lambda row, t: t.code("severity", row.severity)),
        ExportColumn("col.alert", lambda row, t: labels.alert_label(row).text(t), shows=("alerts.what",)),
        ExportColumn("col.detail", lambda row, t: labels.alert_detail(row, t)),
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("col.stations", lambda row, t: row.stations),
        ExportColumn("col.first", lambda row, t: row.first, shows=("alerts.first",)),
        ExportColumn("col.last", lambda row, t: row.last, shows=("alerts.last",)),
        ExportColumn("col.times", lambda row, t: row.times, shows=("alerts.times",)),
        ExportColumn("col.by", lambda row, t: row.by, shows=("alerts.taken",)),
        ExportColumn("col.note", lambda row, t: row.note),
        ExportColumn("col.closed", lambda row, t: row.closed),
    ),
)


def alert_exports(web: Web, alerts: Alerts) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/alerts", dependencies=needs(Right.VIEW))
    def listed(request: Request, state: Word = "open", station: Word = "", form: Format = "csv") -> Response:
        mine = alerts.within(stations_named(request, web, station))
        rows = in_batches(
            lambda limit, offset: mine.list_alerts(is_open=IS_OPEN.get(state), limit=limit, offset=offset)
        )
        return send_file(request, ALERTS.table(rows, web.texts_for(request)), form, f"{state} {station}")

    return router
