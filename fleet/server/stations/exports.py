"""Exports of stations and of their versions as files, with the filter of their pages."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.files.file_exports import Cell, ExportColumn, FileExport, Format, Search, Word, send_file
from fleet.server.pages.i18n import Localization
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.labels import station_label
from fleet.server.stations.list_filter import StationFilter, filter_stations
from fleet.server.stations.model import StationRow
from fleet.server.stations.version_pages import PARTS, Run, asked
from fleet.server.stations.version_pages import VersionFilter as Updated
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right


def _version(part: str) -> Callable[[Run, Localization], Cell]:
    return lambda run, t: run.parts[part]


STATIONS = FileExport[StationRow](
    "stations",
    (
        ExportColumn("col.station", lambda row, t: row.name),
        ExportColumn("col.title", lambda row, t: row.title),
        ExportColumn("col.state", lambda row, t: station_label(row).text(t)),
        ExportColumn("col.contact", lambda row, t: t(f"contact.{row.contact}")),
        ExportColumn("col.receives", lambda row, t: t("receives.yes" if row.receives_visitors else "receives.no")),
        ExportColumn("col.unsent", lambda row, t: row.state.outbox_depth if row.state else None),
        ExportColumn("col.today", lambda row, t: row.errands_today),
        ExportColumn("col.heard", lambda row, t: row.heard),
        ExportColumn("col.version", lambda row, t: row.state.version if row.state else None),
    ),
    left_out=("col.cards", "col.chain"),
)
UPDATES = FileExport[Run](
    "updates",
    (
        ExportColumn("col.station", lambda run, t: run.row.name),
        ExportColumn("col.title", lambda run, t: run.row.title),
        *(ExportColumn("updates_part." + part, _version(part)) for part in PARTS),
        ExportColumn("col.heard", lambda run, t: run.row.heard),
    ),
)


def station_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/stations", dependencies=needs(Right.VIEW))
    def stations(
        request: Request, q: Search = "", level: Word = "", sort: Word = "", show: Word = "", form: Format = "csv"
    ) -> Response:
        filters, readings = StationFilter.of(q, level, sort, show), readings_of(request)
        every = readings.retired_stations(web.clock()) if filters.show else readings.stations(web.clock())
        return send_file(request, STATIONS.table(filter_stations(every, filters), web.texts_for(request)), form)

    @router.get("/updates", dependencies=needs(Right.VIEW))
    def updates(
        request: Request,
        stations: Word = "",
        show: Word = "",
        part: Word = "",
        version: Search = "",
        form: Format = "csv",
    ) -> Response:
        filters = Updated.of(stations, show, part, version)
        _, runs = asked(request, web, filters.stations)
        fitting = (each for each in runs if filters.fits(each))
        return send_file(
            request, UPDATES.table(fitting, web.texts_for(request)), form, " ".join(filters.query.values())
        )

    return router
