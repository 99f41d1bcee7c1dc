"""Virtual card readers on a made-up USB: pcsc-lite's names, which change with the order of plugging in, and the kernel's folders.

Kept as the real ones do: a reader's name ends with the lowest count that is free; each plugging in gets a new device number; a
boot may number the buses otherwise. The socket is what stays.

>>> readers = UsbReaders(Path("/tmp/none"))  # doctest: +SKIP
>>> readers.plug_usb("HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader]", "1.3")  # doctest: +SKIP
('HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader] 00 00',)
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from drivers.reader.errors import CardBusyError
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot

CONTROLLER = "devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0"
"""Of a Raspberry Pi 4."""


@dataclass(slots=True)
class _UsbReader:
    """One device; each of its interfaces is a reader to PC/SC."""

    interfaces: Sequence[str]
    port: str
    folder: Path
    address: tuple[int, int]
    names: list[str] = field(default_factory=list)


class UsbReaders(InProcessBackend):
    """The readers of one machine. `root` is the folder in which its `sys` is made."""

    def __init__(self, root: Path, controller: str = CONTROLLER) -> None:
        super().__init__([])
        self.slots: dict[str, VirtualSlot] = {}
        """By the name that pcsc-lite gave it."""
        self._sys = root / "sys"
        self._controller = controller
        self._bus = 1
        self._numbers = count(2)  # 1 is the root hub
        self._devices: dict[str, _UsbReader] = {}

    def plug_usb(self, model: str, port: str, *, interfaces: Sequence[str] = ("",)) -> tuple[str, ...]:
        """Plug a reader into a port, such as `1.3`; gives its names. `model` is the name without the two counts, and each of
        `interfaces` is added to it."""
        folder = self._folder(port)
        device = _UsbReader([model + each for each in interfaces], port, folder, (self._bus, next(self._numbers)))
        folder.mkdir(parents=True)
        (folder / "busnum").write_text(f"{device.address[0]}\n")
        (folder / "devnum").write_text(f"{device.address[1]}\n")
        link = self._sys / "bus/usb/devices" / folder.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
        self._devices[port] = device
        for stem in device.interfaces:
            taken = {name.split()[-2] for name in self.slots}
            number = next(f"{at:02X}" for at in count() if f"{at:02X}" not in taken)
            slot = VirtualSlot(f"{stem} {number} 00")
            self.slots[slot.name] = slot
            device.names.append(slot.name)  # before the reader is listed: whoever sees it may ask at once where it is
            self.plug(slot)
        return tuple(device.names)

    def pull_usb(self, port: str) -> None:
        """Take the reader at that port out."""
        device = self._devices.pop(port)
        for name in device.names:
            self.unplug(name)
            del self.slots[name]
        (self._sys / "bus/usb/devices" / device.folder.name).unlink()
        shutil.rmtree(device.folder)

    def boot(self, order: Sequence[str], *, bus: int = 1) -> None:
        """Start the machine anew: readers are found in that order of their ports, on a bus of another number."""
        devices = [self._devices[port] for port in order]
        for port in order:
            self.pull_usb(port)
        self._bus, self._numbers = bus, count(2)
        for device in devices:
            self.plug_usb("", device.port, interfaces=device.interfaces)

    def usb_address(self, reader: str) -> tuple[int, int] | None:
        if reader in self.connections:
            raise CardBusyError("another program uses the card", reader=reader)
        return next((device.address for device in [*self._devices.values()] if reader in device.names), None)

    def _folder(self, port: str) -> Path:
        path = self._sys / self._controller / f"usb{self._bus}"
        ports = port.split(".")
        for end in range(1, len(ports) + 1):
            path /= f"{self._bus}-{'.'.join(ports[:end])}"
        return path
