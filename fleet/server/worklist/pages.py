"""Page of the worklist: rows, shortest time first, and beside them one row with its story and what may be done about it.

Rules: who looks is told to the audit before a name is shown; so is each act, before it is done. A block is confirmed, and a hold
lifted, by a listed ID administrator (KRA) of that station, after a step-up. What a person's word alone ends needs that word.

Example: `app.include_router(worklist_pages(web, worklist, cards))`
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.model import Cards
from fleet.server.cards.pages import wish
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.issuers.certificate_files import FileFault, FileRefusedError
from fleet.server.issuers.certificates_by_hand import RequestFile
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, with_query
from fleet.server.readings.dependencies import readings_of
from fleet.server.sign_in.step_up_pages import STEP_UP
from fleet.server.stations.dependencies import stations_named
from fleet.server.web.authorization import (
    NO_STEP_UP,
    audit_change,
    audit_lookup,
    caller_of,
    field,
    file_of,
    form_of,
    needs,
)
from fleet.server.web.roles import Right
from fleet.server.worklist.dependencies import Obstacle, find_row, obstacle
from fleet.server.worklist.labels import row_level, row_story
from fleet.server.worklist.model import (
    ACTIONS,
    AT_STATION,
    BY_FILE,
    EXPLAINED,
    MOST_NOTE,
    Action,
    Worklist,
    WorklistRow,
    block_reason,
)

LOOKED = "people.worklist"
SHOWS = ("all", "free", "mine")
SHOWN = 200
"""Rows of a page: who has more waiting does not read them all."""
_REFUSED: dict[Obstacle, tuple[int, str]] = {
    "right": (403, "your role does not allow this here, or the row does not offer it"),
    "not_listed": (403, "only an ID administrator (KRA) of the station, by the region's list, decides about a card"),
    "step_up": (403, NO_STEP_UP),
    "sent": (409, "a decision about this card is on its way to the issuer"),
}


def worklist_pages(web: Web, worklist: Worklist, cards: Cards) -> APIRouter:
    """The page, and what is done from it."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/worklist", dependencies=needs(Right.PEOPLE))
    def show(
        request: Request,
        show: Annotated[str, Query(max_length=8)] = "all",
        station: Annotated[str, Query(max_length=40)] = "",
        item: Annotated[str, Query(max_length=32)] = "",
        refused: Annotated[FileFault | None, Query()] = None,
    ) -> Response:
        audit_lookup(request, AuditEvent(LOOKED, station.strip()))
        return _page(request, web, worklist, (show if show in SHOWS else "all", station.strip(), item), refused)

    @router.get("/worklist/{id}/request", dependencies=needs(Right.ORDERS, person=True))
    def fetch(request: Request, id: str) -> Response:
        file = fetch_request(request, worklist, find_row(request, worklist, id))
        attached = {"content-disposition": f'attachment; filename="{file.name}"'}
        return Response(file.content, media_type="application/pkcs10", headers=attached)

    @router.post("/worklist/{id}/certificate", dependencies=needs(Right.ORDERS, person=True))
    async def give(request: Request, id: str) -> Response:
        raw = await file_of(request, "certificate")
        row = await run_in_threadpool(find_row, request, worklist, id)
        try:
            await run_in_threadpool(give_certificate, request, worklist, row, raw)
        except FileRefusedError as error:
            return RedirectResponse(with_query("/worklist", item=id, refused=error.fault), 303)
        return RedirectResponse(f"/worklist?item={id}", 303)

    @router.post("/worklist/{id}/{act}", dependencies=needs(Right.ORDERS))
    async def do(request: Request, id: str, act: str) -> Response:
        note = field(await form_of(request), "note", MOST_NOTE).strip()
        row = await run_in_threadpool(find_row, request, worklist, id)
        if act in ("take", "leave", "note"):
            await run_in_threadpool(note_down, request, worklist, row, act, note)
        elif act in ACTIONS[row.kind] and act not in AT_STATION | BY_FILE:
            action: Action = act
            if obstacle(request, worklist, row, action) == "step_up":
                return RedirectResponse(with_query(STEP_UP, onward=f"/worklist?item={id}"), 303)
            await run_in_threadpool(carry_out, request, worklist, cards, row, action, note)
        else:
            raise HTTPException(404, "no such act")
        return RedirectResponse(f"/worklist?item={id}", 303)

    return router


def note_down(request: Request, worklist: Worklist, row: WorklistRow, act: str, note: str) -> None:
    """Take, leave, or a note. Raises HTTPException."""
    if act == "note" and not note:
        raise HTTPException(422, "a note has words")
    audit_change(request, AuditEvent(f"worklist.{act}", row.card_number or row.subject, row.kind))
    worklist.record(row, caller_of(request).name, act, note)


def carry_out(request: Request, worklist: Worklist, cards: Cards, row: WorklistRow, action: Action, note: str) -> None:
    """Do it, told to the audit first. Raises HTTPException."""
    why = obstacle(request, worklist, row, action)
    if why:
        raise HTTPException(*_REFUSED[why])
    if action in BY_FILE:
        raise HTTPException(409, "that takes the portal's file: POST it to the row's certificate")
    if action in AT_STATION:
        raise HTTPException(409, "that is done at the station, and the row ends with it")
    if action in EXPLAINED and not note:
        raise HTTPException(422, "what a person's word ends needs that word: write how it was done")
    caller = caller_of(request)
    actor = caller.hsa_id if action == "blocked" else caller.name
    if action in ("block", "lift"):
        reason = "" if action == "lift" else block_reason(row)
        wish(request, cards, row.card_number, "lift" if action == "lift" else "block", reason)
        worklist.record(row, actor, action, note)
        return
    audit_change(
        request, AuditEvent(f"worklist.{action}", row.card_number or row.subject, f"{row.kind} {note}".strip())
    )
    try:
        worklist.act(row, actor, action, note)
    except ImportRefusedError as error:
        raise HTTPException(409, "; ".join(problem.reason for problem in error.problems)) from None


def fetch_request(request: Request, worklist: Worklist, row: WorklistRow) -> RequestFile:
    """The request of a certificate, for the portal. Raises HTTPException."""
    audit_change(request, AuditEvent("worklist.fetch", row.card_number, row.kind))
    file = worklist.request_file(row, caller_of(request).name)
    if file is None:
        raise HTTPException(404, "that row has no request for a certificate")
    return file


def give_certificate(request: Request, worklist: Worklist, row: WorklistRow, raw: bytes) -> None:
    """The portal's file. The audit has it also where it is refused. Raises FileRefusedError, HTTPException."""
    if row.kind != "certificate":
        raise HTTPException(404, "that row waits for no certificate")
    audit_change(request, AuditEvent("worklist.give", row.card_number, row.kind))
    worklist.give_certificate(row, caller_of(request).name, raw)


def _page(
    request: Request, web: Web, worklist: Worklist, filters: tuple[str, str, str], refused: FileFault | None = None
) -> Response:
    seen, now, t, caller = web.hub.latest, web.clock(), web.texts_for(request), caller_of(request)
    show, station, item = filters
    everywhere = list(worklist.within(stations_named(request, web, "")).rows())
    meant = stations_named(request, web, station)
    rows = [row for row in everywhere if row.station in meant] if station else everywhere
    mine = [row for row in rows if row.taken and row.taken.who == caller.name]
    free = [row for row in rows if row.taken is None]
    shown = {"all": rows, "free": free, "mine": mine}[show]
    chosen = next((row for row in rows if row.id == item), shown[0] if shown else None)
    today = sum(row_level(row, now) == "ba" for row in rows)
    title = t.many("worklist.title", len(rows)) if rows else t("worklist.title.none")
    return web.render(
        request,
        "worklist/worklist.html",
        (Topic.WORKLIST, Topic.ORDERS, Topic.REQUESTS, Topic.ERRANDS, Topic.DEADLINES),
        page="worklist",
        seen=seen,
        now=now,
        title=f"{title} {t.many('worklist.due_today', today)}" if today else title,
        rows=shown[:SHOWN],
        rest=max(0, len(shown) - SHOWN),
        counts_of={"all": len(rows), "free": len(free), "mine": len(mine)},
        shows=SHOWS,
        show=show,
        station=station,
        places=sorted({row.station for row in everywhere} | ({station} if station else set())),
        chosen=chosen,
        steps=row_story(chosen, worklist.story(chosen), t) if chosen else (),
        actions=[(each, obstacle(request, worklist, chosen, each)) for each in ACTIONS[chosen.kind]] if chosen else (),
        explained=EXPLAINED,
        at_station=AT_STATION,
        by_file=BY_FILE,
        refused=refused if chosen and chosen.kind == "certificate" else None,
        most_note=MOST_NOTE,
        may=chosen is not None and caller.scope(Right.ORDERS).allows(chosen.station),
        titles={row.name: row.title for row in readings_of(request).stations(now)},
        primary={kind: actions[0] for kind, actions in ACTIONS.items()},
    )
