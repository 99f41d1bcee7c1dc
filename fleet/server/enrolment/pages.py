"""Page of new stations: claims that are made, keys that wait for approval with the fingerprint to compare, and revocation.

Rules: who may command the station decides, after a step-up. The code is in the answer to its button and never again, as text
and as QR code. Where two keys want one name, both are shown before anything is decided.
"""

import re

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.messages.topics import STATION_NAME
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.enrolment.api import DAY_HOURS, approved, claimed, has_stepped_up, refused, revoked, within
from fleet.server.enrolment.model import Revoked
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, with_query
from fleet.server.readings.dependencies import readings_of
from fleet.server.sign_in.pages import qr_path
from fleet.server.sign_in.step_up_pages import STEP_UP
from fleet.server.web.authorization import field, form_of, needs
from fleet.server.web.pagination import Number
from fleet.server.web.roles import Right
from provisioning.est.claim_codes import Claim

PATH = "/new-stations"


def enrolment_pages(web: Web, enrolments: EnrolmentService) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.COMMAND))
    def show(request: Request) -> Response:
        return _page(request, web, enrolments)

    @router.post(PATH, dependencies=needs(Right.COMMAND, person=True))
    async def make(request: Request) -> Response:
        station = field(await form_of(request), "station").strip()
        return await run_in_threadpool(_claim, request, web, enrolments, station)

    @router.post(f"{PATH}/revoke", dependencies=needs(Right.COMMAND, person=True))
    async def revoke(request: Request) -> Response:
        form = await form_of(request)
        station, reason = field(form, "station").strip(), field(form, "reason", MOST_REASON)
        return await run_in_threadpool(_revoke, request, web, enrolments, station, reason)

    @router.post(f"{PATH}/{{claim}}/approve", dependencies=needs(Right.COMMAND, person=True))
    async def approve(request: Request, claim: Number) -> Response:
        form = await form_of(request)
        decision = (claim, field(form, "key", 24), field(form, "reason", MOST_REASON))
        return await run_in_threadpool(_approve, request, web, enrolments, decision)

    @router.post(f"{PATH}/{{claim}}/refuse", dependencies=needs(Right.COMMAND, person=True))
    async def refuse(request: Request, claim: Number) -> Response:
        key = field(await form_of(request), "key", 24)
        return await run_in_threadpool(_refuse, request, web, enrolments, (claim, key))

    return router


def _claim(request: Request, web: Web, enrolments: EnrolmentService, station: str) -> Response:
    if STATION_NAME.match(station) is None:
        return _page(request, web, enrolments, wrong="enrolment.wrong_name", status=422)
    try:
        text = claimed(request, enrolments, station, DAY_HOURS)
    except HTTPException as error:
        return _page(request, web, enrolments, wrong="enrolment.not_made", status=error.status_code)
    return _page(request, web, enrolments, made=Claim.parse(text))


def _revoke(request: Request, web: Web, enrolments: EnrolmentService, station: str, reason: str) -> Response:
    if STATION_NAME.match(station) is None or re.fullmatch(REASON, reason) is None:
        return _page(request, web, enrolments, wrong="enrolment.not_revoked", status=422)
    if not has_stepped_up(request):
        return RedirectResponse(with_query(STEP_UP, onward=PATH), 303)
    try:
        done = revoked(request, enrolments, station, reason)
    except HTTPException as error:
        return _page(request, web, enrolments, wrong="enrolment.not_revoked", status=error.status_code)
    return _page(request, web, enrolments, ended=(station, done))


def _approve(request: Request, web: Web, enrolments: EnrolmentService, decision: tuple[int, str, str]) -> Response:
    if not has_stepped_up(request):
        return RedirectResponse(with_query(STEP_UP, onward=PATH), 303)
    try:
        row = approved(request, enrolments, *decision)
    except HTTPException as error:
        if error.status_code != 409:
            raise
        return _page(request, web, enrolments, wrong="enrolment.changed", status=409)
    return RedirectResponse(PATH if row is None or row.state == "done" else f"/proposals/{row.id}", 303)


def _refuse(request: Request, web: Web, enrolments: EnrolmentService, which: tuple[int, str]) -> Response:
    try:
        refused(request, enrolments, *which)
    except HTTPException as error:
        if error.status_code != 409:
            raise
        return _page(request, web, enrolments, wrong="enrolment.changed", status=409)
    return RedirectResponse(PATH, 303)


def _page(
    request: Request,
    web: Web,
    enrolments: EnrolmentService,
    *,
    made: Claim | None = None,
    ended: tuple[str, Revoked] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    mine = within(request, enrolments, Right.COMMAND)
    t, now, rows = web.texts_for(request), web.clock(), mine.claims()
    waiting = [row for row in rows if row.state(now) == "waiting"]
    return web.render(
        request,
        "enrolment/new_stations.html",
        (Topic.STATIONS,),
        status=status,
        page="new-stations",
        title=t.many("enrolment.title", len(waiting)) if waiting else t("enrolment.title.none"),
        waiting=waiting,
        others=[(row, row.state(now)) for row in rows if row.state(now) != "waiting"],
        lacks={row.name: row.state.lacks for row in readings_of(request).stations(now) if row.state},
        is_on=mine.is_on(),
        made=made,
        ended=ended,
        drawn=qr_path(made.text) if made is not None else None,
        wrong=wrong,
        most_reason=MOST_REASON,
    )
