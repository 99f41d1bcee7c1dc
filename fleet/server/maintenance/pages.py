"""Pages of maintenance windows: those planned and active, a form for a new one, and a button that ends one.

Rules: whoever may command stations plans for them and for no others; whoever may see some of a window's stations sees it. Times
of a form are those of the server's zone. What does not fit is said beside the form, which keeps what was written. Windows of the
settings' file are listed, and changed there.

Example: `app.include_router(maintenance_pages(web, alerts))`
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from fleet.server.alerts.model import Alerts
from fleet.server.clock.time_zones import HERE, begins
from fleet.server.live_feed.topics import Topic
from fleet.server.maintenance.api import (
    DAY_MINUTES,
    MOST_NAME,
    MOST_REASON,
    Recurring,
    Span,
    begin,
    end,
    window_of,
)
from fleet.server.maintenance.labels import active_windows, seen_by
from fleet.server.maintenance.model import DAYS, PlannedWindow, Window
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.web.authorization import caller_of, field, form_of, needs
from fleet.server.web.pagination import ROWS, Number, Page
from fleet.server.web.roles import Right

KINDS = ("span", "recurring")
SHOW = ("open", "all")
MOST_STATIONS = 1000
_WISH: TypeAdapter[Span | Recurring] = TypeAdapter(Annotated[Span | Recurring, Field(discriminator="kind")])
_LOCAL = "%Y-%m-%dT%H:%M"
"""How a browser writes a point in time without a zone."""


@dataclass(frozen=True, slots=True)
class MaintenanceForm:
    """Form as it was filled in. `since` and `until` belong to a span; `days`, `start` and `end` to what recurs."""

    kind: str
    name: str = ""
    reason: str = ""
    stations: str = ""
    since: str = ""
    until: str = ""
    days: tuple[str, ...] = ()
    start: str = ""
    end: str = ""

    @classmethod
    def fresh(cls, kind: str, now: datetime) -> "MaintenanceForm":
        """An hour from now; or at night. `now` in the zone of the windows."""
        if kind == "recurring":
            return cls(kind, start="02:00", end="04:00")
        return cls("span", since=now.strftime(_LOCAL), until=(now + timedelta(hours=1)).strftime(_LOCAL))

    @classmethod
    def of(cls, form: FormData) -> "MaintenanceForm":
        """From a form that was sent."""
        kind = field(form, "kind", 10)
        days = tuple(day for day in form.getlist("days") if isinstance(day, str) and day in DAYS)
        texts = {name: field(form, name).strip() for name in ("since", "until", "start", "end")}
        name, reason = field(form, "name", MOST_NAME).strip(), field(form, "reason", MOST_REASON).strip()
        stations = field(form, "stations", MOST_STATIONS).strip()
        return cls(kind if kind in KINDS else KINDS[0], name, reason, stations, days=days, **texts)

    def window(self, zone: tzinfo | None, now: datetime) -> Window | str:
        """The window; or the part that does not fit: name, reason, stations, time."""
        try:
            wish = _WISH.validate_python(self._facts(zone, now))
        except ValidationError as error:
            parts = {str(part) for fault in error.errors() for part in fault["loc"]}
            return next((part for part in ("name", "stations", "reason") if part in parts), "time")
        except ValueError:
            return "time"
        return window_of(wish) if self.reason else "reason"

    def _facts(self, zone: tzinfo | None, now: datetime) -> dict[str, Any]:
        """As a program would send it. Raises ValueError for times that are none, or over."""
        facts: dict[str, Any] = {"kind": self.kind, "name": self.name, "reason": self.reason}
        facts["stations"] = self.stations.replace(",", " ").split()
        if self.kind == "recurring":
            start, last = (datetime.strptime(text, "%H:%M") for text in (self.start, self.end))  # noqa: DTZ007  # times of day
            minutes = (last - start).total_seconds() // 60 % DAY_MINUTES
            return {**facts, "days": list(self.days), "start": self.start, "minutes": minutes}
        since, until = (_instant(text, zone) for text in (self.since, self.until))
        if until <= now:
            raise ValueError("it is over")
        return {**facts, "since": since.isoformat(), "minutes": (until - since).total_seconds() // 60}


def maintenance_pages(web: Web, alerts: Alerts) -> APIRouter:
    """The list with its form, and what they do."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/maintenance", dependencies=needs(Right.VIEW))
    def show_all(
        request: Request,
        show: Annotated[str, Query(max_length=10)] = "open",
        kind: Annotated[str, Query(max_length=10)] = "span",
        page: Page = 1,
    ) -> Response:
        form = MaintenanceForm.fresh(kind, _local(request, web))
        return _list(request, web, alerts, show if show in SHOW else SHOW[0], page, form)

    @router.post("/maintenance", dependencies=needs(Right.COMMAND))
    async def plan(request: Request) -> Response:
        form = MaintenanceForm.of(await form_of(request))
        return await run_in_threadpool(_plan, request, web, alerts, form)

    @router.post("/maintenance/{window}/end", dependencies=needs(Right.COMMAND))
    def stop(request: Request, window: Number) -> Response:
        end(request, alerts, window)
        return RedirectResponse("/maintenance", 303)

    return router


def _plan(request: Request, web: Web, alerts: Alerts, form: MaintenanceForm) -> Response:
    result = form.window(web.texts_for(request).zone, web.clock())
    if isinstance(result, Window) and not all(map(caller_of(request).scope(Right.COMMAND).covers, result.stations)):
        result = "foreign"
    if isinstance(result, str):
        return _list(request, web, alerts, SHOW[0], 1, form, result)
    begin(request, alerts, result)
    return RedirectResponse("/maintenance", 303)


def _list(
    request: Request, web: Web, alerts: Alerts, show: str, page: int, form: MaintenanceForm, wrong: str | None = None
) -> Response:
    t, now, caller = web.texts_for(request), _local(request, web), caller_of(request)
    visible = [
        planned_window
        for planned_window in alerts.planned_windows(ended=show == "all")
        if seen_by(caller.scope(Right.VIEW), planned_window)
    ]
    windows = [window for window in visible if show == "all" or not window.over(now)]
    windows.sort(key=lambda window: (window.over(now), window.ends(now) is None))
    rows = readings_of(request).stations(web.clock())
    silent = {row.name for active_window in active_windows(visible, rows, now) for row in active_window.stations}
    return web.render(
        request,
        "maintenance/maintenance.html",
        (Topic.ALERTS,),
        status=200 if wrong is None else 422,
        page="alerts",
        title=t.many("maintenance.title", len(silent)) if silent else t("maintenance.title.none"),
        local=now,
        windows=windows[(page - 1) * ROWS : page * ROWS],
        may_end=lambda window: window.row is not None and not window.over(now) and _commands(request, window),
        titles={row.name: row.title for row in rows},
        show=show,
        shows=SHOW,
        form=asdict(form) if caller.may(Right.COMMAND) else None,
        wrong=wrong,
        kinds=KINDS,
        days=DAYS,
        most={"name": MOST_NAME, "reason": MOST_REASON, "stations": MOST_STATIONS},
        paging=paging(page, len(windows), "/maintenance", show=show),
    )


def _commands(request: Request, window: PlannedWindow) -> bool:
    caller = caller_of(request)
    return caller.may(Right.COMMAND) and all(map(caller.scope(Right.COMMAND).covers, window.stations))


def _local(request: Request, web: Web) -> datetime:
    """Now, in the zone of the windows."""
    return web.clock().astimezone(web.texts_for(request).zone or HERE)


def _instant(text: str, zone: tzinfo | None) -> datetime:
    """A local time of a form, in UTC: two times of one zone would be subtracted as the clock shows them. Raises ValueError."""
    return begins(datetime.fromisoformat(text).replace(tzinfo=None), zone or HERE)
