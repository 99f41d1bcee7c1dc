"""Page of new stations: claims and join keys that are made, keys that wait for approval with the fingerprint to compare, and
revocation.

Rules: who may command the station decides, after a step-up. The code is in the answer to its button and never again, as text
and as QR code. Where two keys want one name, both are shown before anything is decided.
"""

import re

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from fleet.messages.topics import STATION_NAME
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.enrolment.api import (
    DAY_HOURS,
    MOST_CODE,
    approved,
    claimed,
    has_stepped_up,
    refused,
    revoked,
    within,
)
from fleet.server.enrolment.join_key_api import JOIN_DAYS, approved_together, ended, joined
from fleet.server.enrolment.join_keys import MOST_DAYS, MOST_STATIONS
from fleet.server.enrolment.model import Revoked
from fleet.server.enrolment.service import EnrolmentService, JoinCode
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, with_query
from fleet.server.readings.dependencies import readings_of
from fleet.server.sign_in.pages import qr_path
from fleet.server.sign_in.step_up_pages import STEP_UP
from fleet.server.web.authorization import caller_of, field, form_of, needs
from fleet.server.web.pagination import Number
from fleet.server.web.roles import Right
from provisioning.est.claim_codes import Claim

PATH = "/new-stations"
SEEN = re.compile(r"([1-9][0-9]{0,17}):([0-9A-F ]{20,24})")


def enrolment_pages(web: Web, enrolments: EnrolmentService) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.COMMAND))
    def show(request: Request) -> Response:
        return _page(request, web, enrolments)

    @router.post(PATH, dependencies=needs(Right.COMMAND, person=True))
    async def make(request: Request) -> Response:
        form = await form_of(request)
        named = field(form, "station").strip(), field(form, "code", MOST_CODE).strip()
        return await run_in_threadpool(_claim, request, web, enrolments, named)

    @router.post(f"{PATH}/revoke", dependencies=needs(Right.COMMAND, person=True))
    async def revoke(request: Request) -> Response:
        form = await form_of(request)
        station, reason = field(form, "station").strip(), field(form, "reason", MOST_REASON)
        return await run_in_threadpool(_revoke, request, web, enrolments, station, reason)

    @router.post(f"{PATH}/join-keys", dependencies=needs(Right.COMMAND, person=True))
    async def join_key(request: Request) -> Response:
        form = await form_of(request)
        numbers = field(form, "stations", 4).strip(), field(form, "days", 4).strip()
        return await run_in_threadpool(_join_key, request, web, enrolments, numbers)

    @router.post(f"{PATH}/join-keys/{{join_key}}/end", dependencies=needs(Right.COMMAND, person=True))
    async def end_join_key(request: Request, join_key: Number) -> Response:
        return await run_in_threadpool(_end, request, web, enrolments, join_key)

    @router.post(f"{PATH}/approve", dependencies=needs(Right.COMMAND, person=True))
    async def approve_batch(request: Request) -> Response:
        form = await form_of(request)
        return await run_in_threadpool(_approve_batch, request, web, enrolments, form.getlist("seen"))

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


def _claim(request: Request, web: Web, enrolments: EnrolmentService, named: tuple[str, str]) -> Response:
    """`named`: the station, and the code that it shows, if it has made one."""
    station, code = named
    if STATION_NAME.match(station) is None:
        return _page(request, web, enrolments, wrong="enrolment.wrong_name", status=422)
    try:
        text = claimed(request, enrolments, station, DAY_HOURS, code)
    except HTTPException as error:
        wrong = "enrolment.code_not_taken" if code else "enrolment.not_made"
        return _page(request, web, enrolments, wrong=wrong, status=error.status_code)
    if code:
        return RedirectResponse(PATH, 303)
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


def _approve_batch(request: Request, web: Web, enrolments: EnrolmentService, seen: list[str | UploadFile]) -> Response:
    """`seen`: the claim's number and the fingerprint as the page showed it, with a colon between, of each."""
    if not has_stepped_up(request):
        return RedirectResponse(with_query(STEP_UP, onward=PATH), 303)
    pairs = [match.groups() for value in seen[:MOST_STATIONS] if (match := SEEN.fullmatch(str(value)))]
    if not pairs:
        return _page(request, web, enrolments, wrong="enrolment.batch_empty", status=422)
    try:
        row = approved_together(request, enrolments, [(int(number), key) for number, key in pairs], "")
    except HTTPException as error:
        if error.status_code != 409:
            raise
        return _page(request, web, enrolments, wrong="enrolment.changed", status=409)
    return RedirectResponse(PATH if row.state == "done" else f"/proposals/{row.id}", 303)


def _join_key(request: Request, web: Web, enrolments: EnrolmentService, numbers: tuple[str, str]) -> Response:
    if not has_stepped_up(request):
        return RedirectResponse(with_query(STEP_UP, onward=PATH), 303)
    try:
        made = joined(request, enrolments, *map(int, numbers))
    except (HTTPException, ValueError) as error:
        status = error.status_code if isinstance(error, HTTPException) else 422
        return _page(request, web, enrolments, wrong="enrolment.join_not_made", status=status)
    return _page(request, web, enrolments, joins=made)


def _end(request: Request, web: Web, enrolments: EnrolmentService, number: int) -> Response:
    try:
        ended(request, enrolments, number)
    except HTTPException as error:
        if error.status_code != 409:
            raise
        return _page(request, web, enrolments, wrong="enrolment.changed", status=409)
    return RedirectResponse(PATH, 303)


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
    joins: JoinCode | None = None,
    ended: tuple[str, Revoked] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    mine = within(request, enrolments, Right.COMMAND)
    t, now, rows = web.texts_for(request), web.clock(), mine.claims()
    waiting = [row for row in rows if row.state(now) == "waiting"]
    batch = [row for row in waiting if row.is_of_batch]
    commands_all = caller_of(request).scope(Right.COMMAND).everywhere
    return web.render(
        request,
        "enrolment/new_stations.html",
        (Topic.STATIONS,),
        status=status,
        page="new-stations",
        title=t.many("enrolment.title", len(waiting)) if waiting else t("enrolment.title.none"),
        waiting=[row for row in waiting if not row.is_of_batch],
        batch=batch,
        others=[(row, row.state(now)) for row in rows if row.state(now) != "waiting"],
        lacks={row.name: row.state.lacks for row in readings_of(request).stations(now) if row.state},
        is_on=mine.is_on(),
        made=made,
        joins=joins,
        join_keys=[(row, row.state(now)) for row in mine.join_keys()] if commands_all else [],
        commands_all=commands_all,
        limits=(MOST_STATIONS, MOST_DAYS, JOIN_DAYS),
        ended=ended,
        drawn=qr_path(made.text) if made is not None else None,
        wrong=wrong,
        most_reason=MOST_REASON,
    )
