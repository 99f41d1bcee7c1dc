"""Plug-in of the station for virtual devices: entry point `virtual` of `kortkiosk.devices`.

It implements `kiosk.station.virtual_plugin.Plugin`; the devices are those of the demo's bench.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from kiosk.station.devices import Devices
from kiosk.station.virtual_devices import VirtualDevices
from kiosk.station.virtual_plugin import Look, VirtualDevicesError
from sim.bench import faults
from sim.bench.socket_server import BenchControl
from sim.bench.virtual_bench import BenchMoveError, VirtualBench
from sim.cabinet import unix_board
from sim.demo import seed

BENCH_SOCKET = "bench.sock"
CARD = "1:old"
"""The card that `insert_card` puts into the holder's reader."""
FAULTS = tuple(faults.FAULTS)


def open_devices(folder: Path, now: datetime, *, cabinet: bool) -> VirtualBench:
    """The bench of that folder; a cabinet that is used runs the real firmware where micropython is installed."""
    return VirtualBench.open(folder, seed.scenario(), now, firmware=cabinet and unix_board.available())


def serve_bench(devices: VirtualDevices, type_text: Callable[[str], None], looks: Mapping[str, Look]) -> BenchControl:
    """The server of the bench window's socket."""
    world = cast(VirtualBench, devices)
    control = BenchControl(world, world.folder / BENCH_SOCKET)
    control.extra = {
        "scan": lambda request: world.scan(str(request["text"]), type_text),
        "pins": lambda request: world.move_contact(str(request["what"]), bool(request.get("on", True))),
    }
    control.looks = dict(looks)
    return control


def insert_card(devices: VirtualDevices) -> None:
    """Put a card into the holder's reader, for a self test."""
    cast(VirtualBench, devices).insert(CARD, "holder")


def apply_fault(name: str, devices: VirtualDevices, drivers: Devices) -> None:
    """Break a device. Raises VirtualDevicesError where that cannot be done."""
    try:
        faults.FAULTS[name](faults.FaultTarget(cast(VirtualBench, devices), drivers))
    except BenchMoveError as error:
        raise VirtualDevicesError(str(error)) from None
