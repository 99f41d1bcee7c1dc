"""Virtual devices of a station: the plug-in that brings them, found by the entry point `virtual` of `kortkiosk.devices`.

The wheel `kortkiosk-sim` has it. A station with real devices runs without it.

>>> str(missing_wheel("printer"))
'printer: virtual devices are not installed: install kortkiosk-sim, or name real devices'
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from kiosk.config import Config
from kiosk.station.devices import Devices
from kiosk.station.virtual_devices import VirtualDevices

GROUP = "kortkiosk.devices"
WHEEL = "kortkiosk-sim"


class VirtualDevicesError(Exception):
    """Virtual devices cannot be had, or not be used like this; the text says why."""


class BenchServer(Protocol):
    """Server by which a bench window moves what lies in the virtual devices."""

    async def start(self) -> None:
        """Listen. Raises OSError."""

    async def stop(self) -> None: ...


Look = Callable[[dict[str, Any]], dict[str, Any]]
"""An answer to a question of the bench window or of a test."""


class Plugin(Protocol):
    """Module that the entry point gives, with these names."""

    @property
    def FAULTS(self) -> Sequence[str]:
        """Names of the faults that `apply_fault` takes."""

    def open_devices(self, folder: Path, now: datetime, *, cabinet: bool) -> VirtualDevices:
        """The devices as `folder` has them, or new ones. `cabinet`: whether the station uses the virtual cabinet."""

    def serve_bench(
        self, devices: VirtualDevices, type_text: Callable[[str], None], looks: Mapping[str, Look]
    ) -> BenchServer:
        """A server for the bench window. `type_text` takes what is scanned where no virtual scanner is fitted."""

    def insert_card(self, devices: VirtualDevices) -> None:
        """Put a card into the holder's reader, for a self test."""

    def apply_fault(self, name: str, devices: VirtualDevices, drivers: Devices) -> None:
        """Break a device. Raises VirtualDevicesError where that cannot be done."""


def missing_wheel(feature: str) -> VirtualDevicesError:
    """The error that names the package to install; `feature` needs it."""
    return VirtualDevicesError(f"{feature}: virtual devices are not installed: install {WHEEL}, or name real devices")


def plugin(feature: str = "virtual") -> Plugin:
    """The plug-in. Raises VirtualDevicesError where it is not installed; `feature` needs it."""
    for entry in _entries():
        return cast(Plugin, entry.load())
    raise missing_wheel(feature)


@cache
def _entries() -> tuple[EntryPoint, ...]:
    """Looking for them reads every package that is installed."""
    return tuple(entry_points(group=GROUP, name="virtual"))


def require(config: Config) -> None:
    """Check that the virtual devices of a configuration can be had. Raises VirtualDevicesError."""
    if config.virtual:
        plugin(", ".join(config.virtual))
