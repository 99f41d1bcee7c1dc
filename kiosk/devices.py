"""The station's devices: made from the configuration, and looked at, so that what is missing is said and the rest works."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.cabinet.port import CabinetMute, CabinetReady
from drivers.printer.connections import Connection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.port import CoverOpen, CutterFault, Mute, Offline, OutOfPaper, PrinterStatus, Ready
from drivers.reader.pcsc import PcscBackend
from drivers.reader.port import Presence
from drivers.reader.visit import CardReader, ReaderSettings
from fleet.messages.link import DeviceState, SlotState
from kiosk.bench.world import World
from kiosk.config import VIRTUAL, Config, PrinterSection
from kiosk.ports import Cabinet, Printer, Reader

LOOK_EVERY_S = 2.0


@dataclass(slots=True)
class Devices:
    """What is fitted. `states` is as last looked at; `on_change` is told when it differs."""

    reader: Reader | None = None
    administrator_reader: Reader | None = None
    printer: Printer | None = None
    cabinet: Cabinet | None = None
    virtual: frozenset[str] = frozenset()
    states: tuple[DeviceState, ...] = ()
    slots: tuple[SlotState, ...] = ()
    on_change: Callable[[], None] = field(default=lambda: None)

    async def look(self) -> None:
        """Look at every device once, and tell if something has changed."""
        states = [state for state in (await self._reader_states()) if state is not None]
        if self.printer is not None:
            states.append(_printer_state(self.printer, await self.printer.status()))
        slots: tuple[SlotState, ...] = ()
        if self.cabinet is not None:
            found = await self.cabinet.state()
            ready = isinstance(found, CabinetReady)
            states.append(
                DeviceState(self.cabinet.name, "cabinet", "ready" if ready else "mute", ready, self.cabinet.virtual)
            )
            if not isinstance(found, CabinetMute):
                slots = tuple(SlotState(one.number, one.card, one.door) for one in found.slots)
        if (tuple(states), slots) != (self.states, self.slots):
            self.states, self.slots = tuple(states), slots
            self.on_change()

    async def watch(self) -> None:
        """Keep looking until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def missing(self, kind: str) -> bool:
        """Whether what an errand needs is not there, or does not work: `reader` (the holder's) or `cabinet`."""
        if kind == "reader":
            return self.reader is None or not self._ok(self.reader.name)
        return self.cabinet is None or not self._ok(self.cabinet.name)

    async def close(self) -> None:
        """Let the readers go."""
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
        return DeviceState(reader.name, "reader", "ready" if there else "no_reader", there, reader.name in self.virtual)


def make(config: Config, settings: ReaderSettings, world: World | None) -> Devices:
    """Make what the configuration names. A device that is missing now may come later: nothing is raised for it."""
    devices = Devices()
    pcsc = PcscBackend()
    virtual = set()
    for role in ("holder", "administrator"):
        name: str = getattr(config.readers, role)
        if name == VIRTUAL and world is not None:
            reader = CardReader(world.backend, world.slots[role].name, settings)
            virtual.add(reader.name)
        elif name and name != VIRTUAL:
            reader = CardReader(pcsc, name, settings)
        else:
            continue
        if role == "holder":
            devices.reader = reader
        else:
            devices.administrator_reader = reader
    devices.virtual = frozenset(virtual)
    if config.printer.kind not in ("none", VIRTUAL):
        devices.printer = EscPosPrinter("printer", _connection(config.printer), width_mm=config.printer.width_mm)
    if config.cabinet.kind == VIRTUAL and world is not None:
        devices.cabinet = world.cabinet
    return devices


def virtual_printer(host: str, port: int, width_mm: int) -> Printer:
    """The driver on the virtual printer's address."""
    return EscPosPrinter("virtual printer", NetworkConnection(host, port), width_mm=width_mm, virtual=True)


def _connection(printer: PrinterSection) -> Connection:
    match printer.kind:
        case "network":
            return NetworkConnection(printer.host, printer.port)
        case "serial":
            return SerialConnection(printer.device)
        case _:
            return UsbConnection(printer.vendor, printer.product)


def _printer_state(printer: Printer, status: PrinterStatus) -> DeviceState:
    words = {
        OutOfPaper: "out_of_paper",
        CoverOpen: "cover_open",
        CutterFault: "cutter",
        Offline: "offline",
        Mute: "mute",
    }
    if isinstance(status, Ready):
        return DeviceState(printer.name, "printer", "paper_low" if status.paper_low else "ready", True, printer.virtual)
    return DeviceState(printer.name, "printer", words[type(status)], False, printer.virtual)
