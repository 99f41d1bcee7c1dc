"""Page of deadlines, a board: a lane for each rule, the nearest first; or one rule as a list.

Rules: each says what will happen by itself and when, or what has; whose card it is is told to the audit before it is shown.

Example: `app.include_router(deadline_pages(web, deadlines))`
"""

from collections.abc import Sequence
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from fleet.server.audit_log.log import AuditEvent
from fleet.server.deadlines.due_dates import local
from fleet.server.deadlines.model import Lane
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import Code
from fleet.server.guards.service import GuardService
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.i18n import Localization
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import audit_lookup, caller_of, needs
from fleet.server.web.pagination import ROWS, Page
from fleet.server.web.roles import Right

CODES: tuple[Code, ...] = get_args(Code)
IN_A_LANE = 5
LOOKED = "people.deadlines"


def deadline_pages(web: Web, deadlines: DeadlineService, guards: GuardService) -> APIRouter:
    """One page, as a board or as a list."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/deadlines", dependencies=needs(Right.PEOPLE))
    def board(
        request: Request,
        kind: Annotated[str, Query(max_length=32)] = "",
        station: Annotated[str, Query(max_length=40)] = "",
        page: Page = 1,
    ) -> Response:
        mine = deadlines.within(stations_named(request, web, station))
        audit_lookup(request, AuditEvent(LOOKED, station.strip(), kind))
        return _board(request, web, mine, guards, (kind, station.strip(), page))

    return router


def _board(
    request: Request, web: Web, deadlines: DeadlineService, guards: GuardService, filters: tuple[str, str, int]
) -> Response:
    seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
    kind, station, page = filters
    lanes = deadlines.lanes(limit=ROWS)
    lane_codes = [lane.code for lane in lanes]
    code = next((code for code in lane_codes if code == kind), None)
    chosen = deadlines.lane(code, limit=ROWS, offset=(page - 1) * ROWS) if code else None
    clock, waiting = deadlines.clock(), guards.state()
    leapt = waiting.clock.leapt if waiting.clock else None
    return web.render(
        request,
        "deadlines/deadlines.html",
        (Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS),
        page="deadlines",
        seen=seen,
        now=now,
        title=_title(lanes, t),
        today=local(now),
        lanes=lanes,
        in_a_lane=IN_A_LANE,
        chosen=chosen,
        codes=lane_codes,
        kind=code or "",
        station=station,
        waits_until=None if leapt or deadlines.believed() else clock.believed_from if clock else now,
        leapt=leapt,
        shown=waiting.shown,
        stops=[stop for stop in waiting.stops if stop.until is None],
        may_confirm=caller_of(request).may(Right.MANAGE),
        titles={row.name: row.title for row in readings_of(request).stations(now)},
        paging=paging(page, chosen.total if chosen else 0, "/deadlines", kind=code or "", station=station),
    )


def _title(lanes: Sequence[Lane], t: Localization) -> str:
    over = sum(entry.phase == "over" and entry.done is None for lane in lanes for entry in lane.shown)
    return t.many("deadlines.title", over) if over else t("deadlines.title.none")
