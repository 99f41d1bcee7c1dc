"""Export of orders as a file: `/exports/orders`, with the filter of its page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.files.file_exports import (
    ExportColumn,
    FileExport,
    Format,
    Search,
    Word,
    in_batches,
    send_file,
)
from fleet.server.orders.labels import ORDER_STATES, order_label
from fleet.server.orders.model import OrderRow
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

ORDERS = FileExport[OrderRow](
    "orders",
    (
        ExportColumn("col.order", lambda row, t: row.order),
        ExportColumn("col.state", lambda row, t: order_label(row.shown_state).text(t)),
        ExportColumn("col.holder", lambda row, t: None if row.protected else row.name),
        ExportColumn("col.hsa_id", lambda row, t: row.hsa_id, shows=("HSA-id",)),
        ExportColumn("col.card", lambda row, t: row.card_number),
        ExportColumn("col.product", lambda row, t: row.product),
        ExportColumn("col.loa", lambda row, t: row.loa),
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("col.slot", lambda row, t: t("delivery.post") if row.delivery == "post" else row.slot or None),
        ExportColumn("col.last_day", lambda row, t: row.last_day),
        ExportColumn("col.changed", lambda row, t: row.changed),
    ),
)


def order_exports(web: Web) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/orders", dependencies=needs(Right.PEOPLE))
    def orders(request: Request, q: Search = "", state: Word = "", form: Format = "csv") -> Response:
        readings, search = readings_of(request), q.strip()
        state = state if state in ORDER_STATES else ""
        rows = in_batches(lambda limit, offset: readings.orders(search=search, state=state, limit=limit, offset=offset))
        return send_file(request, ORDERS.table(rows, web.texts_for(request)), form, f"{search} {state}")

    return router
