"""API of station commands, under /api/v1: order, list, agree, withdraw.

Rules: as on the pages. A token may order and withdraw what one person may order; what touches cards is begun and agreed to by
persons, in sessions.

Example: `app.include_router(command_api(web, commands, bundles))`
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from fleet.messages.commands import Message
from fleet.messages.vocabulary import CommandName
from fleet.server.commands.dependencies import may_order, orderer, within
from fleet.server.commands.model import (
    MOST_REASON,
    MOST_SLOT,
    REASON,
    CommandRefusedError,
    CommandRequest,
    CommandRow,
    Refusal,
    State,
)
from fleet.server.commands.roll_out import Progress, RollOutState, roll_out, unfit_stations
from fleet.server.commands.service import CommandService
from fleet.server.pages.rendering import Web
from fleet.server.proposals.dependencies import PROPOSED, accepted, propose_roll_out
from fleet.server.readings.dependencies import readings_of
from fleet.server.stations.api import Device
from fleet.server.updates.model import Bundles, StoredBundle
from fleet.server.web.authorization import NO_STEP_UP, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import ROWS, CountedRows, Limit, Name, Number, Offset, Rows, next_offset
from fleet.server.web.request_bodies import LINE, WHOLE, Body
from fleet.server.web.roles import Right

DIGEST = r"^[0-9a-f]{64}$"
Station = Annotated[str | None, Query(max_length=40, pattern=LINE)]
_ANSWERS: dict[Refusal, tuple[int, str]] = {
    Refusal.UNKNOWN: (404, "no command of that number"),
    Refusal.SAME_PERSON: (409, "the second person is another one than who ordered it"),
    Refusal.NOT_A_PERSON: (403, "a token neither begins an update or what touches cards nor agrees to it: sign in"),
    Refusal.NOT_ANOTHER_PERSON: (
        409,
        "one of the two made, reset or granted the other's account within 30 days: a third person has to agree",
    ),
    Refusal.YOUNG: (409, "your account is younger than a day: somebody else has to agree"),
    Refusal.STEP_UP: (403, NO_STEP_UP),
    Refusal.NO_KEY: (409, "the station has sent no recovery key, or it was released before"),
    Refusal.NOT_WAITING: (409, "it waits for nobody: it is decided, or its time is over"),
}


_NO_BUNDLE = "the server has no such bundle, or serves none: see `kortkiosk-fleet bundle list`"


class _Wish(Body):
    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


class _Patient(_Wish):
    valid_s: Literal[900, 3600, 28800] = 900
    """So many seconds after it is issued it is done no more."""


class Plain(_Patient):
    """A command that needs nothing more than its reason."""

    command: Literal["in_service", "restart", "restart_machine", "self_test", "sync", "log_bundle", "network_test"]


class Close(_Patient):
    """Out of service. `message` is what visitors are told."""

    command: Literal["out_of_service"]
    message: Message


class OpenSlot(_Wish):
    """Waits for a second person."""

    command: Literal["open_slot"]
    slot: Annotated[int, Field(strict=False, ge=1, le=MOST_SLOT), WHOLE]


class RecoveryKey(_Wish):
    """Release the sealed recovery key of the station's volume; waits for a second person. It is among the `lines` then."""

    command: Literal["recovery_key"]


class Update(_Patient):
    """Update the station from that bundle, by its digest: in no errand, and in the station's hours for it unless `now`.
    `older`: also where a newer version runs. Ordered in a session that has stepped up, not by a token."""

    command: Literal["update"]
    sha256: Annotated[str, Field(pattern=DIGEST)]
    older: bool = False
    now: bool = False


class UpdateMany(_Patient):
    """Update these stations from that bundle, as `Update` does one."""

    stations: Annotated[list[Name], Field(min_length=1, max_length=ROWS)]
    sha256: Annotated[str, Field(pattern=DIGEST)]
    older: bool = False
    now: bool = False


class UpdateProgress(BaseModel):
    """Progress of a station with the version that was ordered last. `image` is what runs; `state`, `version` and `command` are
    null where nothing was ordered; `reason` is a code where it was not taken, failed or fell back."""

    station: str
    title: str
    compatible: str | None
    image: str | None
    version: str | None
    state: RollOutState | None
    reason: str | None
    command: int | None


class Bundle(BaseModel):
    """A bundle; `compatible` names the machines that it is for, `size` is in bytes."""

    compatible: str
    version: str
    sha256: str
    size: int
    added: datetime


class UpdateOrder(BaseModel):
    """The bundle of an update; `size` in bytes."""

    version: str
    sha256: str
    size: int
    older: bool
    now: bool


class Command(BaseModel):
    """One command. `decide_by` is the second person's last moment; `result` the station's reason where it was not done."""

    id: int
    station: str
    command: CommandName | Literal["recovery_key"]
    slot: int | None
    message: Message | None
    update_order: UpdateOrder | None
    reason: str
    by: str
    asked: datetime
    state: State
    decide_by: datetime | None
    second: str | None
    approved: datetime | None
    sequence: int | None
    not_after: datetime | None
    published: datetime | None
    ended: datetime | None
    ended_by: str | None
    result: str | None


class CommandWithAnswer(Command):
    """With what the station sent: the devices of a self test, the lines of a bundle."""

    devices: list[Device]
    lines: list[str]


def command_api(web: Web, commands: CommandService, bundles: Bundles) -> APIRouter:
    router = api_group("commands")
    _add_orders(router, web, commands, bundles)
    _add_roll_out(router, web, commands, bundles)
    _add_lists(router, commands, bundles)
    _add_decisions(router, commands)
    return router


def _add_orders(router: APIRouter, web: Web, commands: CommandService, bundles: Bundles) -> None:
    @router.post(
        "/stations/{station}/commands", dependencies=needs(Right.CARDS), status_code=201, responses=PROPOSED,
        response_model=Command,
    )  # fmt: skip
    def order_command(
        request: Request,
        station: Name,
        said: Annotated[Plain | Close | OpenSlot | RecoveryKey | Update, Field(discriminator="command")],
    ) -> Command | Response:
        """Order a command. One that touches cards waits for a second person; it and an update are ordered in a session that has
        stepped up within five minutes, and not by a token. All but the first are issued at once; an older image, or one that most
        of the fleet would run, is a proposal."""
        row = readings_of(request).station(station, web.clock())
        if row is None:
            raise HTTPException(404, "no station of that name")
        if row.retired is not None:
            raise HTTPException(409, "the station is retired")
        if not may_order(request, said.command, station):
            raise HTTPException(403, "your role does not allow this command")
        wish = _request_of(station, said, bundles)
        if (waits := propose_roll_out(request, [wish])) is not None:
            return accepted(waits)
        try:
            return _model(commands.ask(wish, orderer(request)))
        except CommandRefusedError as error:
            raise HTTPException(*_ANSWERS[error.refusal]) from None

    @router.get("/stations/{station}/commands", dependencies=needs(Right.VIEW))
    def list_commands_of_station(
        request: Request, station: Name, state: State | None = None, limit: Limit = 100, offset: Offset = 0
    ) -> CountedRows[Command]:
        """Commands to one station, the newest first."""
        return _listed(within(request, commands), state, station, limit, offset)


def _request_of(
    station: str, body: Plain | Close | OpenSlot | RecoveryKey | Update, bundles: Bundles
) -> CommandRequest:
    if not isinstance(body, Update):
        return CommandRequest(station, **body.model_dump())
    order = bundles.order(body.sha256, older=body.older, now=body.now)
    if order is None:
        raise HTTPException(409, _NO_BUNDLE)
    return CommandRequest(station, body.command, body.reason, valid_s=body.valid_s, update_order=order)


def _add_roll_out(router: APIRouter, web: Web, commands: CommandService, bundles: Bundles) -> None:
    @router.get("/updates", dependencies=needs(Right.VIEW))
    def list_updates(request: Request) -> Rows[UpdateProgress]:
        """Stations that run from an image, and how far each has come with the version that was ordered last."""
        progresses = roll_out(readings_of(request).stations(web.clock()), within(request, commands).latest_updates())
        return Rows(items=[_progress(progress) for progress in progresses], next=None)

    @router.post(
        "/updates", dependencies=needs(Right.COMMAND), status_code=201, responses=PROPOSED, response_model=Rows[Command]
    )
    def order_updates(request: Request, body: UpdateMany) -> Rows[Command] | Response:
        """Order one bundle for several stations, in a session that has stepped up within five minutes and not by a token. Nothing
        is ordered while one of them cannot take it: 409 names each, and why. An older image, or one that most of the fleet would
        run, is a proposal."""
        bundle, order = _bundle(bundles, body.sha256), bundles.order(body.sha256, older=body.older, now=body.now)
        if bundle is None or order is None:
            raise HTTPException(409, _NO_BUNDLE)
        names = tuple(dict.fromkeys(body.stations))
        readings, at = readings_of(request), web.clock()
        rows = [*readings.stations(at), *readings.retired_stations(at)]
        unfit = unfit_stations(names, rows, bundle, older=body.older)
        if unfit:
            reasons = ", ".join(f"{name}: {why}" for name, why in unfit.items())
            raise HTTPException(409, f"nothing was ordered; these cannot take it: {reasons}")
        if not all(may_order(request, CommandName.UPDATE, name) for name in names):
            raise HTTPException(403, "your role does not allow this command at every one of these stations")
        wishes = [
            CommandRequest(name, CommandName.UPDATE, body.reason, valid_s=body.valid_s, update_order=order)
            for name in names
        ]
        if (waits := propose_roll_out(request, wishes)) is not None:
            return accepted(waits)
        try:
            return Rows(items=[_model(commands.ask(wish, orderer(request))) for wish in wishes], next=None)
        except CommandRefusedError as error:
            raise HTTPException(*_ANSWERS[error.refusal]) from None


def _bundle(bundles: Bundles, sha256: str) -> StoredBundle | None:
    return next((bundle for bundle in bundles.all() if bundle.sha256 == sha256), None)


def _progress(progress: Progress) -> UpdateProgress:
    state = progress.row.state
    return UpdateProgress(
        station=progress.row.name,
        title=progress.row.title,
        compatible=state.update.compatible if state and state.update else None,
        image=state.image if state else None,
        version=progress.version,
        state=progress.state,
        reason=progress.reason or None,
        command=progress.ordered.id if progress.ordered else None,
    )


def _add_lists(router: APIRouter, commands: CommandService, bundles: Bundles) -> None:
    @router.get("/bundles", dependencies=needs(Right.VIEW))
    def list_bundles(request: Request) -> Rows[Bundle]:
        """List the bundles that stations can be updated from, the newest first."""
        return Rows(items=[Bundle.model_validate(bundle, from_attributes=True) for bundle in bundles.all()], next=None)

    @router.get("/commands", dependencies=needs(Right.VIEW))
    def list_commands(
        request: Request,
        state: State | None = None,
        station: Station = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> CountedRows[Command]:
        """Commands to all stations, the newest first."""
        return _listed(within(request, commands), state, station, limit, offset)

    @router.get("/commands/{number}", dependencies=needs(Right.VIEW))
    def read_command(request: Request, number: Number) -> CommandWithAnswer:
        """One command, with what the station sent."""
        row = within(request, commands).one(number)
        if row is None:
            raise HTTPException(404, "no command of that number")
        return CommandWithAnswer.model_validate(row, from_attributes=True)


def _add_decisions(router: APIRouter, commands: CommandService) -> None:
    @router.post("/commands/{number}/approve", dependencies=needs(Right.CARDS, person=True))
    def approve_command(request: Request, number: Number) -> Command:
        """Agree to it, as the second person, after a step-up: it is issued. Not by a token."""
        return _decided(within(request, commands).approve(number, orderer(request)))

    @router.post("/commands/{number}/withdraw", dependencies=needs(Right.CARDS))
    def withdraw_command(request: Request, number: Number) -> Command:
        """Withdraw one's own, or decline another's, while it waits for a second person."""
        return _decided(within(request, commands).withdraw(number, orderer(request)))


def _listed(
    commands: CommandService, state: str | None, station: str | None, limit: int, offset: int
) -> CountedRows[Command]:
    rows, total = commands.listed(states={state} if state else (), station=station, limit=limit, offset=offset)
    return CountedRows(items=[_model(row) for row in rows], next=next_offset(offset, limit, total), total=total)


def _decided(decision: CommandRow | Refusal) -> Command:
    if isinstance(decision, Refusal):
        raise HTTPException(*_ANSWERS[decision])
    return _model(decision)


def _model(row: CommandRow) -> Command:
    return Command.model_validate(row, from_attributes=True)
