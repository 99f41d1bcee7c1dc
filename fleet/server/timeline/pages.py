"""Pages of timelines: one card's, and one person's.

Rules: who may see people may look, and the audit hears of each look. Each moment leads to its errand, order, alert, bin or
station; of each card an evidence file proves what stations have told.

Example: `app.include_router(timeline_pages(web, timelines))`
"""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.timeline.api import CARD, HSA_ID, look
from fleet.server.timeline.model import Timeline, Timelines
from fleet.server.web.authorization import needs
from fleet.server.web.roles import Right

TOPICS = (Topic.ORDERS, Topic.ERRANDS, Topic.REQUESTS, Topic.DEADLINES, Topic.ALERTS, Topic.WORKLIST)


def timeline_pages(web: Web, timelines: Timelines) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/cards/{number}/timeline", dependencies=needs(Right.PEOPLE))
    def card(request: Request, number: str) -> Response:
        if not CARD.fullmatch(number):
            raise HTTPException(404, "no card number")
        return _timeline(request, web, look(request, timelines, "card", number))

    @router.get("/people/{hsa_id}/timeline", dependencies=needs(Right.PEOPLE))
    def person(request: Request, hsa_id: str) -> Response:
        if not HSA_ID.fullmatch(hsa_id):
            raise HTTPException(404, "no HSA-id")
        return _timeline(request, web, look(request, timelines, "person", hsa_id))

    return router


def _timeline(request: Request, web: Web, timeline: Timeline) -> Response:
    t, now, value = web.texts_for(request), web.clock(), timeline.value
    shown = f"{value[-8:-4]} {value[-4:]}" if timeline.about == "card" else value
    return web.render(
        request,
        "timeline/timeline.html",
        TOPICS,
        page="orders",
        title=t(f"timeline.title.{timeline.about}", value=shown),
        timeline=timeline,
        titles={row.name: row.title for row in readings_of(request).stations(now)},
    )
