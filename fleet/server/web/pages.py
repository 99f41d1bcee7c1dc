"""The pages for people. Each route reads, puts the answer into the title, and renders; nothing here writes.

`today` is the day of the server. Lists carry their state in the address and page on the server, 100 rows a page.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.messages.topics import STATION_NAME
from fleet.server.readings import StationRow, Summary
from fleet.server.web import words
from fleet.server.web.drawings import chart, front
from fleet.server.web.rendering import Web, with_query
from fleet.server.web.texts import Texts

ROWS = 100
_OVERVIEW_STATIONS = 11
_OVERVIEW_TODOS = 3
_STATION_EVENTS = 10
_RECEIPT_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")
_MOST_PAGES = 10_000


def pages_router(web: Web) -> APIRouter:
    """All pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_overview(router, web)
    _add_stations(router, web)
    _add_errands(router, web)
    _add_orders(router, web)
    _add_receipts(router, web)
    return router


def _add_overview(router: APIRouter, web: Web) -> None:
    @router.get("/")
    def overview(request: Request) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        summary, rows = web.readings.summary(now), web.readings.stations(now)
        return web.render(
            request,
            "overview.html",
            "stations errands orders",
            page="overview",
            seen=seen,
            now=now,
            title=_overview_title(t, summary, rows),
            summary=summary,
            alarms=len(summary.alarms),
            todos=words.todos(summary.alarms, rows, t),
            shown=_OVERVIEW_TODOS,
            stations=words.worst_first(rows)[:_OVERVIEW_STATIONS],
            total=len(rows),
            chart=chart(summary.errands_by_hour),
        )


def _overview_title(t: Texts, summary: Summary, rows: Sequence[StationRow]) -> str:
    receiving = sum(1 for row in rows if words.receives(row))
    if not rows:
        first = t("page.no_stations")
    elif receiving == len(rows):
        first = t.many("page.all_receive", receiving)
    else:
        first = t("page.some_receive", open=t.number(receiving), all=t.number(len(rows)))
    waiting = len(summary.alarms)
    return f"{first} {t.many('page.todo', waiting) if waiting else t('page.todo.none')}"


def _add_stations(router: APIRouter, web: Web) -> None:
    @router.get("/stations")
    def stations(request: Request, page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        rows = words.worst_first(web.readings.stations(now))
        return web.render(
            request,
            "stations.html",
            "stations",
            page="stations",
            seen=seen,
            now=now,
            title=t.many("stations.title", len(rows)),
            alarms=len(web.readings.summary(now).alarms),
            stations=rows[(page - 1) * ROWS : page * ROWS],
            paging={"at": page, "pages": pages_of(len(rows)), "path": "/stations?"},
        )

    @router.get("/stations/{name}")
    def station(request: Request, name: str) -> Response:
        seen, now = web.hub.latest, web.clock()
        row = web.readings.station(name, now) if STATION_NAME.match(name) else None
        if row is None:
            raise HTTPException(404)
        return web.render(
            request,
            "station.html",
            f"stations station/{name}",
            page="stations",
            seen=seen,
            now=now,
            title=row.title,
            alarms=len(web.readings.summary(now).alarms),
            row=row,
            mark=words.station_mark(row),
            current=web.readings.errand(row.state.errand) if row.state and row.state.errand else None,
            front=front(row.state.slots if row.state else ()),
            events=web.readings.events(station=name, limit=_STATION_EVENTS)[::-1],
            errands=web.readings.errands(now, limit=_STATION_EVENTS, station=name),
        )


def _add_errands(router: APIRouter, web: Web) -> None:
    @router.get("/errands")
    def errands(request: Request) -> Response:
        return _errands(request, web, None)

    @router.get("/errands/{errand}")
    def one_errand(request: Request, errand: str) -> Response:
        return _errands(request, web, errand)


def _errands(request: Request, web: Web, chosen: str | None) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    selected = web.readings.errand(chosen) if chosen is not None else None
    if chosen is not None and selected is None:
        raise HTTPException(404)
    summary = web.readings.summary(now)
    many = summary.errands_today
    return web.render(
        request,
        "errands.html",
        f"errands errand/{chosen}" if chosen else "errands",
        page="errands",
        seen=seen,
        now=now,
        title=t.many("errands.title", many) if many else t("errands.title.none"),
        alarms=len(summary.alarms),
        errands=web.readings.errands(now, limit=ROWS),
        total=many,
        titles={row.name: row.title for row in web.readings.stations(now)},
        selected=selected,
        events=web.readings.events(errand=chosen) if chosen else [],
        station=web.readings.station(selected.station, now) if selected else None,
    )


def _add_orders(router: APIRouter, web: Web) -> None:
    @router.get("/orders")
    def orders(
        request: Request,
        q: Annotated[str, Query(max_length=100)] = "",
        state: Annotated[str, Query(max_length=20)] = "",
        page: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1,
    ) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        state = state if state in words.ORDER_STATES else ""
        summary = web.readings.summary(now)
        rows, total = web.readings.orders(search=q.strip(), state=state, limit=ROWS, offset=(page - 1) * ROWS)
        waiting = summary.orders_waiting
        return web.render(
            request,
            "orders.html",
            "orders",
            page="orders",
            seen=seen,
            now=now,
            title=t.many("orders.title", waiting) if waiting else t("orders.title.none"),
            alarms=len(summary.alarms),
            orders=rows,
            total=total,
            q=q,
            state=state,
            paging={"at": page, "pages": pages_of(total), "path": with_query("/orders", q=q, state=state) + "&"},
            titles={row.name: row.title for row in web.readings.stations(now)},
        )


def _add_receipts(router: APIRouter, web: Web) -> None:
    @router.get("/receipts/{number}")
    def receipt(number: str) -> Response:
        raw = web.readings.receipt(number) if _RECEIPT_NUMBER.match(number) else None
        if raw is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="kvittens-{number}.json"'}
        return Response(raw, media_type="application/json", headers=headers)


def pages_of(total: int) -> int:
    """How many pages that many rows take; an empty list has one."""
    return max(1, -(-total // ROWS))
