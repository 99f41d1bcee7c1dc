"""USB port of a reader: what stays the same over unplugging and restarts, where its PC/SC name does not.

A name of pcsc-lite is made of model, interface, the reader's own serial number if it has one, and a count that follows the order
of plugging in. Bus and device numbers change too. What stays is the controller, and the chain of ports from it: the socket.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<stem>.*) (?P<index>[0-9A-Fa-f]{2}) (?P<slot>[0-9A-Fa-f]{2})")
"""As pcsc-lite ends every name: the reader's count and its slot, both hexadecimal."""
_NO_CONTACTS = re.compile(r"contactless|\b(PICC|SAM|NFC|RFID|CL)\b|\dCL\b", re.IGNORECASE)
_DEVICE = re.compile(r"\d+-([\d.]+)")
_ROOT_HUB = re.compile(r"usb\d+")
_COUNTED = re.compile(r".*\.\d+(\.auto)?")
"""Names of platform devices that the kernel numbers as it finds them, such as `xhci-hcd.0`."""


@dataclass(frozen=True, slots=True)
class ConnectedReader:
    """A reader that is there now, and the place that identifies it: its USB port, or what is steady in its name.

    `place` is empty where two readers have nothing that tells them apart.
    """

    name: str
    place: str


def usb_port(bus: int, device: int, root: Path = Path("/")) -> str:
    """The port of a USB device by its numbers, as `0000:01:00.0:1.3`: controller, ports from it on. Empty where it is gone."""
    for path in (root / "sys/bus/usb/devices").glob("*-*"):
        ports = _DEVICE.fullmatch(path.name)
        if ports is not None and _numbers(path) == (str(bus), str(device)):
            parents = [parent.name for parent in path.resolve().parents]
            hub = next((at for at, name in enumerate(parents) if _ROOT_HUB.fullmatch(name)), None)
            if hub is not None:
                controller = next((name for name in parents[hub + 1 :] if not _is_counted(name)), "")
                return f"{controller}:{ports[1]}"
    return ""


def _is_counted(name: str) -> bool:
    return bool(_COUNTED.fullmatch(name)) and ":" not in name  # 0000:01:00.0 of a PCI device stays


def _numbers(path: Path) -> tuple[str, str]:
    try:
        return (path / "busnum").read_text().strip(), (path / "devnum").read_text().strip()
    except OSError:
        return "", ""


def locate_readers(names: Iterable[str], port_of: Callable[[str], str]) -> tuple[ConnectedReader, ...]:
    """The contact readers among those, by place. Two interfaces of one device have its port and a number of their own.

    >>> [reader.place for reader in locate_readers(["ACME Twin [A] 00 00", "ACME Twin [B] 01 00"], lambda name: "usb:1.2")]
    ['usb:1.2', 'usb:1.2/2']
    """
    connected = [(name, port_of(name) or f"name:{_stem(name)}") for name in sorted(names, key=_order)
             if not _NO_CONTACTS.search(name)]  # fmt: skip
    places = [place for _, place in connected]
    readers = []
    for at, (name, place) in enumerate(connected):
        before = places[:at].count(place)
        if place.startswith("name:"):
            place = "" if places.count(place) > 1 else place
        elif before:
            place = f"{place}/{before + 1}"
        readers.append(ConnectedReader(name, place))
    return tuple(sorted(readers, key=lambda reader: (reader.place, reader.name)))


def _stem(name: str) -> str:
    """Return the part of a name that does not depend on the order of plugging in."""
    parts = _NAME.fullmatch(name)
    return name if parts is None else f"{parts['stem']} {parts['slot']}"


def _order(name: str) -> tuple[int, int, str]:
    parts = _NAME.fullmatch(name)
    return (0, 0, name) if parts is None else (int(parts["index"], 16), int(parts["slot"], 16), name)
