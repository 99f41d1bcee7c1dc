"""Device monitoring: the station's devices, looked at every few seconds, so that what is missing is said and the rest works."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from drivers.cabinet.gpio.port import Pins
from drivers.cabinet.port import CabinetReady, CabinetState
from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterMute, PrinterStatus, Ready
from drivers.reader.errors import NoReaderError
from drivers.reader.port import Presence, Resumed, StationVisit
from drivers.scanner.port import Scanner
from drivers.touchscreen.discovery import Touchscreens
from fleet.messages.link import DeviceState, SlotState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from kiosk.ports import Cabinet, Printer, Reader
from kiosk.station import cabinet_states as cabinets
from kiosk.station import peripherals
from kiosk.station.reader_roles import ReaderRoles

LOOK_EVERY_S = 2.0


class NoReader:
    """The reader of a station that has none: nothing is in it, and nothing will be. Implements `drivers.reader.port.Reader`."""

    name = ""

    async def presence(self) -> Presence:
        return Presence.NO_READER

    async def changes(self) -> AsyncIterator[Presence]:
        yield Presence.NO_READER
        await asyncio.get_running_loop().create_future()

    async def visit(self) -> StationVisit:
        raise NoReaderError("this station has no reader", reader=self.name)

    async def resume(self) -> Resumed:
        raise NoReaderError("this station has no reader", reader=self.name)

    async def close(self) -> None: ...


@dataclass(slots=True)
class Devices:
    """Fitted devices. `states`, `slots` and `firmware` are as last looked at."""

    reader: Reader | None = None
    administrator_reader: Reader | None = None
    reader_roles: ReaderRoles | None = None
    """Which real readers they are."""
    printer: Printer | None = None
    cabinet: Cabinet | None = None
    pins: Pins | None = None
    scanner: Scanner | None = None
    keypads: tuple[GrabbedKeypad, ...] = ()
    touchscreen: Touchscreens | None = None
    """Where no desktop reads the panel."""
    virtual: frozenset[str] = frozenset()
    states: tuple[DeviceState, ...] = ()
    slots: tuple[SlotState, ...] = ()
    firmware: str | None = None
    """Version of the firmware on the cabinet's board, as last looked at."""
    on_change: Callable[[], None] = lambda: None
    """Called when a state differs."""
    on_cabinet: Callable[[CabinetState], None] = lambda state: None
    """Called when the cabinet falls into another state; not when a door or a card moves."""
    _cabinet_code: str = "ready"

    async def working(self) -> tuple[str, ...]:
        """Look at every device, and return the kinds of those that work."""
        await self.look()
        return tuple(sorted({state.kind for state in self.states if state.ok}))

    async def look(self) -> None:
        """Look at every device once, and tell if something has changed."""
        states = [state for state in (await self._reader_states()) if state is not None]
        if self.printer is not None:
            states.append(printer_state(self.printer, await self.printer.status()))
        slots: tuple[SlotState, ...] = ()
        firmware: str | None = None
        if self.cabinet is not None:
            cabinet_state = await self.cabinet.state()
            firmware = cabinets.firmware_version(self.cabinet, cabinet_state)
            states.append(_cabinet_state(self.cabinet, cabinet_state))
            if isinstance(cabinet_state, CabinetReady):
                slots = tuple(SlotState(slot.number, slot.card, slot.door) for slot in cabinet_state.slots)
            self._tell_cabinet(cabinet_state)
        states += await peripherals.states(self.pins, self.scanner, self.keypads, self.touchscreen)
        if (tuple(states), slots, firmware) != (self.states, self.slots, self.firmware):
            self.states, self.slots, self.firmware = tuple(states), slots, firmware
            self.on_change()

    def _tell_cabinet(self, state: CabinetState) -> None:
        if cabinets.cabinet_state_code(state) != self._cabinet_code:
            self._cabinet_code = cabinets.cabinet_state_code(state)
            self.on_cabinet(state)

    async def watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def missing(self, kind: str) -> bool:
        """Return whether what an errand needs is not there, or does not work: `reader` (the holder's) or `cabinet`."""
        if kind == "reader":
            return self.reader is None or not self._ok(self.reader.name)
        return self.cabinet is None or not self._ok(self.cabinet.name)

    def start(self) -> None:
        """Begin to look for what has to be looked for. Call it in the loop that uses the devices."""
        if self.cabinet is not None:
            self.cabinet.start()

    def printer_down(self) -> str | None:
        """The state of a printer that cannot print; None also where none is fitted."""
        return next((state.state for state in self.states if state.kind is DeviceKind.PRINTER and not state.ok), None)

    async def close(self) -> None:
        """Let readers, printer, cabinet and pins go."""
        if self.printer is not None:
            self.printer.close()
        if self.cabinet is not None:
            await self.cabinet.close()
        if self.pins is not None:
            await self.pins.close()
        for reader in (self.reader, self.administrator_reader):
            if reader is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await reader.close()

    def _ok(self, name: str) -> bool:
        return next((state.ok for state in self.states if state.name == name), True)

    async def _reader_states(self) -> list[DeviceState | None]:
        return [await self._reader_state(self.reader), await self._reader_state(self.administrator_reader)]

    async def _reader_state(self, reader: Reader | None) -> DeviceState | None:
        if reader is None:
            return None
        there = await reader.presence() is not Presence.NO_READER
        return DeviceState(
            reader.name,
            DeviceKind.READER,
            DeviceStatus.READY if there else DeviceStatus.NO_READER,
            there,
            reader.name in self.virtual,
        )


def _cabinet_state(cabinet: Cabinet, state: CabinetState) -> DeviceState:
    ready = isinstance(state, CabinetReady)
    return DeviceState(cabinet.name, DeviceKind.CABINET, cabinets.cabinet_state_code(state), ready, cabinet.virtual)


def printer_state(printer: Printer, status: PrinterStatus) -> DeviceState:
    """Return the printer's state, as the fleet is told."""
    words = {
        OutOfPaper: DeviceStatus.OUT_OF_PAPER,
        CoverOpen: DeviceStatus.COVER_OPEN,
        CutterFault: DeviceStatus.CUTTER,
        Offline: DeviceStatus.OFFLINE,
        PrinterMute: DeviceStatus.MUTE,
    }
    if isinstance(status, Ready):
        return DeviceState(
            printer.name,
            DeviceKind.PRINTER,
            DeviceStatus.PAPER_LOW if status.paper_low else DeviceStatus.READY,
            True,
            printer.virtual,
        )
    return DeviceState(printer.name, DeviceKind.PRINTER, words[type(status)], False, printer.virtual)
