"""Fault injection into virtual devices, by name: for `kortkiosk devices` and its tests.

Rules: a fault is set on the device, or on the line to it, and found by the driver as it would be in earnest. Only a cabinet
with firmware from another time, or two of them, are put in the driver's mouth: there is but one virtual board.

>>> sorted(FAULTS)[0]
'cabinet.bin_open'
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from drivers.cabinet.port import Cabinet, CabinetFault, CabinetState, TwoBoards, WrongFirmware
from kiosk.station.devices import Devices
from sim.bench.virtual_bench import BenchMoveError, VirtualBench
from sim.cabinet.twin import BoardTwin
from sim.cabinet.virtual import VirtualCabinet

SLOT = 1


@dataclass(slots=True)
class FaultTarget:
    """The virtual devices and the drivers on them."""

    world: VirtualBench
    devices: Devices


class FaultyCabinet:
    """The cabinet, with a state that the one virtual board cannot have. Everything else is the cabinet's."""

    def __init__(self, cabinet: Cabinet, fault: CabinetFault) -> None:
        self._cabinet = cabinet
        self._found = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cabinet, name)

    async def state(self) -> CabinetState:
        return self._found


def _printer(name: str) -> Callable[[FaultTarget], None]:
    def apply(bench: FaultTarget) -> None:
        bench.world.printer.faults = replace(bench.world.printer.faults, **{name: True})

    return apply


def _cabinet(fault: CabinetFault) -> Callable[[FaultTarget], None]:
    def apply(bench: FaultTarget) -> None:
        assert bench.devices.cabinet is not None
        bench.devices.cabinet = cast(Cabinet, FaultyCabinet(bench.devices.cabinet, fault))

    return apply


def _reader(role: str) -> Callable[[FaultTarget], None]:
    return lambda bench: bench.world.backend.unplug(bench.world.slots[role].name)


def _upside_down(bench: FaultTarget) -> None:
    bench.world.remove("holder")
    bench.world.insert("1:old", "holder", upside_down=True)


def _mute(bench: FaultTarget) -> None:
    cabinet = bench.world.cabinet
    if isinstance(cabinet, BoardTwin):
        cabinet.silence()
    else:
        cabinet.set_mute()


def _cable(bench: FaultTarget) -> None:
    _board(bench).pull_cable()


def _not_paired(bench: FaultTarget) -> None:
    (_board(bench).folder / "pairing.json").unlink()


def _swapped(bench: FaultTarget) -> None:
    path = _board(bench).folder / "pairing.json"
    pairing = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**pairing, "board": "0" * len(pairing["board"])}), encoding="utf-8")


def _board(bench: FaultTarget) -> BoardTwin:
    if isinstance(bench.world.cabinet, VirtualCabinet):
        raise BenchMoveError("this cabinet has no board: its firmware needs micropython")
    return bench.world.cabinet


def _jam(bench: FaultTarget) -> None:
    bench.world.jam(SLOT, True)


def _door(bench: FaultTarget) -> None:
    bench.world.cabinet.open_door(SLOT)


def _case(bench: FaultTarget) -> None:
    _board(bench).open_case()


def _bin(bench: FaultTarget) -> None:
    _board(bench).open_bin()


def _scanner(attribute: str) -> Callable[[FaultTarget], None]:
    return lambda bench: setattr(bench.devices.scanner, attribute, True)


def _pins(act: Callable[[Any], None]) -> Callable[[FaultTarget], None]:
    return lambda bench: act(bench.devices.pins)


FAULTS: dict[str, Callable[[FaultTarget], None]] = {
    "reader.holder_unplugged": _reader("holder"),
    "reader.administrator_unplugged": _reader("administrator"),
    "reader.card_mute": _upside_down,
    "printer.out_of_paper": _printer("out_of_paper"),
    "printer.cover_open": _printer("cover_open"),
    "printer.cutter": _printer("cutter"),
    "printer.offline": _printer("offline"),
    "printer.mute": _printer("mute"),
    "printer.hang_up": _printer("hang_up"),
    "cabinet.mute": _mute,
    "cabinet.missing": _cable,
    "cabinet.not_paired": _not_paired,
    "cabinet.swapped_board": _swapped,
    "cabinet.wrong_firmware": _cabinet(WrongFirmware("0.9", "1")),
    "cabinet.two_boards": _cabinet(TwoBoards(("/dev/ttyACM0", "/dev/ttyACM1"))),
    "cabinet.jam": _jam,
    "cabinet.door_open": _door,
    "cabinet.case_open": _case,
    "cabinet.bin_open": _bin,
    "scanner.unplugged": _scanner("unplugged"),
    "scanner.held": _scanner("held"),
    "pins.taken": _pins(lambda pins: pins.set_taken()),
    "pins.lamp_shorted": _pins(lambda pins: pins.set_stuck("lamp")),
    "pins.backlight_shorted": _pins(lambda pins: pins.set_stuck("backlight")),
}
"""What each does; `cabinet.jam` and `cabinet.door_open` are of slot 1. A jam shows where that slot is opened, open doors where
the cabinet tests itself."""
