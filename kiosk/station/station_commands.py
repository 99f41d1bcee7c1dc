"""Commands from the fleet, carried out: what is told of them is kept first, and nothing is done while a person is at the station.

Rules: what the gate takes is begun once. Restart, self test and slot wait until the station is free: no errand, the home screen
up and untouched for a while, nobody in front of it, the service door shut; at their expiry they end as `busy`. While one of them
works no errand begins. A restart's result is told by the program that came up. Results are told again on each connection.

    commanded = command(station)                                   # hears at once; does nothing before it runs
    tasks.append(asyncio.create_task(commanded.run()))
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown, SlotFault
from drivers.reader.secret import Secret
from fleet.agent import outbox
from fleet.agent.commands import CommandGate, LeftOpen
from fleet.agent.link import AskTimeout, LinkDown
from fleet.agent.store import StoreError
from fleet.agent.words import SyncRefused
from fleet.messages.commands import CommandResult
from fleet.messages.judging import Declined, Ignored, Taken
from fleet.messages.link import DeviceState, MessageError, encode
from kiosk.station import self_test as selftest
from kiosk.station.log_bundle import MOST_EVENTS, bundle
from kiosk.station.self_test import Checked, Wishes
from sim.bench.cards import made_up_pin

if TYPE_CHECKING:
    from kiosk.station.fleet_wiring import Books, FleetSide
    from kiosk.station.station import Station

QUIET_S = 5.0
"""So long after the last touch of the home screen somebody may still stand there."""
LOOK_EVERY_S = 1.0
HOME = "home"
NEEDS_FREE = frozenset({"restart", "self_test", "open_slot"})

logger = logging.getLogger(__name__)

Outcome = Literal["done", "refused", "failed"]


class Commanded:
    """One station's. `run` it beside the link."""

    def __init__(self, station: "Station", side: "FleetSide", books: "Books", gate: CommandGate) -> None:
        self._station = station
        self._side = side
        self._books = books
        self._gate = gate
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        """What came, as it came; None: there is a new connection."""
        self._work: dict[str, Callable[[Taken], Awaitable[CommandResult]]] = {
            "out_of_service": self._close,
            "in_service": self._open,
            "restart": self._restart,
            "self_test": self._test,
            "open_slot": self._open_slot,
            "sync": self._sync,
            "log_bundle": self._bundle,
        }
        side.link.on_command = self._inbox.put_nowait

    async def run(self) -> None:
        """Until cancelled."""
        forget = self._side.link.on_change(lambda online: self._inbox.put_nowait(None) if online else None)
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
            self._station.report("store", str(error))
            return
        match verdict:
            case Taken():
                self._side.link.notify()
                doing.create_task(self._do(verdict))
            case Declined(result):
                self._side.link.tell_result(encode(result))
            case Ignored():
                pass

    async def _do(self, taken: Taken) -> None:
        """Carry it out, and tell. A fault of ours is its result, and never the end of the station."""
        try:
            result = await self._carried_out(taken)
        except StoreError as error:
            self._station.report("store", str(error))
            result = answer(taken, "failed", "store")
        except Exception:  # whatever it was: say it, write it, and stay a station
            logger.exception("a command crashed")
            result = answer(taken, "failed", "fault")
        await self._conclude(taken, result)

    async def _carried_out(self, taken: Taken) -> CommandResult:
        work = self._work[taken.command.command]
        if taken.command.command not in NEEDS_FREE:
            await self._gate.begin(taken)
            return await work(taken)
        if not await self._free(datetime.fromisoformat(taken.command.not_after)):
            return answer(taken, "refused", "busy")
        async with self._station.remote:
            await self._gate.begin(taken)
            return await work(taken)

    async def _conclude(self, taken: Taken, result: CommandResult) -> None:
        try:
            await self._gate.conclude(taken, result)
        except StoreError as error:
            self._station.report("store", str(error))
        self._side.link.notify()
        self._side.link.tell_result(encode(result))

    async def _free(self, until: datetime) -> bool:
        """Wait until nobody is at the station; False where that did not come in time. Nothing else has come between when
        this returns."""
        clock = self._station.clock
        while not (is_free(self._station) and not self._station.remote.locked()):
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
            self._station.report("store", str(error))
        except MessageError as error:
            logger.error("a command of an older program is kept in a form that is not known: %s", error)

    async def _tell_again(self) -> None:
        try:
            for result in await self._gate.results():
                self._side.link.tell_result(encode(result))
        except StoreError as error:
            self._station.report("store", str(error))

    async def _close(self, taken: Taken) -> CommandResult:
        return self._set_closed(taken)

    async def _open(self, taken: Taken) -> CommandResult:
        return self._set_closed(taken)

    def _set_closed(self, taken: Taken) -> CommandResult:
        try:
            self._station.out_of_service.set(taken.command.message)
        except OSError:
            return answer(taken, "failed", "store")
        self._station.changed()
        return answer(taken, "done")

    async def _restart(self, taken: Taken) -> CommandResult:
        if self._station.on_restart is None:
            return answer(taken, "refused", "no_restart")
        self._station.restarts = True
        self._station.on_restart()
        await asyncio.get_running_loop().create_future()  # the program ends here; the next one tells
        raise AssertionError("the program goes on after its end")

    async def _test(self, taken: Taken) -> CommandResult:
        wishes = Wishes(thorough=True, real_cards=False, pin_of=self._pin_of)
        found = await selftest.check(self._station.devices, wishes)
        return answer(taken, "done", devices=tuple(_device(one) for one in found))

    def _pin_of(self, number: str | None) -> Secret | None:
        world = self._station.world
        return None if world is None else made_up_pin(number, world.picture()["cards"])

    async def _open_slot(self, taken: Taken) -> CommandResult:
        cabinet, slot = self._station.devices.cabinet, taken.command.slot
        state = await cabinet.state() if cabinet is not None else None
        if cabinet is None or slot is None or not isinstance(state, CabinetReady):
            return answer(taken, "refused", "no_cabinet")
        if slot not in {one.number for one in state.slots}:
            return answer(taken, "refused", SlotFault.NO_SUCH_SLOT.value)
        match await cabinet.open_slot(slot):
            case Opened():
                return answer(taken, "done")
            case NotOpened(fault):
                return answer(taken, "failed", fault.value)
            case OpenUnknown():
                return answer(taken, "failed", "unknown")

    async def _sync(self, taken: Taken) -> CommandResult:
        try:
            await self._side.book.refresh()
            await self._side.issuer.region.refresh()
        except (LinkDown, AskTimeout):
            return answer(taken, "failed", "offline")
        except SyncRefused as error:
            return answer(taken, "failed", error.code)
        self._station.changed()
        return answer(taken, "done")

    async def _bundle(self, taken: Taken) -> CommandResult:
        events = await self._books.store.transact(lambda cx: outbox.latest(cx, MOST_EVENTS))
        return answer(taken, "done", lines=bundle(events, self._station.log_lines()))


def command(station: "Station") -> Commanded | None:
    """Of a station with its books open; None where it belongs to no fleet."""
    side, books = station.fleet, station.books
    if side is None or books is None:
        return None
    gate = CommandGate(
        side.identity, books.store, station.config.commands.allowed, station.clock.now,
        lambda cx, kind, content: books.journal.event(cx, kind, None, content),
    )  # fmt: skip
    return Commanded(station, side, books, gate)


def is_free(station: "Station") -> bool:
    """Whether nobody is at the station, as far as it can know."""
    watched = station.caretaker
    quiet = station.clock.monotonic() - station.supervisor.touched >= QUIET_S
    somebody = watched is not None and (watched.door_open or watched.present)
    return station.errand is None and station.view == HOME and quiet and not somebody


def answer(
    taken: Taken,
    outcome: Outcome,
    reason: str = "",
    *,
    devices: tuple[DeviceState, ...] = (),
    lines: tuple[str, ...] = (),
) -> CommandResult:
    """The result of that command."""
    return CommandResult(taken.command.sequence, taken.digest, outcome, reason, devices, lines)


def _after_stop(left: LeftOpen) -> CommandResult:
    if left.taken.command.command == "restart":
        return answer(left.taken, "done")
    return answer(left.taken, "failed", "interrupted") if left.begun else answer(left.taken, "refused", "stopped")


def _device(found: Checked) -> DeviceState:
    """As the fleet is told of a device."""
    kind = next(one for one in ("reader", "printer", "cabinet", "scanner", "gpio") if one == found.kind)
    return DeviceState(found.name, kind, found.state, found.ok, found.virtual)
