"""API of maintenance windows, under /api/v1: list, make, end. While one holds, nobody is notified of its stations' alerts.

Rules: a window is for stations that the right to command was granted for; who may only see some of its stations sees it, and
cannot end it. Each is told to the audit. Those of the settings' file are not here: they are changed there.

Example: `app.include_router(maintenance_api(alerts))`
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from fleet.server.alerts.model import Alerts
from fleet.server.audit_log.log import AuditEvent, without_numbers
from fleet.server.maintenance.model import Day, Window, WindowRow
from fleet.server.web.authorization import audit_change, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Number, Offset, next_offset
from fleet.server.web.request_bodies import WHOLE, Body, Instant
from fleet.server.web.roles import Right, Scope

DAY_MINUTES = 24 * 60
MOST_MINUTES = 366 * DAY_MINUTES
MOST_NAME = MOST_REASON = 200
Pattern = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,38}\*?|\*)$")]


class WindowBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME, pattern=r"^[^\x00-\x1f]+$")]
    stations: Annotated[list[Pattern], Field(min_length=1, max_length=100)]
    """Names, or beginnings of names with `*`."""
    reason: Annotated[str, Field(max_length=MOST_REASON, pattern=r"^[^\x00-\x1f]*$")] = ""


class Recurring(WindowBody):
    """Each of these days (none: every day) from `start` (HH:MM, the server's zone), for less than a day."""

    kind: Literal["recurring"]
    days: Annotated[list[Day], Field(max_length=7, default_factory=list)]
    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    minutes: Annotated[int, Field(strict=False, ge=1, lt=DAY_MINUTES), WHOLE]


class Span(WindowBody):
    """One span of time."""

    kind: Literal["span"]
    since: Instant
    minutes: Annotated[int, Field(strict=False, ge=1, le=MOST_MINUTES), WHOLE]


class MaintenanceWindow(BaseModel):
    """One window. `start` and `days` where it recurs, else `since`; `ended` says that somebody ended it."""

    id: int
    name: str
    reason: str
    stations: list[str]
    minutes: int
    days: list[Day]
    start: str | None
    since: datetime | None
    by: str
    made: datetime
    ended: datetime | None


def maintenance_api(alerts: Alerts) -> APIRouter:
    router = api_group("maintenance")

    @router.get("/maintenance", dependencies=needs(Right.VIEW))
    def list_windows(
        request: Request, ended: bool = False, limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[MaintenanceWindow]:
        """Windows that count, newest first; with `ended` the others too."""
        scope = caller_of(request).scope(Right.VIEW)
        rows = [row for row in alerts.list_windows(ended=ended) if any(map(scope.touches, row.window.stations))]
        items = [_model(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.post("/maintenance", status_code=201, dependencies=needs(Right.COMMAND))
    def make_window(
        request: Request, wish: Annotated[Recurring | Span, Field(discriminator="kind")]
    ) -> MaintenanceWindow:
        """A new window."""
        return _model(begin(request, alerts, window_of(wish)))

    @router.delete("/maintenance/{window}", status_code=204, dependencies=needs(Right.COMMAND))
    def end_window(request: Request, window: Number) -> Response:
        """It counts no more. One that was ended already stays as it was."""
        end(request, alerts, window)
        return Response(status_code=204)

    return router


def begin(request: Request, alerts: Alerts, window: Window) -> WindowRow:
    """Make it in the caller's name. Raises HTTPException where it is for stations that are not theirs to command."""
    _require(caller_of(request).scope(Right.COMMAND), window)
    why = f": {window.reason}" if window.reason else ""
    audit_change(request, AuditEvent("maintenance.begin", window.name, " ".join(window.stations) + why))
    return alerts.begin_window(window, caller_of(request).name)


def end(request: Request, alerts: Alerts, number: int) -> None:
    """End it. Raises HTTPException where there is none of that number for the caller, or it is for others' stations too."""
    row = alerts.find_window(number)
    if row is None or not any(map(caller_of(request).scope(Right.COMMAND).touches, row.window.stations)):
        raise HTTPException(404, "no window of that number")
    _require(caller_of(request).scope(Right.COMMAND), row.window)
    audit_change(request, AuditEvent("maintenance.end", row.window.name, " ".join(row.window.stations)))
    alerts.end_window(number)


def _require(scope: Scope, window: Window) -> None:
    if not all(map(scope.covers, window.stations)):
        raise HTTPException(403, "the window is for other stations too")


def window_of(wish: Recurring | Span) -> Window:
    """Return the window to store for this request; name and reason keep no personal identity number."""
    name, stations, reason = without_numbers(wish.name), tuple(wish.stations), without_numbers(wish.reason.strip())
    if isinstance(wish, Span):
        return Window(name, stations, wish.minutes, since=wish.since, reason=reason)
    return Window(name, stations, wish.minutes, tuple(dict.fromkeys(wish.days)), wish.start, reason=reason)


def _model(row: WindowRow) -> MaintenanceWindow:
    window = row.window
    return MaintenanceWindow(
        id=row.id,
        name=window.name,
        reason=window.reason,
        stations=[*window.stations],
        minutes=window.minutes,
        days=[*window.days],
        start=window.start,
        since=window.since,
        by=row.by,
        made=row.made,
        ended=row.ended,
    )
