"""Page of a roll-out: one version ordered for several stations at once, and how far each has come with its own.

Rules: as for one command: a person who has stepped up, a reason, the stations of their right alone. Nothing is ordered while one
of the chosen stations cannot take the version.
"""

from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from fleet.messages.vocabulary import CommandName
from fleet.server.commands.dependencies import may_order, orderer, within
from fleet.server.commands.model import MOST_REASON, VALID_S, CommandRefusedError, CommandRequest, Refusal, wrong_with
from fleet.server.commands.roll_out import UNDER_WAY, Unfit, roll_out, unfit_stations
from fleet.server.commands.service import CommandService
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web
from fleet.server.proposals.dependencies import propose_roll_out
from fleet.server.readings.dependencies import readings_of
from fleet.server.updates.model import Bundles, StoredBundle
from fleet.server.web.authorization import field, form_of, needs
from fleet.server.web.pagination import ROWS
from fleet.server.web.roles import Right

PATH = "/updates/images"


@dataclass(frozen=True, slots=True)
class _Wish:
    """Content of the form. `requests` is empty where there is no such bundle."""

    bundle: StoredBundle | None
    chosen: tuple[str, ...]
    requests: tuple[CommandRequest, ...]
    reason: str
    valid_s: int
    older: bool
    now: bool


def roll_out_pages(web: Web, commands: CommandService, bundles: Bundles) -> APIRouter:
    """The page, and its form."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get(PATH, dependencies=needs(Right.VIEW))
    def show(request: Request) -> Response:
        return _page(request, web, (commands, bundles))

    @router.post(PATH, dependencies=needs(Right.COMMAND))
    async def order(request: Request) -> Response:
        wish = await run_in_threadpool(_wish_of, await form_of(request), bundles)
        return await run_in_threadpool(_order, request, web, (commands, bundles), wish)

    return router


def _wish_of(form: FormData, bundles: Bundles) -> _Wish:
    sha256, valid = field(form, "bundle", 64), field(form, "valid_s", 6)
    reason, older, now = (
        field(form, "reason", MOST_REASON),
        field(form, "older", 3) == "yes",
        field(form, "now", 3) == "yes",
    )
    valid_s = int(valid) if valid.isascii() and valid.isdigit() else VALID_S[0]
    chosen = tuple(dict.fromkeys(name for name in form.getlist("station") if isinstance(name, str)))[:ROWS]
    ordered = bundles.order(sha256, older=older, now=now)
    requests = () if ordered is None else tuple(
        CommandRequest(name, CommandName.UPDATE, reason, valid_s=valid_s, update_order=ordered) for name in chosen
    )  # fmt: skip
    bundle = next((each for each in bundles.all() if each.sha256 == sha256), None) if ordered is not None else None
    return _Wish(bundle, chosen, requests, reason, valid_s, older, now)


def _order(request: Request, web: Web, services: tuple[CommandService, Bundles], wish: _Wish) -> Response:
    if wish.bundle is None or not wish.chosen:
        return _page(request, web, services, wish, "update" if wish.bundle is None else "stations")
    if (wrong := wrong_with(wish.requests[0])) is not None:
        return _page(request, web, services, wish, wrong)
    readings, at = readings_of(request), web.clock()
    rows = [*readings.stations(at), *readings.retired_stations(at)]
    unfit = unfit_stations(wish.chosen, rows, wish.bundle, older=wish.older)
    if unfit:
        return _page(request, web, services, wish, "unfit", unfit)
    if not all(may_order(request, CommandName.UPDATE, name) for name in wish.chosen):
        raise HTTPException(403, "your role does not allow this command at every one of these stations")
    try:
        if (waits := propose_roll_out(request, wish.requests)) is not None:
            return RedirectResponse(f"/proposals/{waits.id}", 303)
        for each in wish.requests:
            services[0].ask(each, orderer(request))
    except CommandRefusedError as error:
        return _page(request, web, services, wish, error.refusal.value)
    return RedirectResponse(PATH, 303)


def _page(
    request: Request,
    web: Web,
    services: tuple[CommandService, Bundles],
    wish: _Wish | None = None,
    wrong: str | None = None,
    unfit: dict[str, Unfit] | None = None,
) -> Response:
    commands, bundles = services
    t, seen = web.texts_for(request), web.hub.latest
    rows = readings_of(request).stations(web.clock())
    progresses = roll_out(rows, within(request, commands).latest_updates())
    under_way = sum(1 for progress in progresses if progress.state in UNDER_WAY)
    offered = {
        progress.row.name for progress in progresses if may_order(request, CommandName.UPDATE, progress.row.name)
    }
    return web.render(
        request,
        "commands/roll_out.html",
        (Topic.STATIONS, Topic.COMMANDS),
        status=200 if wrong is None else 403 if wrong == Refusal.STEP_UP else 422,
        page="updates",
        seen=seen,
        title=t.many("roll_out.title", under_way) if under_way else t("roll_out.title.none"),
        found=progresses,
        offered=offered,
        titles={row.name: row.title for row in rows},
        wish=wish,
        wrong=wrong,
        unfit=unfit or {},
        bundles=bundles.all(),
        valid=VALID_S,
        most_reason=MOST_REASON,
        steps_up=bool(offered) and not orderer(request).stepped_up,
    )
