"""API of timelines, under /api/v1: the whole story of one card or person, the newest first.

Rules: as on the pages. `evidence` names the files that prove what stations have told of each card; they are for who may see the
audit.

Example: `app.include_router(timeline_api(timelines))`
"""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from fleet.server.audit_log.log import AuditEvent
from fleet.server.pages.rendering import with_query
from fleet.server.timeline.model import About, Timeline, TimelineKind, Timelines
from fleet.server.web.authorization import audit_lookup, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.roles import Right

LOOKED = "people.timeline"
CARD, HSA_ID = re.compile(r"[A-Z0-9]{4,40}"), re.compile(r"[A-Z0-9]{2,31}-[A-Z0-9]{1,30}")


class Moment(BaseModel):
    """One moment. `code` and `result` are codes of that kind; `order`, `errand`, `receipt` and `alert` say where more is told."""

    at: datetime
    kind: TimelineKind
    code: str
    station: str
    card_number: str
    result: str
    detail: str
    order: str
    errand: str
    receipt: str
    alert: int | None


class Story(BaseModel):
    """The whole story. `evidence`: addresses of the signed files, one for each card."""

    about: About
    value: str
    cards: list[str]
    evidence: list[str]
    rows: list[Moment]


def timeline_api(timelines: Timelines) -> APIRouter:
    router = api_group("cards")

    @router.get("/cards/{number}/timeline", dependencies=needs(Right.PEOPLE))
    def read_card_timeline(request: Request, number: Annotated[str, Path(pattern=f"^{CARD.pattern}$")]) -> Story:
        """Everything about one card: order, stock, errands, requests, letters, certificates, receipts, deadlines, alerts."""
        return _story(look(request, timelines, "card", number))

    @router.get("/people/{hsa_id}/timeline", dependencies=needs(Right.PEOPLE))
    def read_person_timeline(request: Request, hsa_id: Annotated[str, Path(pattern=f"^{HSA_ID.pattern}$")]) -> Story:
        """The same about all cards of one person."""
        return _story(look(request, timelines, "person", hsa_id))

    return router


def look(request: Request, timelines: Timelines, about: About, value: str) -> Timeline:
    """Return the part of the timeline that the caller may see; the audit hears of the look first."""
    audit_lookup(request, AuditEvent(LOOKED, value, about))
    mine = timelines.within(caller_of(request).scope(request.state.right).patterns)
    return mine.card(value) if about == "card" else mine.person(value)


def _story(timeline: Timeline) -> Story:
    return Story(
        about=timeline.about,
        value=timeline.value,
        cards=list(timeline.cards),
        evidence=[with_query("/api/v1/evidence", kind="card", value=number) for number in timeline.cards],
        rows=[Moment.model_validate(row, from_attributes=True) for row in timeline.rows],
    )
