"""The pages for people. Each route reads, puts the answer into the title, and renders; nothing here writes
but the audit: what is looked at of a person is told there first.

`today` is the day of the server. Lists carry their state in the address and page on the server, 100 rows a page.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.messages.topics import STATION_NAME
from fleet.messages.vocabulary import CommandName
from fleet.server.alerts.dependencies import within as within_alerts
from fleet.server.alerts.labels import alert_todos
from fleet.server.alerts.model import Alerts
from fleet.server.audit_log.log import AuditEvent
from fleet.server.commands.dependencies import may_order, waiting_for, within
from fleet.server.commands.labels import command_todos
from fleet.server.commands.service import CommandService
from fleet.server.errands.model import ErrandQuery
from fleet.server.live_feed.topics import Topic
from fleet.server.orders.labels import ORDER_STATES
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import RANK, TodoItem
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.readings.model import Summary
from fleet.server.retirement.model import REVOKE
from fleet.server.stations.charts import chart, front
from fleet.server.stations.labels import alarm_todos, sort_worst_first, station_label, without_alert
from fleet.server.stations.list_filter import LEVELS, WORST, StationFilter, filter_stations
from fleet.server.stations.model import StationRow
from fleet.server.web.authorization import audit_lookup, caller_of, needs
from fleet.server.web.pagination import ROWS, Page
from fleet.server.web.roles import Right

_OVERVIEW_STATIONS = 11
_OVERVIEW_TODOS = 3
_MOST_TODOS = 20
_STATION_EVENTS = 10
_STATION_COMMANDS = 3
_RECEIPT_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")


def pages_router(web: Web, commands: CommandService, alerts: Alerts) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_overview(router, web, commands, alerts)
    _add_stations(router, web, commands)
    _add_orders(router, web)
    _add_receipts(router, web)
    return router


def _add_overview(router: APIRouter, web: Web, commands: CommandService, alerts: Alerts) -> None:
    @router.get("/", dependencies=needs(Right.VIEW))
    def overview(request: Request) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        readings = readings_of(request)
        summary, rows = readings.summary(now), readings.stations(now)
        todos, waiting = _todos(request, web, commands, alerts, rows, summary)
        return web.render(
            request,
            "stations/overview.html",
            (Topic.STATIONS, Topic.ERRANDS, Topic.ORDERS, Topic.COMMANDS, Topic.ALERTS),
            page="overview",
            seen=seen,
            now=now,
            title=_overview_title(t, rows, waiting),
            summary=summary,
            todos=todos,
            waiting=waiting,
            shown=_OVERVIEW_TODOS,
            stations=sort_worst_first(rows)[:_OVERVIEW_STATIONS],
            total=len(rows),
            chart=chart(summary.errands_by_hour),
        )


def _todos(
    request: Request, web: Web, commands: CommandService, alerts: Alerts, rows: Sequence[StationRow], summary: Summary
) -> tuple[list[TodoItem], int]:
    """Return the items that need somebody, at most `_MOST_TODOS` of a kind, and how many there are in all."""
    t, titles, caller = web.texts_for(request), {row.name: row.title for row in rows}, caller_of(request)
    mine, others = waiting_for(request, commands), without_alert(summary.alarms)
    untaken, total = within_alerts(request, alerts).list_unacknowledged(_MOST_TODOS)
    todos = [
        *command_todos(mine, titles, t, web.clock()),
        *alert_todos(untaken, titles, t, web.clock(), take=caller.may(Right.COMMAND)),
        *alarm_todos(others[:_MOST_TODOS], titles, t, people=caller.may(Right.PEOPLE)),
    ]
    return sorted(todos, key=lambda todo: RANK[todo.level]), len(mine) + total + len(others)


def _overview_title(t: Localization, rows: Sequence[StationRow], waiting: int) -> str:
    receiving = sum(1 for row in rows if row.receives_visitors)
    if not rows:
        first = t("page.no_stations")
    elif not receiving:
        first = t.many("page.none_receives", len(rows))
    elif receiving == len(rows):
        first = t.many("page.all_receive", receiving)
    else:
        first = t("page.some_receive", open=t.number(receiving), all=t.number(len(rows)))
    return f"{first} {t.many('page.todo', waiting) if waiting else t('page.todo.none')}"


def _add_stations(router: APIRouter, web: Web, commands: CommandService) -> None:
    @router.get("/stations", dependencies=needs(Right.VIEW))
    def stations(
        request: Request,
        q: Annotated[str, Query(max_length=100)] = "",
        level: Annotated[str, Query(max_length=2)] = "",
        sort: Annotated[str, Query(max_length=10)] = WORST,
        show: Annotated[str, Query(max_length=10)] = "",
        page: Page = 1,
    ) -> Response:
        seen, now, t, filters = (
            web.hub.latest,
            web.clock(),
            web.texts_for(request),
            StationFilter.of(q, level, sort, show),
        )
        every, retired = readings_of(request).stations(now), readings_of(request).retired_stations(now)
        rows = filter_stations(retired if filters.show else every, filters)
        return web.render(
            request,
            "stations/stations.html",
            (Topic.STATIONS,),
            page="stations",
            seen=seen,
            now=now,
            title=t.many("stations.title", len(every)) if every else t("stations.title.none"),
            stations=rows[(page - 1) * ROWS : page * ROWS],
            total=len(rows),
            filters=filters,
            levels=LEVELS,
            retired=len(retired),
            paging=paging(page, len(rows), "/stations", **filters.query),
        )

    @router.get("/stations/{name}", dependencies=needs(Right.VIEW))
    def station(request: Request, name: str) -> Response:
        seen, now = web.hub.latest, web.clock()
        row = readings_of(request).station(name, now) if STATION_NAME.match(name) else None
        if row is None:
            raise HTTPException(404)
        return web.render(
            request,
            "stations/station.html",
            (Topic.STATIONS, Topic.COMMANDS, Topic.STATION.of(name)),
            page="stations",
            seen=seen,
            now=now,
            title=row.title,
            row=row,
            label=station_label(row),
            revoke=REVOKE.format(station=name),
            current=readings_of(request).errand(row.state.errand) if row.state and row.state.errand else None,
            bin=readings_of(request).bin(name),
            checkpoint=readings_of(request).checkpoint(name),
            front=front(row.state.slots if row.state else ()),
            events=readings_of(request).events(station=name, limit=_STATION_EVENTS)[::-1],
            errands=readings_of(request).errands(now, ErrandQuery(name), limit=_STATION_EVENTS),
            commands=within(request, commands).listed(station=name, limit=_STATION_COMMANDS)[0],
            tested=within(request, commands).last_test(name),
            offered=[button for button in _buttons(row) if may_order(request, button, name)],
        )


def _buttons(row: StationRow) -> tuple[CommandName, ...]:
    """The commands that stand in the head of a station's page, the main one last."""
    if row.retired is not None:
        return ()
    return (
        CommandName.SELF_TEST,
        CommandName.RESTART,
        CommandName.IN_SERVICE if row.state and row.state.out_of_service else CommandName.OUT_OF_SERVICE,
    )


def _add_orders(router: APIRouter, web: Web) -> None:
    @router.get("/orders", dependencies=needs(Right.PEOPLE))
    def orders(
        request: Request,
        q: Annotated[str, Query(max_length=100)] = "",
        state: Annotated[str, Query(max_length=20)] = "",
        page: Page = 1,
    ) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        state = state if state in ORDER_STATES else ""
        audit_lookup(request, AuditEvent("people.search", q.strip(), state))
        summary = readings_of(request).summary(now)
        rows, total = readings_of(request).orders(search=q.strip(), state=state, limit=ROWS, offset=(page - 1) * ROWS)
        waiting = summary.orders_waiting
        return web.render(
            request,
            "orders/orders.html",
            (Topic.ORDERS,),
            page="orders",
            seen=seen,
            now=now,
            title=t.many("orders.title", waiting) if waiting else t("orders.title.none"),
            orders=rows,
            total=total,
            q=q,
            state=state,
            paging=paging(page, total, "/orders", q=q, state=state),
            titles={row.name: row.title for row in readings_of(request).stations(now)},
        )


def _add_receipts(router: APIRouter, web: Web) -> None:
    @router.get("/receipts/{number}", dependencies=needs(Right.PEOPLE))
    def receipt(request: Request, number: str) -> Response:
        audit_lookup(request, AuditEvent("people.receipt", number))
        raw = readings_of(request).receipt(number) if _RECEIPT_NUMBER.match(number) else None
        if raw is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="kvittens-{number}.json"'}
        return Response(raw, media_type="application/json", headers=headers)
