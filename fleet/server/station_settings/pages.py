"""Pages of stations' settings: the layers and where stations stand, one layer with its history, and what a change would do.

Rules: as those of the API (`fleet.server.station_settings.api`). A change is shown first, line by line, and kept by a second
press. What does not fit is said beside the document, which keeps what was written.
"""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web
from fleet.server.station_settings import dependencies
from fleet.server.station_settings.model import (
    FLEET,
    LAYER,
    MOST_DOCUMENT,
    PLACE,
    Document,
    RevisionConflictError,
    SettingsRefusedError,
    StationPlace,
    changed_lines,
    takes_two,
)
from fleet.server.station_settings.service import StationSettingsService
from fleet.server.web.authorization import field, form_of, needs
from fleet.server.web.roles import Right

PATH = "/settings"


def station_settings_pages(web: Web, service: StationSettingsService) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.MANAGE))
    def show_all(request: Request) -> Response:
        return _list(request, web, service)

    @router.post(PATH + "/places", dependencies=needs(Right.MANAGE, person=True))
    async def place(request: Request) -> Response:
        form = await form_of(request)
        return await run_in_threadpool(_place, request, web, service, form)

    @router.get(PATH + "/{layer}", dependencies=needs(Right.MANAGE))
    def show(request: Request, layer: str) -> Response:
        return _page(request, web, service, _checked(layer))

    @router.get(PATH + "/{layer}/station.toml", dependencies=needs(Right.MANAGE))
    def download(layer: str) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{_checked(layer).replace(":", "-")}.toml"'}
        return Response(service.layer(layer).document, media_type="application/toml", headers=headers)

    @router.post(PATH + "/{layer}", dependencies=needs(Right.MANAGE, person=True))
    async def change(request: Request, layer: str) -> Response:
        form = await form_of(request)
        return await run_in_threadpool(_change, request, web, service, _checked(layer), form)

    return router


def _checked(layer: str) -> str:
    if re.fullmatch(LAYER, layer) is None:
        raise HTTPException(404)
    return layer


def _change(request: Request, web: Web, service: StationSettingsService, layer: str, form: FormData) -> Response:
    """Show what the change does; keep it once that was seen."""
    document = field(form, "document", MOST_DOCUMENT).replace("\r\n", "\n")
    revision, reason = field(form, "revision", 10), field(form, "reason", MOST_REASON).strip()
    written = {"document": document, "reason": reason}
    if not revision.isdigit():
        raise HTTPException(422)
    if re.fullmatch(REASON, reason) is None:
        return _page(request, web, service, layer, written, ["settings.wrong.reason"])
    try:
        if field(form, "seen") != "yes":
            service.judge_layer(layer, document, int(revision))
            return _page(request, web, service, layer, written, shows=True)
        row = dependencies.put_layer(request, service, layer, document, int(revision), reason)
    except SettingsRefusedError as error:
        return _page(request, web, service, layer, written, faults=error.faults)
    except RevisionConflictError:
        return _page(request, web, service, layer, written, ["settings.wrong.changed"])
    except HTTPException as error:
        if error.status_code != 409:
            raise
        return _page(request, web, service, layer, written, faults=[str(error.detail)])
    return RedirectResponse(f"{PATH}/{layer}" if row is None else f"/proposals/{row.id}", 303)


def _place(request: Request, web: Web, service: StationSettingsService, form: FormData) -> Response:
    station, site, group = (field(form, name, 40).strip() for name in ("station", "site", "group"))
    reason = field(form, "reason", MOST_REASON).strip()
    if not all(re.fullmatch(PLACE, name) for name in (station, site or "x", group or "x")):
        return _list(request, web, service, ["settings.wrong.place"])
    if re.fullmatch(REASON, reason) is None:
        return _list(request, web, service, ["settings.wrong.reason"])
    try:
        place = StationPlace(station, site or None, group or None)
        row = dependencies.put_place(request, service, place, reason)
    except SettingsRefusedError as error:
        return _list(request, web, service, faults=error.faults)
    return RedirectResponse(PATH if row is None else f"/proposals/{row.id}", 303)


def _list(
    request: Request, web: Web, service: StationSettingsService, wrong: Sequence[str] = (), faults: Sequence[str] = ()
) -> Response:
    rows, places = service.layers(), service.places()
    named = {layer for place in places for layer in place.layers if not layer.startswith("station:")}
    return web.render(
        request,
        "station_settings/settings.html",
        (Topic.STATIONS,),
        status=422 if wrong or faults else 200,
        page="settings",
        title=web.texts_for(request)("settings.title"),
        rows=rows,
        unwritten=sorted({FLEET, *named} - {row.layer for row in rows}),
        places=places,
        wrong=wrong,
        faults=faults,
        most_reason=MOST_REASON,
    )


def _page(
    request: Request,
    web: Web,
    service: StationSettingsService,
    layer: str,
    written: dict[str, str] | None = None,
    wrong: Sequence[str] = (),
    faults: Sequence[str] = (),
    *,
    shows: bool = False,
) -> Response:
    row = service.layer(layer)
    kind, _, name = layer.partition(":")
    place, merged = service.station(name) if kind == "station" else (None, None)
    return web.render(
        request,
        "station_settings/layer.html",
        (Topic.STATIONS,),
        status=422 if wrong or faults else 200,
        page="settings",
        title=web.texts_for(request)(f"settings.of.{kind}", name=name),
        row=row,
        written=written or {"document": row.document, "reason": ""},
        preview=_preview(row.document, written["document"]) if shows and written else None,
        history=service.history(layer),
        place=place,
        merged=merged,
        wrong=wrong,
        faults=faults,
        most={"document": MOST_DOCUMENT, "reason": MOST_REASON},
    )


def _preview(before: str, after: str) -> dict[str, Any]:
    old, new = Document.parse(before), Document.parse(after)
    return {"lines": changed_lines(old, new), "takes_two": takes_two(old, new)}
