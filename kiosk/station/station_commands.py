"""Remote commands of the fleet, carried out: each is recorded before it begins, and none disturbs a person at the station.

Rules: what the gate takes is begun once. Restarts, self test and slot wait until the station is free: no errand, the home screen
up and untouched for a while, nobody in front of it, the service door shut; at their expiry they end as `busy`. While one of them
works no errand begins. A restart's result is told by the program that came up. Results are told again on each connection.

    commands = StationCommands(inbox, gate, link, handlers, occupancy, report)
    tasks.append(asyncio.create_task(commands.run()))
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown, SlotFault
from drivers.reader.secret import Secret
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.commands import CommandGate, LeftOpen
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.store import StoreError
from fleet.messages.command_verification import DeclinedCommand, IgnoredCommand, TakenCommand, answer
from fleet.messages.commands import NEEDS_FREE, CommandResult
from fleet.messages.events import Event
from fleet.messages.link import DeviceState, MessageError, encode
from fleet.messages.vocabulary import CommandName, CommandOutcome
from kiosk.station import self_test
from kiosk.station.activity import Occupancy
from kiosk.station.devices import Devices
from kiosk.station.log_bundle import as_lines, make_log_bundle
from kiosk.station.out_of_service import OutOfService
from kiosk.station.restart import Restart
from kiosk.station.self_test import SelfTestOptions, SelfTestResult

LOOK_EVERY_S = 1.0

logger = logging.getLogger(__name__)

Handler = Callable[[TakenCommand], Awaitable[CommandResult]]


class CommandLink(Protocol):
    """The part of the link that commands need."""

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]: ...
    def notify(self) -> None: ...
    def tell_result(self, payload: bytes) -> None: ...


class StationCommands:
    """The loop that takes commands, carries each out when it may be, and tells what came of it. `run` it beside the link."""

    def __init__(
        self,
        inbox: "asyncio.Queue[bytes | None]",
        gate: CommandGate,
        link: CommandLink,
        handlers: Mapping[CommandName, Handler],
        occupancy: Occupancy,
        report: Callable[[str, str], None],
    ) -> None:
        """`inbox`: what came, as it came; None: there is a new connection. `handlers`: by the name of the command."""
        self._inbox = inbox
        self._gate = gate
        self._link = link
        self._handlers = handlers
        self._occupancy = occupancy
        self._report = report

    async def run(self) -> None:
        forget = self._link.on_change(lambda online: self._inbox.put_nowait(None) if online else None)
        try:
            await self._wind_up()
            async with asyncio.TaskGroup() as doing:
                while True:
                    payload = await self._inbox.get()
                    await (self._tell_again() if payload is None else self._take(payload, doing))
        finally:
            forget()

    async def _take(self, payload: bytes, doing: asyncio.TaskGroup) -> None:
        try:
            verdict = await self._gate.take(payload)
        except StoreError as error:
            self._report(error.problem, str(error))
            return
        match verdict:
            case TakenCommand():
                self._link.notify()
                doing.create_task(self._do(verdict))
            case DeclinedCommand(result):
                self._link.tell_result(encode(result))
            case IgnoredCommand():
                pass

    async def _do(self, taken: TakenCommand) -> None:
        """Carry it out, and tell. A fault of ours is its result, and never the end of the station."""
        try:
            result = await self._carry_out(taken)
        except StoreError as error:
            self._report(error.problem, str(error))
            result = answer(taken, CommandOutcome.FAILED, "store")
        except Exception:  # whatever it was: say it, write it, and stay a station
            logger.exception("a command crashed")
            result = answer(taken, CommandOutcome.FAILED, "fault")
        await self._conclude(taken, result)

    async def _carry_out(self, taken: TakenCommand) -> CommandResult:
        handle = self._handlers[taken.command.command]
        if taken.command.command not in NEEDS_FREE:
            await self._gate.begin(taken)
            return await handle(taken)
        if not await self._free(datetime.fromisoformat(taken.command.not_after)):
            return answer(taken, CommandOutcome.REFUSED, "busy")
        async with self._occupancy.activity.exclusive:
            await self._gate.begin(taken)
            return await handle(taken)

    async def _conclude(self, taken: TakenCommand, result: CommandResult) -> None:
        try:
            await self._gate.conclude(taken, result)
        except StoreError as error:
            self._report(error.problem, str(error))
        self._link.notify()
        self._link.tell_result(encode(result))

    async def _free(self, until: datetime) -> bool:
        """Wait until nobody is at the station; False where that did not come in time. Nothing else has come between when
        this returns."""
        clock = self._occupancy.clock
        while not self._occupancy.is_free() or self._occupancy.activity.exclusive.locked():
            if clock.now() >= until:
                return False
            await clock.sleep(LOOK_EVERY_S)
        return True

    async def _wind_up(self) -> None:
        """Conclude what the last stop cut off: a restart is done by it, of what was begun nobody knows."""
        try:
            for left in await self._gate.left_open():
                await self._conclude(left.taken, _after_stop(left))
        except StoreError as error:
            self._report(error.problem, str(error))
        except MessageError as error:
            logger.error("a command of an older program is kept in a form that is not known: %s", error)

    async def _tell_again(self) -> None:
        try:
            for result in await self._gate.results():
                self._link.tell_result(encode(result))
        except StoreError as error:
            self._report(error.problem, str(error))


@dataclass(frozen=True, slots=True)
class CommandHandlers:
    """Handlers of the fleet's commands at this station."""

    out_of_service: OutOfService
    devices: Devices
    restart: Restart
    sync: Callable[[], Awaitable[None]]
    """Fetches orders and the region's data now. Raises LinkDown, AskTimeout, SyncRefused."""
    events: Callable[[], Awaitable[Sequence[Event]]]
    """The last events, the newest first."""
    log_lines: Callable[[], Sequence[str]]
    """The latest lines of the log, without their values."""
    lines_before: Callable[[], Sequence[str]]
    """What was warned of in the last fortnight, and how the machine's life before ended. Blocks."""
    network_lines: Callable[[], Sequence[str]]
    """What a test of the network says. Blocks."""
    pin_of: Callable[[str | None], Secret | None]
    """The code of a virtual card by its number."""
    update: Handler
    """Takes the order of an update."""
    restart_machine: Handler
    changed: Callable[[], None]
    """Draws the home screen anew, and tells the fleet."""

    def by_name(self) -> dict[CommandName, Handler]:
        return {
            CommandName.OUT_OF_SERVICE: self._set_out_of_service,
            CommandName.IN_SERVICE: self._set_out_of_service,
            CommandName.RESTART: self._restart,
            CommandName.RESTART_MACHINE: self.restart_machine,
            CommandName.SELF_TEST: self._test,
            CommandName.OPEN_SLOT: self._open_slot,
            CommandName.SYNC: self._sync,
            CommandName.LOG_BUNDLE: self._bundle,
            CommandName.NETWORK_TEST: self._test_network,
            CommandName.UPDATE: self.update,
        }

    async def _set_out_of_service(self, taken: TakenCommand) -> CommandResult:
        try:
            self.out_of_service.set(taken.command.message)
        except OSError:
            return answer(taken, CommandOutcome.FAILED, "store")
        self.changed()
        return answer(taken, CommandOutcome.DONE)

    async def _restart(self, taken: TakenCommand) -> CommandResult:
        if not self.restart.now():
            return answer(taken, CommandOutcome.REFUSED, "no_restart")
        return await asyncio.Future()  # the program ends here; the next one tells

    async def _test(self, taken: TakenCommand) -> CommandResult:
        wishes = SelfTestOptions(thorough=True, real_cards=False, pin_of=self.pin_of)
        results = await self_test.check_devices(self.devices, wishes)
        return answer(taken, CommandOutcome.DONE, devices=tuple(_device(result) for result in results))

    async def _open_slot(self, taken: TakenCommand) -> CommandResult:
        cabinet, slot = self.devices.cabinet, taken.command.slot
        state = await cabinet.state() if cabinet is not None else None
        if cabinet is None or slot is None or not isinstance(state, CabinetReady):
            return answer(taken, CommandOutcome.REFUSED, "no_cabinet")
        if slot not in {slot_reading.number for slot_reading in state.slots}:
            return answer(taken, CommandOutcome.REFUSED, SlotFault.NO_SUCH_SLOT.value)
        match await cabinet.open_slot(slot):
            case Opened():
                return answer(taken, CommandOutcome.DONE)
            case NotOpened(fault):
                return answer(taken, CommandOutcome.FAILED, fault.value)
            case OpenUnknown():
                return answer(taken, CommandOutcome.FAILED, "unknown")

    async def _sync(self, taken: TakenCommand) -> CommandResult:
        try:
            await self.sync()
        except (LinkDown, AskTimeout):
            return answer(taken, CommandOutcome.FAILED, "offline")
        except SyncRefused as error:
            return answer(taken, CommandOutcome.FAILED, error.code)
        self.changed()
        return answer(taken, CommandOutcome.DONE)

    async def _bundle(self, taken: TakenCommand) -> CommandResult:
        before = await asyncio.to_thread(self.lines_before)
        lines = make_log_bundle(await self.events(), self.log_lines(), before)
        return answer(taken, CommandOutcome.DONE, lines=lines)

    async def _test_network(self, taken: TakenCommand) -> CommandResult:
        return answer(taken, CommandOutcome.DONE, lines=as_lines(await asyncio.to_thread(self.network_lines)))


def _after_stop(left: LeftOpen) -> CommandResult:
    if left.taken.command.command in (CommandName.RESTART, CommandName.RESTART_MACHINE):
        return answer(left.taken, CommandOutcome.DONE)
    return (
        answer(left.taken, CommandOutcome.FAILED, "interrupted")
        if left.begun
        else answer(left.taken, CommandOutcome.REFUSED, "stopped")
    )


def _device(result: SelfTestResult) -> DeviceState:
    """As the fleet is told of a device."""
    return DeviceState(result.name, result.kind, result.state, result.ok, result.virtual)
