"""Which input device is the touchscreen: on made-up trees of /sys, /run/udev and /dev, as udev of Debian 13 writes them."""

from pathlib import Path

import pytest

from drivers.touchscreen.discovery import TouchscreenMissing, TouchscreenReady, TouchscreenRefused, Touchscreens

TOUCH = "E:ID_INPUT=1\nE:ID_INPUT_TOUCHSCREEN=1\n"


class Machine:
    """The folders that tell of input devices."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "dev/input/by-path").mkdir(parents=True)

    def plug(self, event: int, name: str, usb: str, properties: str, link: str = "") -> None:
        """An input device, with what udev has found out about it; `link` is its name below /dev/input/by-path."""
        device, minor = self.root / f"sys/devices/bus{event}/input{event}", 64 + event
        (device / f"event{event}").mkdir(parents=True)
        (device / "id").mkdir()
        for path, text in (
            (device / "name", name),
            (device / "id/vendor", usb[:4]),
            (device / "id/product", usb[5:]),
            (device / f"event{event}/dev", f"13:{minor}"),
        ):
            path.write_text(f"{text}\n")
        (device / f"event{event}/device").symlink_to(device)
        (self.root / "sys/class/input").mkdir(parents=True, exist_ok=True)
        (self.root / f"sys/class/input/event{event}").symlink_to(device / f"event{event}")
        node = self.root / f"dev/input/event{event}"
        node.touch()
        data = self.root / f"run/udev/data/c13:{minor}"
        data.parent.mkdir(parents=True, exist_ok=True)
        data.write_text(f"{f'S:input/by-path/{link}{chr(10)}' if link else ''}I:5120394\n{properties}G:seat\nV:1\n")
        if link:
            path = self.root / "dev/input/by-path" / link
            path.unlink(missing_ok=True)
            path.symlink_to(node)

    def find(self, wanted: str = "") -> object:
        return Touchscreens(wanted, self.root).state()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A keyboard, a mouse and a pen tablet: things that point and are no touchscreen."""
    machine = Machine(tmp_path)
    machine.plug(0, "AT Translated Set 2 keyboard", "0001:0001", "E:ID_INPUT=1\nE:ID_INPUT_KEYBOARD=1\n")
    machine.plug(1, "QEMU USB Tablet", "0627:0001", "E:ID_INPUT=1\nE:ID_INPUT_MOUSE=1\n", "usb-tablet-event-mouse")
    machine.plug(2, "Some Pen", "056a:0001", "E:ID_INPUT=1\nE:ID_INPUT_TABLET=1\nE:ID_INPUT_TOUCHSCREEN=0\n")
    return machine


def test_a_machine_without_a_touchscreen_says_so(machine: Machine, tmp_path: Path) -> None:
    assert machine.find() == TouchscreenMissing()
    assert Touchscreens("", tmp_path / "no such root").state() == TouchscreenMissing()


def test_the_touchscreen_is_read_by_the_path_that_stays(machine: Machine) -> None:
    machine.plug(10, "QEMU Virtio MultiTouch", "0627:0003", TOUCH, "pci-0000:00:05.0-event")
    path = str(machine.root / "dev/input/by-path/pci-0000:00:05.0-event")
    assert machine.find() == TouchscreenReady(path, "QEMU Virtio MultiTouch")


def test_without_such_a_path_its_own_node_is_read(machine: Machine) -> None:
    machine.plug(3, "Goodix Capacitive TouchScreen", "0416:0911", TOUCH)
    assert machine.find() == TouchscreenReady(str(machine.root / "dev/input/event3"), "Goodix Capacitive TouchScreen")


def test_a_path_that_a_second_interface_of_the_panel_has_is_not_taken(machine: Machine) -> None:
    machine.plug(3, "ILITEK ILITEK-TP", "222a:0001", TOUCH, "usb-0:1.2:1.0-event")
    machine.plug(4, "ILITEK ILITEK-TP Mouse", "222a:0001", "E:ID_INPUT_MOUSE=1\n", "usb-0:1.2:1.0-event")
    assert machine.find() == TouchscreenReady(str(machine.root / "dev/input/event3"), "ILITEK ILITEK-TP")


def test_of_two_a_person_says_which(machine: Machine) -> None:
    machine.plug(3, "ILITEK ILITEK-TP", "222a:0001", TOUCH)
    machine.plug(4, "Somebody's own", "dead:BEEF".lower(), TOUCH)
    found = machine.find()
    assert isinstance(found, TouchscreenRefused)
    assert "ILITEK ILITEK-TP (222a:0001, " in found.reason
    assert "touch.device" in found.reason
    expected = TouchscreenReady(str(machine.root / "dev/input/event3"), "ILITEK ILITEK-TP")
    assert machine.find("222A:0001") == expected
    assert machine.find("/dev/input/event3") == expected
    assert machine.find("1234:5678") == TouchscreenMissing()


def test_one_that_may_not_be_read_says_who_may(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plug(3, "ILITEK ILITEK-TP", "222a:0001", TOUCH)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # whoever runs the tests may read all
    found = machine.find()
    assert isinstance(found, TouchscreenRefused)
    assert "group input" in found.reason


def test_one_that_was_unplugged_and_came_back_under_another_number_has_the_same_path(machine: Machine) -> None:
    machine.plug(3, "ILITEK ILITEK-TP", "222a:0001", TOUCH, "usb-0:1.2:1.0-event")
    before = machine.find()
    (machine.root / "sys/class/input/event3").unlink()
    (machine.root / "dev/input/event3").unlink()
    machine.plug(7, "ILITEK ILITEK-TP", "222a:0001", TOUCH, "usb-0:1.2:1.0-event")
    assert machine.find() == before
