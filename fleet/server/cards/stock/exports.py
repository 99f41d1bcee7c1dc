"""Exports of stock as files: `/exports/stock`, `/exports/bins`, with the filter of their pages.

A whole card number is in a file only for who may see people.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.server.cards.dependencies import within
from fleet.server.cards.model import Cards, StationBinRow, StockRow
from fleet.server.files.file_exports import ExportColumn, FileExport, Format, Word, in_batches, send_file
from fleet.server.pages.rendering import Web
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

STOCK = FileExport[StockRow](
    "stock",
    (
        ExportColumn("col.card", lambda row, t: row.card_number),
        ExportColumn("stock.kind", lambda row, t: t(f"stock.one.{row.kind}")),
        ExportColumn("col.order", lambda row, t: row.order),
        ExportColumn("col.product", lambda row, t: row.product),
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("col.slot", lambda row, t: row.slot),
        ExportColumn("stock.since", lambda row, t: row.since, shows=("stock.age",)),
    ),
    left_out=("col.last_day",),
)
BINS = FileExport[StationBinRow](
    "bins",
    (
        ExportColumn("col.station", lambda row, t: row.station),
        ExportColumn("bins.cards", lambda row, t: row.cards),
        ExportColumn("bins.by_number", lambda row, t: row.by_number),
        ExportColumn("bins.emptied", lambda row, t: row.emptied.at if row.emptied else None),
        ExportColumn(
            "bins.counted", lambda row, t: row.emptied.counted if row.emptied else None, shows=("bins.difference",)
        ),
        ExportColumn("one_bin.expected", lambda row, t: row.emptied.expected if row.emptied else None),
        ExportColumn("bins.seal", lambda row, t: row.emptied.seal if row.emptied else None),
    ),
    left_out=("bins.first",),
)


def stock_exports(web: Web, cards: Cards) -> APIRouter:
    router = APIRouter(prefix="/exports", include_in_schema=False)

    @router.get("/stock", dependencies=needs(Right.PEOPLE))
    def stock(request: Request, station: Word = "", kind: Word = "", form: Format = "csv") -> Response:
        mine = cards.within(stations_named(request, web, station))
        rows = in_batches(lambda limit, offset: mine.stock(kind=kind, limit=limit, offset=offset))
        return send_file(request, STOCK.table(rows, web.texts_for(request)), form, f"{station} {kind}")

    @router.get("/bins", dependencies=needs(Right.VIEW))
    def bins(request: Request, q: Word = "", show: Word = "", form: Format = "csv") -> Response:
        mine = within(request, cards)
        rows = in_batches(lambda limit, offset: mine.bins(search=q, show=show, limit=limit, offset=offset))
        return send_file(request, BINS.table(rows, web.texts_for(request)), form, f"{q} {show}")

    return router
