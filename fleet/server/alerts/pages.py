"""Pages and API of alerts: the pages where somebody acknowledges one, and the same for programs under /api/v1.

Rules: the list carries its state in the address; who acknowledges first stands, and stays with name and note. The queue of words
to people is on the same page, so that nobody believes that a mail was sent which was not. Each acknowledgement is told to the
audit.

Example: `app.include_router(alert_pages(web, alerts))`
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from fleet.server.alerts.dependencies import within
from fleet.server.alerts.labels import alert_label, alert_place
from fleet.server.alerts.model import AlertRow, Alerts, NoticeRow, PendingApproval
from fleet.server.audit_log.log import AuditEvent, mask_numbers
from fleet.server.clock.time_zones import HERE
from fleet.server.live_feed.topics import Topic
from fleet.server.maintenance.labels import active_windows
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import audit_change, caller_of, field, form_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import ROWS, CountedRows, Limit, Number, Offset, Page, next_offset, pages_of
from fleet.server.web.request_bodies import LINE, WHOLE, Body
from fleet.server.web.roles import Right

ACKNOWLEDGED = "alert.acknowledge"
MOST_NOTE = 400
MOST_AT_ONCE = 1000
"""Alerts that are taken by one request of a program."""
STATES = ("open", "closed", "all")
_NUMBER = re.compile(r"[0-9]{1,15}")
IS_OPEN: Mapping[str, bool] = {"open": True, "closed": False}
Station = Annotated[str, Query(max_length=40)]


class Alert(BaseModel):
    """One alert. `station` is empty where it concerns the whole fleet; `subject` says which device, slot or product.
    `stations`: at how many stations, where it is an outage of many, and `still` at how many of them now; both are null for
    any other, and `subject` of an outage is random. `outage`: the one that it is part of."""

    id: int
    station: str
    code: str
    subject: str
    severity: Literal["notice", "warning", "critical"]
    detail: str
    first: datetime
    last: datetime
    times: int
    silent: bool
    closed: datetime | None
    acknowledged: datetime | None
    by: str | None
    note: str | None
    stations: int | None
    still: int | None
    outage: int | None


class WaitingCommand(BaseModel):
    """A command that waits for a second person, as people are told of it."""

    id: int
    station: str
    command: str
    by: str
    asked: datetime
    decide_by: datetime | None


class Notice(BaseModel):
    """A word to people that is not sent yet, about an alert or a command. `due` is null where it was given up; `error` says why
    the last try failed."""

    id: int
    alert: Alert | None
    command: WaitingCommand | None
    channel: str
    what: Literal["opened", "closed", "waiting"]
    made: datetime
    due: datetime | None
    tries: int
    error: str | None


class Acknowledgement(Body):
    """Somebody has taken it. The name is that of the session or token."""

    note: Annotated[str, Field(max_length=MOST_NOTE, pattern=LINE)] = ""


class Acknowledgements(Acknowledgement):
    """Somebody has taken these, with one note for all."""

    alerts: Annotated[
        list[Annotated[int, Field(strict=False, ge=1, le=2**53), WHOLE]], Field(min_length=1, max_length=MOST_AT_ONCE)
    ]


def alert_pages(web: Web, alerts: Alerts) -> APIRouter:
    """The list, one alert, and taking it."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/alerts", dependencies=needs(Right.VIEW))
    def show_all(
        request: Request,
        state: Annotated[str, Query(max_length=10)] = "open",
        station: Station = "",
        page: Page = 1,
    ) -> Response:
        return _list(request, web, alerts, (state if state in STATES else "open", station, page))

    @router.get("/alerts/{alert}", dependencies=needs(Right.VIEW))
    def show_one(request: Request, alert: Number, page: Page = 1) -> Response:
        return _one(request, web, within(request, alerts), alert, page)

    @router.post("/alerts/acknowledge", dependencies=needs(Right.COMMAND, orders=False))
    async def take_many(request: Request) -> Response:
        form = await form_of(request)
        chosen = [int(value) for value in form.getlist("alert") if isinstance(value, str) and _NUMBER.fullmatch(value)]
        _one_of(await run_in_threadpool(_take, request, alerts, chosen[:ROWS], field(form, "note", MOST_NOTE)))
        return RedirectResponse("/alerts", 303)

    @router.post("/alerts/{alert}/acknowledge", dependencies=needs(Right.COMMAND, orders=False))
    async def take(request: Request, alert: Number) -> Response:
        note = field(await form_of(request), "note", MOST_NOTE)
        _one_of(await run_in_threadpool(_take, request, alerts, [alert], note))
        return RedirectResponse(f"/alerts/{alert}", 303)

    return router


def alert_api(alerts: Alerts) -> APIRouter:
    """The same under /api/v1."""
    router = api_group("alerts")

    @router.get("/alerts", dependencies=needs(Right.VIEW))
    def list_alerts(
        request: Request,
        state: Literal["open", "closed", "all"] = "open",
        station: Annotated[str | None, Query(max_length=40, pattern=LINE)] = None,
        outage: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[Alert]:
        """Alerts that fit: open ones first, then the latest. An outage stands for the alerts that are part of it: those are
        listed by `outage` or `station`."""
        rows, total = within(request, alerts).list_alerts(
            is_open=IS_OPEN.get(state), station=station, outage=outage, limit=limit, offset=offset
        )
        return CountedRows(items=[_model(row) for row in rows], next=next_offset(offset, limit, total), total=total)

    @router.get("/alerts/{alert:int}", dependencies=needs(Right.VIEW))
    def read_alert(request: Request, alert: Number) -> Alert:
        """One alert."""
        return _model(_found(within(request, alerts).find_alert(alert)))

    @router.post("/alerts/{alert}/acknowledge", dependencies=needs(Right.COMMAND, orders=False))
    def acknowledge(request: Request, alert: Number, body: Acknowledgement) -> Alert:
        """Take it, and all of an outage. The first one stands: a second one changes nothing."""
        return _model(_one_of(_take(request, alerts, [alert], body.note)))

    @router.post("/alerts/acknowledge", dependencies=needs(Right.COMMAND, orders=False))
    def acknowledge_many(request: Request, body: Acknowledgements) -> list[Alert]:
        """Take many with one note. Answers with those that there are."""
        return [_model(row) for row in _take(request, alerts, body.alerts, body.note)]

    @router.get("/notices", dependencies=needs(Right.VIEW))
    def list_notices(request: Request) -> list[Notice]:
        """Words to people that are not sent, newest first."""
        return [_notice(queued_notice) for queued_notice in within(request, alerts).queued_notices()]

    return router


def _list(request: Request, web: Web, alerts: Alerts, filters: tuple[str, str, int]) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    state, station, page = filters
    stations = readings_of(request).stations(now)
    chosen = alerts.within(stations_named(request, web, station))
    rows, total = chosen.list_alerts(is_open=IS_OPEN.get(state), limit=ROWS, offset=(page - 1) * ROWS)
    alerts = within(request, alerts)
    _, waiting = alerts.list_alerts(is_open=True, limit=1)
    return web.render(
        request,
        "alerts/alerts.html",
        (Topic.ALERTS,),
        page="alerts",
        seen=seen,
        now=now,
        title=t.many("alerts.title", waiting) if waiting else t("alerts.title.none"),
        rows=rows,
        total=total,
        most_note=MOST_NOTE,
        state=state,
        states=STATES,
        station=station,
        queue=alerts.queued_notices(),
        titles={row.name: row.title for row in stations},
        under_way=active_windows(alerts.planned_windows(), stations, now.astimezone(t.zone or HERE)),
        paging=paging(page, total, "/alerts", state=state, station=station),
    )


def _one(request: Request, web: Web, alerts: Alerts, number: int, page: int) -> Response:
    now, readings, row = web.clock(), readings_of(request), _found(alerts.find_alert(number))
    station = readings.station(row.station, now) if row.station else None
    t = web.texts_for(request)
    where = alert_place(row, station.title if station else "", t)
    members, total = _members(alerts, row, page)
    return web.render(
        request,
        "alerts/alert.html",
        (Topic.ALERTS,),
        page="alerts",
        title=f"{where}: {alert_label(row).text(t)}",
        row=row,
        members=members,
        titles={reading.name: reading.title for reading in readings.stations(now)} if members else {},
        paging={"at": page, "pages": pages_of(total), "path": f"/alerts/{number}?"},
        station_title=where,
        may_take=row.closed is None and row.acknowledged is None and caller_of(request).may(Right.COMMAND),
        most_note=MOST_NOTE,
    )


def _members(alerts: Alerts, row: AlertRow, page: int) -> tuple[list[AlertRow], int]:
    if row.stations is None:
        return [], 0
    return alerts.list_alerts(outage=row.id, limit=ROWS, offset=(page - 1) * ROWS)


def _take(request: Request, alerts: Alerts, numbers: Sequence[int], note: str) -> list[AlertRow]:
    """Acknowledge in the caller's name; gives those that there are for them, each once."""
    caller = caller_of(request)
    rows = within(request, alerts).acknowledge_all(
        tuple(dict.fromkeys(numbers)), caller.name, mask_numbers(note.strip())
    )
    for row in rows:
        audit_change(request, AuditEvent(ACKNOWLEDGED, f"{row.station} {row.code}".strip()))
    return rows


def _one_of(rows: Sequence[AlertRow]) -> AlertRow:
    return _found(rows[0] if rows else None)


def _found(row: AlertRow | None) -> AlertRow:
    if row is None:
        raise HTTPException(404, "no alert of that number")
    return row


def _model(row: AlertRow) -> Alert:
    return Alert.model_validate(row, from_attributes=True)


def _notice(row: NoticeRow) -> Notice:
    waits = isinstance(row.about, PendingApproval)
    about = {"alert": None if waits else row.about, "command": row.about if waits else None}
    fields = {name: getattr(row, name) for name in ("id", "channel", "what", "made", "due", "tries", "error")}
    return Notice.model_validate({**fields, **about}, from_attributes=True)
