"""Export of commands as a file: `/exports/commands`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.commands import labels
from fleet.server.commands.model import CommandRow
from fleet.server.commands.pages import CHOICES
from fleet.server.commands.service import CommandService
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

COMMANDS = FileExport[CommandRow](
    "commands",
    (
        ExportColumn("commands.col.number", lambda row, t: row.id),
        ExportColumn("commands.col.station", lambda row, t: row.station, shows=("col.station",)),
        ExportColumn("commands.col.command", lambda row, t: labels.command_title(row, t), shows=("commands.what",)),
        ExportColumn("commands.col.state", lambda row, t: labels.command_label(row).text(t), shows=("col.state",)),
        ExportColumn("commands.col.why", lambda row, t: labels.command_detail(row, t)),
        ExportColumn("commands.col.reason", lambda row, t: row.reason, shows=("commands.reason",)),
        ExportColumn("commands.col.by", lambda row, t: row.by, shows=("commands.by",)),
        ExportColumn("commands.col.second", lambda row, t: row.second),
        ExportColumn("commands.col.asked", lambda row, t: row.asked, shows=("commands.asked",)),
        ExportColumn("commands.col.ended", lambda row, t: row.ended),
    ),
)


def command_exports(web: Web, commands: CommandService) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/commands", dependencies=needs(Right.VIEW))
    def listed(request: Request, state: Word = "all", station: Word = "", form: Format = "csv") -> Response:
        mine = commands.within(stations_named(request, web, station))
        states = CHOICES.get(state, ())
        rows = in_batches(lambda limit, offset: mine.listed(states=states, limit=limit, offset=offset))
        return send_file(request, COMMANDS.table(rows, web.texts_for(request)), form, f"{state} {station}")

    return router
