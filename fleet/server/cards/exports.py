"""The lists of cards as files: `/exports/stock`, `bins`, `deadlines`, `requests`, with the filter of their pages.

Rules: as `export_routes`; a whole card number is in a file only for who may see people.

Example: `app.include_router(card_exports(web, side))`
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from fleet.server.cards import labels as card_words
from fleet.server.cards.dependencies import CardSide
from fleet.server.cards.model import Cards
from fleet.server.deadlines.model import Deadlines, Shown
from fleet.server.deadlines.pages import CODES
from fleet.server.platform.pages.file_exports import Cell, Format, Table, sent
from fleet.server.platform.pages.i18n import Texts
from fleet.server.platform.pages.rendering import Web
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import needs
from fleet.server.stations.exports import in_batches
from fleet.server.stations.search import stations_meant
from fleet.server.stock.pages import within

Word = Annotated[str, Query(max_length=40)]
Rows = Iterator[tuple[Cell, ...]]


def card_exports(web: Web, side: CardSide) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/exports", include_in_schema=False)
    _add_shelves(router, web, side.cards)
    _add_deadlines(router, web, side.deadlines)
    _add_requests(router, web, side.cards)
    return router


def _add_shelves(router: APIRouter, web: Web, cards: Cards) -> None:
    @router.get("/stock", dependencies=needs(Right.PEOPLE))
    def stock(request: Request, station: Word = "", kind: Word = "", form: Format = "csv") -> Response:
        t, mine = web.texts_for(request), cards.within(stations_meant(request, web, station))
        found = in_batches(lambda limit, offset: mine.stock(kind=kind, limit=limit, offset=offset))
        rows: Rows = (
            (one.card_number, t(f"stock.one.{one.kind}"), one.order, one.product, one.station, one.slot, one.since)
            for one in found
        )
        columns = ("col.card", "stock.kind", "col.order", "col.product", "col.station", "col.slot", "stock.since")
        return sent(request, Table("stock", _headings(t, columns), rows, t.zone), form, f"{station} {kind}")

    @router.get("/bins", dependencies=needs(Right.VIEW))
    def bins(request: Request, q: Word = "", show: Word = "", form: Format = "csv") -> Response:
        t, mine = web.texts_for(request), within(request, cards)
        found = in_batches(lambda limit, offset: mine.bins(search=q, show=show, limit=limit, offset=offset))
        pairs = ((one, one.emptied) for one in found)
        rows: Rows = (
            (one.station, one.cards, *((last.at, last.counted, last.expected, last.seal) if last else (None,) * 4))
            for one, last in pairs
        )
        columns = ("col.station", "bins.cards", "bins.emptied", "bins.counted", "one_bin.expected", "bins.seal")
        return sent(request, Table("bins", _headings(t, columns), rows, t.zone), form, f"{q} {show}")


def _add_deadlines(router: APIRouter, web: Web, deadlines: Deadlines) -> None:
    @router.get("/deadlines", dependencies=needs(Right.PEOPLE))
    def listed(request: Request, kind: Word, station: Word = "", form: Format = "csv") -> Response:
        t, code = web.texts_for(request), next((one for one in CODES if one == kind), None)
        mine = deadlines.within(stations_meant(request, web, station))
        if code is None or code not in [lane.code for lane in mine.lanes(limit=1)]:
            raise HTTPException(404)

        def read(limit: int, offset: int) -> tuple[tuple[Shown, ...], int]:
            lane = mine.lane(code, limit=limit, offset=offset)
            return lane.shown, lane.total

        rows: Rows = (_deadline(one, t) for one in in_batches(read))
        columns = ("col.card", "col.holder", "col.hsa_id", "col.station", "deadlines.since", "deadlines.due")
        headings = (*_headings(t, columns), t("deadlines.will"))
        return sent(request, Table("deadlines", headings, rows, t.zone), form, f"{kind} {station}")


def _deadline(shown: Shown, t: Texts) -> tuple[Cell, ...]:
    one = shown.deadline
    days = (one.since.isoformat(), one.due.isoformat())
    return (one.card_number, one.name, one.hsa_id, one.station, *days, card_words.will(shown, t))


def _add_requests(router: APIRouter, web: Web, cards: Cards) -> None:
    @router.get("/requests", dependencies=needs(Right.PEOPLE))
    def listed(request: Request, state: Word = "", form: Format = "csv") -> Response:
        t, mine = web.texts_for(request), within(request, cards)
        found = in_batches(lambda limit, offset: mine.requests(state=state, limit=limit, offset=offset))
        rows: Rows = (
            (
                one.card_number,
                t.code("request_ask", one.ask),
                card_words.request_mark(one.state).text(t),
                card_words.request_who(one, t),
                one.station,
                one.made,
                one.tries,
                card_words.request_error(one, t),
                one.due,
            )
            for one in found
        )
        columns = ("col.card", "requests.what", "col.state", "requests.who", "col.station", "requests.made")
        headings = (*_headings(t, columns), t("alerts.tries"), t("alerts.why"), t("alerts.next"))
        return sent(request, Table("requests", headings, rows, t.zone), form, state)


def _headings(t: Texts, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(t(key) for key in keys)
