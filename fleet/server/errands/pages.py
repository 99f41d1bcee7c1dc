"""Pages of errands: a day's list, filtered, newest first; one of them beside it with its events; and the list as a file.

Rules: the filter is in the address, and so is the errand that the page begins after (`after`): what begins meanwhile moves no
row to another page. An errand of another day is shown among that day's. Whose errand it is is told to the audit first.

Example: `app.include_router(errand_pages(web))`
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.server.audit_log.log import AuditEvent
from fleet.server.errands.labels import ERRAND_KINDS, OUTCOMES
from fleet.server.errands.model import ErrandQuery, ErrandRow
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.i18n import Localization
from fleet.server.pages.rendering import Web, with_query
from fleet.server.readings.dependencies import all_readings, readings_of
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import audit_lookup, needs
from fleet.server.web.pagination import ROWS
from fleet.server.web.roles import Right

Word = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class ErrandFilter:
    """The filter as it stands in the address; `day` is ISO 8601, or empty for today."""

    station: str = ""
    kind: str = ""
    outcome: str = ""
    day: str = ""

    @classmethod
    def of(cls, station: Word = "", kind: Word = "", outcome: Word = "", day: Word = "") -> Self:
        """From an address: what is not known in it is as if it were not there."""
        return cls(
            station.strip(),
            kind if kind in ERRAND_KINDS else "",
            outcome if outcome in OUTCOMES else "",
            day if _day(day) else "",
        )

    @property
    def query(self) -> dict[str, str]:
        """For an address, without what is empty."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}

    @property
    def sought(self) -> ErrandQuery:
        """For the store; stations are narrowed elsewhere."""
        return ErrandQuery(None, self.kind, self.outcome, _day(self.day))


ErrandFilterQuery = Annotated[ErrandFilter, Depends(ErrandFilter.of)]


def errand_pages(web: Web) -> APIRouter:
    """The list, one errand, and the file."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/errands", dependencies=needs(Right.VIEW))
    def errands(
        request: Request, filters: ErrandFilterQuery, after: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        return _errands(request, web, filters, after, None)

    @router.get("/errands/{errand}", dependencies=needs(Right.PEOPLE))
    def one_errand(
        request: Request, errand: str, filters: ErrandFilterQuery, after: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        audit_lookup(request, AuditEvent("people.errand", errand))
        return _errands(request, web, filters, after, errand)

    return router


def _errands(request: Request, web: Web, filters: ErrandFilter, after: str, chosen: str | None) -> Response:
    seen, now, t, readings = web.hub.latest, web.clock(), web.texts_for(request), readings_of(request)
    selected = readings.errand(chosen) if chosen is not None else None
    if chosen is not None and selected is None:
        raise HTTPException(404)
    sought, day = _sought(filters, selected, now)
    narrowed = all_readings(request).within(stations_named(request, web, filters.station))
    rows = narrowed.errands(now, sought, limit=ROWS + 1, after=readings.errand(after) if after else None)
    summary = readings.summary(now)
    return web.render(
        request,
        "errands/errands.html",
        (Topic.ERRANDS, Topic.ERRAND.of(chosen)) if chosen else (Topic.ERRANDS,),
        page="errands",
        seen=seen,
        now=now,
        title=_title(t, day, summary.errands_today),
        day=day,
        filters=filters,
        kinds=ERRAND_KINDS,
        outcomes=OUTCOMES,
        today=now.astimezone(t.zone).date().isoformat(),
        errands=rows[:ROWS],
        after=after,
        older=with_query("/errands", **filters.query, after=rows[ROWS - 1].errand) if len(rows) > ROWS else "",
        newest=with_query("/errands", **filters.query),
        here={**filters.query, **({"after": after} if after else {})},
        titles={row.name: row.title for row in readings.stations(now)},
        selected=selected,
        events=readings.events(errand=chosen) if chosen else [],
        station=readings.station(selected.station, now) if selected else None,
    )


def _sought(filters: ErrandFilter, selected: ErrandRow | None, now: datetime) -> tuple[ErrandQuery, str]:
    """Return the filter of the list, and its day: empty for today."""
    today = now.astimezone().date()
    day = _day(filters.day) or (selected.started.astimezone().date() if selected else today)
    sought = filters.sought
    shown = ErrandQuery(None, sought.kind, sought.outcome, None if day == today else day)
    return shown, "" if day == today else day.isoformat()


def _title(t: Localization, day: str, today: int) -> str:
    if day:
        return t("errands.title.day", day=t.day(day))
    return t.many("errands.title", today) if today else t("errands.title.none")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
