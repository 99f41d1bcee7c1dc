"""Which USB devices are bound: descriptors as devices have them, and the answers that udev gets."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.appliance import usb_gate
from provisioning.appliance.usb_gate import DescriptorError, is_allowed, main, parse_descriptors

HID, STORAGE, CDC, CDC_DATA, CCID, PRINTER, HUB, VENDOR = 0x03, 0x08, 0x02, 0x0A, 0x0B, 0x07, 0x09, 0xFF
KEYPAD = "04d9:a088"


def descriptors(usb_id: str, *interfaces: tuple[int, int], configurations: int = 1) -> bytes:
    """A device with (class, protocol) of each interface, each with one endpoint, and what an interface of HID has besides."""
    vendor, product = (int(part, 16) for part in usb_id.split(":"))
    raw = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, vendor, product, 0x0100, 1, 2, 3, configurations)
    for number in range(configurations):
        body = b""
        for index, (usb_class, protocol) in enumerate(interfaces):
            body += bytes([9, 4, index, 0, 1, usb_class, int(usb_class == HID and protocol > 0), protocol, 0])
            body += bytes([9, 0x21, 0x11, 0x01, 0, 1, 0x22, 63, 0]) if usb_class == HID else b""
            body += bytes([7, 5, 0x81, 3, 8, 0, 10])
        raw += struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), number + 1, 0, 0x80, 50) + body
    return raw


TABLE = [
    ("a card reader", "08e6:3437", [(CCID, 0)], True),
    ("a card reader with a contactless part", "076b:5422", [(CCID, 0), (CCID, 0)], True),
    ("a card reader in a keyboard", "046a:0112", [(HID, 1), (CCID, 0)], False),
    ("a token that types", "1050:0407", [(HID, 1), (HID, 0), (CCID, 0)], False),
    ("a receipt printer", "04b8:0e15", [(PRINTER, 2)], True),
    ("a printer that is a drive too", "04b8:0e15", [(PRINTER, 2), (STORAGE, 80)], False),
    ("a touch panel", "0eef:0001", [(HID, 0)], True),
    ("a touch panel that is a mouse too", "222a:0001", [(HID, 0), (HID, 2)], False),
    ("a hub", "05e3:0608", [(HUB, 0)], True),
    ("a storage stick", "0781:5567", [(STORAGE, 80)], False),
    ("a storage stick over UAS", "0781:5583", [(STORAGE, 98)], False),
    ("a keyboard", "046d:c31c", [(HID, 1), (HID, 0)], False),
    ("the named keypad", KEYPAD, [(HID, 1)], True),
    ("a drive that copies its numbers", KEYPAD, [(STORAGE, 80)], False),
    ("a network adapter in a copy of it", KEYPAD, [(HID, 1), (CDC, 0)], False),
    ("a mouse", "046d:c077", [(HID, 2)], False),
    ("a network adapter", "0bda:8153", [(CDC, 0), (CDC_DATA, 0)], False),
    ("a radio", "0a12:0001", [(0xE0, 1)], False),
    ("a telephone", "18d1:4ee1", [(6, 1)], False),
    ("a serial adapter", "0403:6001", [(VENDOR, 255)], False),
    ("a Pico", "2e8a:0005", [(CDC, 0), (CDC_DATA, 0)], False),
    ("no interface at all", "1234:5678", [], False),
]


@pytest.mark.parametrize(("device", "usb_id", "interfaces", "allowed"), TABLE, ids=[row[0] for row in TABLE])
def test_each_device_is_bound_or_not(
    device: str, usb_id: str, interfaces: list[tuple[int, int]], allowed: bool
) -> None:
    assert is_allowed(descriptors(usb_id, *interfaces), {KEYPAD: frozenset({HID})}) is allowed


def test_a_sound_card_is_bound_where_the_station_speaks_and_what_it_brings_besides_is_not() -> None:
    card, typing = (descriptors("0d8c:0014", (0x01, 0), (0x01, 0), (HID, protocol)) for protocol in (0, 1))
    assert not is_allowed(card, {})
    assert is_allowed(card, {usb_gate.SOUND: frozenset()})
    assert not is_allowed(typing, {usb_gate.SOUND: frozenset()})
    assert not is_allowed(descriptors("0781:5567", (STORAGE, 80)), {usb_gate.SOUND: frozenset()})


def test_a_second_configuration_counts_too() -> None:
    first = descriptors("1d6b:0104", (CCID, 0))
    second = descriptors("1d6b:0104", (HID, 1))[18:]
    assert is_allowed(first, {})
    assert not is_allowed(first + second, {})


def test_descriptors_that_are_cut_off_are_refused() -> None:
    whole = descriptors("08e6:3437", (CCID, 0), (CCID, 0), configurations=2)
    begun = [length for length in range(len(whole)) if is_allowed(whole[:length], {})]
    assert is_allowed(whole, {})
    assert begun == [18 + (len(whole) - 18) // 2]  # a device with one configuration


def test_what_is_no_descriptor_is_named() -> None:
    with pytest.raises(DescriptorError):
        parse_descriptors(b"\x12\x02" + bytes(16))


def test_udev_asks_it_as_a_program_without_the_project(tmp_path: Path) -> None:
    (tmp_path / "descriptors").write_bytes(descriptors("08e6:3437", (CCID, 0)))
    program = [sys.executable, "-I", usb_gate.__file__]
    assert subprocess.run([*program, "device", str(tmp_path)], check=False).returncode == 0
    (tmp_path / "descriptors").write_bytes(descriptors("0781:5567", (STORAGE, 80)))
    assert subprocess.run([*program, "device", str(tmp_path)], check=False).returncode == 3


def test_named_devices_and_input_devices_are_answered_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "descriptors").write_bytes(descriptors("0403:6001", (VENDOR, 255)))
    named = tmp_path / "usb-allowed"
    asked = (["device", str(tmp_path)], ["input", "04D9:A088"])
    assert [main(arguments, named) for arguments in asked] == [3, 3]
    named.write_text(f"0403:6001 02 0a ff\n{KEYPAD} 03\n")
    assert [main(arguments, named) for arguments in asked] == [0, 0]
    assert main(["input", "0403:6001"], named) == 3, "named for something else"
    assert main(["input", "046d:c31c"], named) == 3
    assert main(["device", str(tmp_path / "gone")], named) == 2
    assert main([], named) == 2


def test_of_disks_on_usb_the_one_that_the_machine_runs_from_stays_bound(tmp_path: Path) -> None:
    """The initial RAM disk has bound both."""
    block, devices = tmp_path / "block", {name: tmp_path / f"usb1/{name}" for name in ("1-1", "1-2", "1-3")}
    for name, interface in (("1-1", (STORAGE, 80)), ("1-2", (STORAGE, 80)), ("1-3", (HUB, 0))):
        (devices[name] / "host/block/sda/sda2").mkdir(parents=True)
        (devices[name] / "descriptors").write_bytes(descriptors("0781:5567", interface))
    (block / "dm-0/slaves").mkdir(parents=True)
    (block / "dm-0/slaves/sda2").symlink_to(devices["1-1"] / "host/block/sda/sda2")
    answers = {name: main(["stray", str(device)], block=block) for name, device in devices.items()}
    assert answers == {"1-1": 3, "1-2": 0, "1-3": 3}
