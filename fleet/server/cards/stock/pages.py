"""Pages of stock: cards in slots, the oldest first, and bins with their counts.

Rules: lists carry their state in the address; a card is shown by its last eight digits, and whole only on its own page.

Example: `app.include_router(stock_pages(web, cards))`
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.messages.topics import STATION_NAME
from fleet.server.cards.dependencies import within
from fleet.server.cards.model import Cards, StationStockRow
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, with_query
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.dependencies import stations_named
from fleet.server.stations.model import StationRow
from fleet.server.web.authorization import needs
from fleet.server.web.pagination import ROWS, Page, pages_of
from fleet.server.web.roles import Right

KINDS = ("order", "reserve", "quarantined")
SHOWS = ("cards", "differs")
_PLACES = 12
Words = Annotated[str, Query(max_length=40)]


def stock_pages(web: Web, cards: Cards) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/stock", dependencies=needs(Right.VIEW))
    def stock(request: Request, station: Words = "", kind: Words = "", page: Page = 1) -> Response:
        mine = cards.within(stations_named(request, web, station))
        return _stock(request, web, mine, (station.strip(), kind if kind in KINDS else "", page))

    @router.get("/bins", dependencies=needs(Right.VIEW))
    def bins(request: Request, q: Words = "", show: Words = "", page: Page = 1) -> Response:
        return _bins(request, web, within(request, cards), (q.strip(), show if show in SHOWS else "", page))

    @router.get("/bins/{name}", dependencies=needs(Right.VIEW))
    def one_bin(request: Request, name: str, page: Page = 1) -> Response:
        row = readings_of(request).station(name, web.clock()) if STATION_NAME.match(name) else None
        if row is None:
            raise HTTPException(404)
        return _bin(request, web, within(request, cards), row, page)

    return router


def _stock(request: Request, web: Web, cards: Cards, filters: tuple[str, str, int]) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    station, kind, page = filters
    rows, total = cards.stock(kind=kind, limit=ROWS, offset=(page - 1) * ROWS)
    stations = {row.name: row for row in readings_of(request).stations(now)}
    places = cards.places()
    short = sum(place.reserve == 0 for place in places)
    return web.render(
        request,
        "stock/stock.html",
        (Topic.ORDERS, Topic.STATIONS),
        page="stock",
        seen=seen,
        now=now,
        title=t.many("stock.title", total) if total else t("stock.title.none"),
        rows=rows,
        total=total,
        kinds=KINDS,
        kind=kind,
        station=station,
        short=short,
        places=sorted(places, key=lambda place: _need(place, stations))[:_PLACES],
        all_places=len(places),
        stations=stations,
        paging=_paging(page, total, with_query("/stock", station=station, kind=kind)),
    )


def _need(place: StationStockRow, stations: Mapping[str, StationRow]) -> tuple[bool, int, str]:
    """Stations without a reserve card first, then those with the fewest free slots."""
    return place.reserve > 0, free_slots(place, stations), place.station


def free_slots(place: StationStockRow, stations: Mapping[str, StationRow]) -> int:
    """Count the slots in which nothing lies, by the station's sensors; many where it has not said."""
    row = stations.get(place.station)
    if row is None or row.state is None:
        return 1000
    return sum(slot.card == "empty" for slot in row.state.slots)


def _bins(request: Request, web: Web, cards: Cards, filters: tuple[str, str, int]) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    q, show, page = filters
    rows, total = cards.bins(search=q, show=show, limit=ROWS, offset=(page - 1) * ROWS)
    _, different = cards.bins(show="differs", limit=1)
    return web.render(
        request,
        "stock/bins.html",
        (Topic.ERRANDS, Topic.STATIONS),
        page="bins",
        seen=seen,
        now=now,
        title=t.many("bins.title", different) if different else t("bins.title.none"),
        rows=rows,
        total=total,
        q=q,
        show=show,
        shows=SHOWS,
        titles={row.name: row.title for row in readings_of(request).stations(now)},
        paging=_paging(page, total, with_query("/bins", q=q, show=show)),
    )


def _bin(request: Request, web: Web, cards: Cards, row: StationRow, page: int) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    fallen, total = cards.fallen(row.name, limit=ROWS, offset=(page - 1) * ROWS)
    return web.render(
        request,
        "stock/bin.html",
        (Topic.ERRANDS, Topic.STATION.of(row.name)),
        page="bins",
        seen=seen,
        now=now,
        title=t("one_bin.title", station=row.title),
        row=row,
        fallen=fallen,
        total=total,
        emptyings=cards.emptyings(row.name),
        paging=_paging(page, total, f"/bins/{row.name}?"),
    )


def _paging(page: int, total: int, path: str) -> dict[str, object]:
    return {"at": page, "pages": pages_of(total), "path": path if path.endswith("?") else path + "&"}
