"""Pages of station commands, where somebody orders one, agrees to another's, and sees what came of it.

Rules: a command has a reason; what touches cards waits for a second person, who is another account, and both have stepped up.
Whoever may not order sees
what was ordered all the same. Each step is told to the audit by the service, in its own transaction.

Example: `app.include_router(command_pages(web, commands, bundles))`
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from fleet.messages.topics import STATION_NAME
from fleet.messages.vocabulary import CommandName
from fleet.server.commands.dependencies import may_order, orderer, within
from fleet.server.commands.labels import COMMAND_ICON, command_title
from fleet.server.commands.model import (
    MOST_REASON,
    MOST_SLOT,
    RECOVERY_KEY,
    TWO_PERSONS,
    UNDER_WAY,
    VALID_S,
    WANTS_STEP_UP,
    CommandRefusedError,
    CommandRequest,
    CommandRow,
    Refusal,
    wrong_with,
)
from fleet.server.commands.service import CommandService
from fleet.server.live_feed.topics import Topic
from fleet.server.pages.rendering import Web, paging
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.dependencies import stations_named
from fleet.server.stations.model import StationRow
from fleet.server.updates.model import Bundles, StoredBundle
from fleet.server.web.authorization import caller_of, field, form_of, needs
from fleet.server.web.pagination import ROWS, Number, Page
from fleet.server.web.roles import Right

CHOICES: Mapping[str, Collection[str]] = {"waiting": {"waiting"}, "under_way": UNDER_WAY, "all": ()}
"""What the list can show, and the states that are meant."""
MESSAGES = ("repair", "stock", "moving")
_HISTORY = 20


def command_pages(web: Web, commands: CommandService, bundles: Bundles) -> APIRouter:
    """The list, one command, its two buttons, and a station's own page of them."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_list(router, web, commands)
    _add_one(router, web, commands)
    _add_station(router, web, commands, bundles)
    return router


def _add_list(router: APIRouter, web: Web, commands: CommandService) -> None:
    @router.get("/commands", dependencies=needs(Right.VIEW))
    def show_all(
        request: Request,
        state: Annotated[str, Query(max_length=10)] = "all",
        station: Annotated[str, Query(max_length=40)] = "",
        page: Page = 1,
    ) -> Response:
        seen, now, t = web.hub.latest, web.clock(), web.texts_for(request)
        state, mine = state if state in CHOICES else "all", within(request, commands)
        chosen = commands.within(stations_named(request, web, station))
        rows, total = chosen.listed(states=CHOICES[state], limit=ROWS, offset=(page - 1) * ROWS)
        _, waiting = mine.listed(states=CHOICES["waiting"], limit=1)
        return web.render(
            request,
            "commands/commands.html",
            (Topic.COMMANDS,),
            page="commands",
            seen=seen,
            now=now,
            title=t.many("commands.title", waiting) if waiting else t("commands.title.none"),
            rows=rows,
            total=total,
            state=state,
            states=tuple(CHOICES),
            station=station,
            paging=paging(page, total, "/commands", state=state, station=station),
            **_common(request, web),
        )


def _add_one(router: APIRouter, web: Web, commands: CommandService) -> None:
    @router.get("/commands/{command}", dependencies=needs(Right.VIEW))
    def show_one(request: Request, command: Number) -> Response:
        return _one(request, web, commands, _found(within(request, commands).one(command)))

    @router.post("/commands/{command}/approve", dependencies=needs(Right.CARDS))
    async def approve(request: Request, command: Number) -> Response:
        decision = await run_in_threadpool(within(request, commands).approve, command, orderer(request))
        return _decided(request, web, commands, command, decision)

    @router.post("/commands/{command}/withdraw", dependencies=needs(Right.CARDS))
    async def withdraw(request: Request, command: Number) -> Response:
        decision = await run_in_threadpool(within(request, commands).withdraw, command, orderer(request))
        return _decided(request, web, commands, command, decision)


def _add_station(router: APIRouter, web: Web, commands: CommandService, bundles: Bundles) -> None:
    @router.get("/stations/{name}/commands", dependencies=needs(Right.VIEW))
    def show_station(request: Request, name: str, do: Annotated[str, Query(max_length=16)] = "") -> Response:
        wish = CommandRequest(name, do, "") if do in COMMAND_ICON and may_order(request, do, name) else None
        return _station(request, web, (commands, bundles), _standing(request, web, name), wish)

    @router.post("/stations/{name}/commands", dependencies=needs(Right.CARDS))
    async def order(request: Request, name: str) -> Response:
        row = await run_in_threadpool(_standing, request, web, name)
        if row.retired is not None:
            raise HTTPException(403, "the station is retired")
        wish = await run_in_threadpool(_wish, name, await form_of(request), bundles)
        if (wrong := wrong_with(wish)) is not None:
            return await run_in_threadpool(_station, request, web, (commands, bundles), row, wish, wrong)
        if not may_order(request, wish.command, name):
            raise HTTPException(403, "your role does not allow this command")
        try:
            made = await run_in_threadpool(commands.ask, wish, orderer(request))
        except CommandRefusedError as error:
            return await run_in_threadpool(_station, request, web, (commands, bundles), row, wish, error.refusal.value)
        return RedirectResponse(f"/commands/{made.id}", 303)


def _wish(station: str, form: FormData, bundles: Bundles) -> CommandRequest:
    slot, valid = field(form, "slot", 4), field(form, "valid_s", 6)
    return CommandRequest(
        station,
        field(form, "command", 16),
        field(form, "reason", MOST_REASON),
        int(slot) if slot.isascii() and slot.isdigit() else None,
        field(form, "message", 16) or None,
        int(valid) if valid.isascii() and valid.isdigit() else VALID_S[0],
        bundles.order(
            field(form, "bundle", 64), older=field(form, "older", 3) == "yes", now=field(form, "now", 3) == "yes"
        ),
    )


def _station(
    request: Request,
    web: Web,
    services: tuple[CommandService, Bundles],
    row: StationRow,
    wish: CommandRequest | None,
    wrong: str | None = None,
) -> Response:
    commands, bundles = services
    seen, t = web.hub.latest, web.texts_for(request)
    rows, total = within(request, commands).listed(station=row.name, limit=_HISTORY)
    return web.render(
        request,
        "commands/station_commands.html",
        (Topic.COMMANDS, Topic.STATION.of(row.name)),
        status=200 if wrong is None else 403 if wrong == Refusal.STEP_UP else 422,
        page="stations",
        seen=seen,
        title=t("commands.station_title", station=row.title),
        row=row,
        rows=rows,
        total=total,
        wish=wish,
        wrong=wrong,
        offered=[command for command in COMMAND_ICON if may_order(request, command, row.name) and _fits(command, row)],
        icons=COMMAND_ICON,
        touches_cards=TWO_PERSONS,
        messages=MESSAGES,
        valid=VALID_S,
        most_reason=MOST_REASON,
        most_slot=MOST_SLOT,
        bundles=_fitting(bundles, row),
        steps_up=wish is not None and wish.command in WANTS_STEP_UP and not orderer(request).stepped_up,
        **_common(request, web),
    )


def _one(
    request: Request, web: Web, commands: CommandService, row: CommandRow, refused: Refusal | None = None
) -> Response:
    caller, waits = caller_of(request), row.state == "waiting" and (row.decide_by or web.clock()) > web.clock()
    objection = commands.objection(row.id, orderer(request)) if waits else Refusal.NOT_WAITING
    agrees = objection in (None, Refusal.STEP_UP, Refusal.NOT_ANOTHER_PERSON)
    return web.render(
        request,
        "commands/command.html",
        (Topic.COMMANDS, Topic.STATION.of(row.station)),
        status=200 if refused is None else 409,
        page="commands",
        title=command_title(row, web.texts_for(request)),
        row=row,
        refused=refused,
        objection=objection,
        may_agree=agrees and caller.scope(Right.CARDS).allows(row.station),
        may_withdraw=waits and may_order(request, row.command, row.station),
        **_common(request, web),
    )


def _decided(
    request: Request, web: Web, commands: CommandService, number: int, decision: CommandRow | Refusal
) -> Response:
    if isinstance(decision, CommandRow):
        return RedirectResponse(f"/commands/{number}", 303)
    return _one(request, web, commands, _found(within(request, commands).one(number)), decision)


def _common(request: Request, web: Web) -> dict[str, Any]:
    """Return the values that every page here needs besides its own."""
    now, readings = web.clock(), readings_of(request)
    return {
        "titles": {row.name: row.title for row in readings.stations(now)},
    }


def _standing(request: Request, web: Web, name: str) -> StationRow:
    row = readings_of(request).station(name, web.clock()) if STATION_NAME.match(name) else None
    if row is None:
        raise HTTPException(404, "no station of that name")
    return row


def _fitting(bundles: Bundles, row: StationRow) -> list[StoredBundle]:
    """The bundles for that station's machine."""
    update = row.state.update if row.state is not None else None
    return [bundle for bundle in bundles.all() if update is not None and bundle.compatible == update.compatible]


def _fits(command: str, row: StationRow) -> bool:
    """Return whether it makes sense now: a station that is closed is not closed again, one without slots is not updated."""
    if command == CommandName.UPDATE:
        return row.retired is None and row.state is not None and row.state.update is not None
    if command == RECOVERY_KEY:
        return row.retired is None and row.state is not None and row.state.recovery_key is not None
    closed = row.state is not None and row.state.out_of_service not in (None, "door")
    return row.retired is None and command != (CommandName.OUT_OF_SERVICE if closed else CommandName.IN_SERVICE)


def _found(row: CommandRow | None) -> CommandRow:
    if row is None:
        raise HTTPException(404, "no command of that number")
    return row
