"""Export of requests to the issuer as a file: `/exports/requests`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.cards import labels
from fleet.server.cards.dependencies import within
from fleet.server.cards.model import Cards
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.issuers.model import RequestRow
from fleet.server.pages.rendering import Web
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

REQUESTS = FileExport[RequestRow](
    "requests",
    (
        ExportColumn("col.card", lambda row, t: row.card_number),
        ExportColumn("requests.what", lambda row, t: t.code("request_ask", row.ask)),
        ExportColumn("col.state", lambda row, t: labels.request_label(row.state).text(t)),
        ExportColumn("requests.who", lambda row, t: labels.request_who(row, t)),
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("requests.made", lambda row, t: row.made),
        ExportColumn("alerts.tries", lambda row, t: row.tries),
        ExportColumn("alerts.why", lambda row, t: labels.request_error(row, t)),
        ExportColumn("alerts.next", lambda row, t: row.due),
    ),
)


def request_exports(web: Web, cards: Cards) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/requests", dependencies=needs(Right.PEOPLE))
    def listed(request: Request, state: Word = "", form: Format = "csv") -> Response:
        mine = within(request, cards)
        rows = in_batches(lambda limit, offset: mine.requests(state=state, limit=limit, offset=offset))
        return send_file(request, REQUESTS.table(rows, web.texts_for(request)), form, state)

    return router
