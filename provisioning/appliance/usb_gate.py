#!/usr/bin/python3 -I
"""USB allow-list: whether a device that was plugged in may be bound, and whether an input device may be heard.

Rules: it is bound where every interface of every configuration is of a class of the list, or where station.toml names its
vendor and product and each interface is of a class of what it is named for: who copies a keypad's numbers makes no drive.
Classes: smart-card readers, printers, hubs, sound cards where the station speaks, and input devices that do not call
themselves keyboard or mouse (touch panels). A device with one interface more than that, such as a reader that types, is not
bound. Descriptors are the device's own word.

udev runs it as a program of its own, without the project: `usb-gate device SYSPATH` and `usb-gate input VVVV:PPPP` end with 0
where it may be, 3 where not, 2 where the question cannot be read. `usb-gate stray SYSPATH` ends with 0 for a device that is
bound, by the initial RAM disk, and may not stay: not of the list, nor on the way to the disk that the machine runs from.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

ALLOWED = Path("/run/kortkiosk-appliance/usb-allowed")
"""Vendor and product, `vvvv:pppp`, and the classes (two hex digits) of its interfaces, one device a line; of station.toml."""
Named = Mapping[str, frozenset[int]]
"""Classes that the interfaces of a named device may have, by `vvvv:pppp`."""
BLOCK = Path("/sys/block")
DONE, BAD_INPUT, REFUSED = 0, 2, 3

DEVICE, CONFIGURATION, INTERFACE = 1, 2, 4
"""Descriptor types, USB 2.0 table 9-5."""
DEVICE_BYTES, INTERFACE_BYTES = 18, 9
AUDIO, HID, PRINTER, HUB, SMART_CARD = 0x01, 0x03, 0x07, 0x09, 0x0B
SOUND = "class:01"
"""A line of `ALLOWED` beside vendors and products: sound cards too."""
KEYBOARD, MOUSE = 1, 2
"""Protocols of a boot interface, HID 1.11 section 4.3."""


class DescriptorError(Exception):
    """The bytes are no descriptors of a USB device."""


def parse_descriptors(raw: bytes) -> tuple[str, list[tuple[int, int]]]:
    """Vendor and product, and (class, protocol) of each interface, as sysfs has them in `descriptors`. Raises DescriptorError."""
    if len(raw) < DEVICE_BYTES or raw[0] != DEVICE_BYTES or raw[1] != DEVICE:
        raise DescriptorError("no device descriptor")
    vendor, product = int.from_bytes(raw[8:10], "little"), int.from_bytes(raw[10:12], "little")
    interfaces, at = [], DEVICE_BYTES
    while at < len(raw):
        length = raw[at]
        if length < 2 or at + length > len(raw):
            raise DescriptorError("a descriptor is cut off")
        if raw[at + 1] == CONFIGURATION and at + int.from_bytes(raw[at + 2 : at + 4], "little") > len(raw):
            raise DescriptorError("a configuration is cut off")
        if raw[at + 1] == INTERFACE:
            if length < INTERFACE_BYTES:
                raise DescriptorError("an interface descriptor is too short")
            interfaces.append((raw[at + 5], raw[at + 7]))
        at += length
    return f"{vendor:04x}:{product:04x}", interfaces


def is_allowed(raw: bytes, named: Named) -> bool:
    """Return whether the device with these descriptors may be bound. What cannot be read may not."""
    try:
        usb_id, interfaces = parse_descriptors(raw)
    except DescriptorError:
        return False
    if not interfaces:
        return False
    is_named = {usb_class for usb_class, _ in interfaces} <= named.get(usb_id, frozenset())
    return is_named or all(_is_of_list(*interface, named) for interface in interfaces)


def _is_of_list(usb_class: int, protocol: int, named: Named) -> bool:
    if usb_class == HID:
        return protocol not in (KEYBOARD, MOUSE)
    return usb_class in (PRINTER, HUB, SMART_CARD) or (usb_class == AUDIO and SOUND in named)


def read_named(path: Path = ALLOWED) -> Named:
    """Return what station.toml names; nothing where it was not read yet."""
    try:
        rows = [line.split() for line in path.read_text("ascii").splitlines()]
        return {usb_id: frozenset(int(usb_class, 16) for usb_class in classes) for usb_id, *classes in rows}
    except (OSError, ValueError):
        return {}


def carries_root(device: Path, block: Path = BLOCK) -> bool:
    """Return whether a device of this system's mapper, such as its root, lies on that USB device. `block`: sysfs."""
    return any(device.resolve() in disk.resolve().parents for disk in block.glob("dm-*/slaves/*"))


def main(arguments: list[str], named_file: Path = ALLOWED, block: Path = BLOCK) -> int:
    """Answer udev. Returns the exit code."""
    match arguments:
        case ["device", folder]:
            try:
                raw = (Path(folder) / "descriptors").read_bytes()
            except OSError as error:
                print(f"usb-gate: {folder}: {error.strerror}", file=sys.stderr)
                return BAD_INPUT
            return DONE if is_allowed(raw, read_named(named_file)) else REFUSED
        case ["stray", folder]:
            refused = main(["device", folder], named_file) == REFUSED
            return DONE if refused and not carries_root(Path(folder), block) else REFUSED
        case ["input", usb_id]:
            return DONE if HID in read_named(named_file).get(usb_id.lower(), ()) else REFUSED
        case _:
            print("usage: usb-gate device|stray SYSPATH | usb-gate input VVVV:PPPP", file=sys.stderr)
            return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
