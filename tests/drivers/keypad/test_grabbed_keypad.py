"""A keypad that is grabbed, on devices with evdev's interface: what is listed types, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from drivers.keypad.grabbed_keypad import KEYS, GrabbedKeypad, Key, UsbId
from drivers.scanner.grabbed_scanner import RETRY_S
from drivers.scanner.port import ScannerMissing, ScannerReady, ScannerRefused
from tests.fakes.machine.input_devices import Desk, Gadget, Info
from tests.fakes.machine.step_clock import StepClock, settle

LISTED = UsbId(0x04D9, 0xA088)
KEYPAD = "Example Keypad"
ENTER, ESCAPE, BACKSPACE, LETTER_A = 28, 1, 14, 30


def keypad_at(port: str, name: str = KEYPAD) -> Gadget:
    return Gadget(name, Info(LISTED.vendor, LISTED.product), phys=f"usb-0000:01:00.0-{port}/input0")


class Listener:
    """Keeps what is typed."""

    def __init__(self, keypad: GrabbedKeypad) -> None:
        self.heard: list[Key] = []
        self._keypad = keypad
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for key in self._keypad.keys():
            self.heard.append(key)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
async def gadget() -> Gadget:
    return keypad_at("1.2")


@pytest.fixture
async def desk(gadget: Gadget) -> Desk:
    return Desk(Gadget("Example Keyboard", Info(0x9999, 0x0002), phys="usb-0000:01:00.0-1.3/input0"), gadget)


@pytest.fixture
async def keypad(desk: Desk, clock: StepClock) -> GrabbedKeypad:
    return GrabbedKeypad(LISTED, desk.inputs, sleep=clock.sleep)


@pytest.fixture
async def listener(keypad: GrabbedKeypad) -> AsyncIterator[Listener]:
    listener = Listener(keypad)
    await settle()
    yield listener
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_what_it_types_comes_here_and_nowhere_else(
    listener: Listener, gadget: Gadget, desk: Desk, keypad: GrabbedKeypad
) -> None:
    gadget.press((3, 1), (3, 0), (79, 1), (LETTER_A, 1), (BACKSPACE, 1), (ESCAPE, 1), (11, 1), (11, 2), (ENTER, 1))
    await settle()
    assert listener.heard == ["2", "1", "erase", "clear", "0", "enter"]
    assert gadget.heard_elsewhere == 0
    assert await keypad.state() == ScannerReady()
    assert desk.left_open == [KEYPAD]


async def test_a_keyboard_that_is_not_listed_types_nothing(listener: Listener, desk: Desk) -> None:
    desk.plugged[0].press((2, 1), (3, 1), (ENTER, 1))
    await settle()
    assert (listener.heard, desk.plugged[0].grabbed_by) == ([], None)


async def test_a_second_one_that_says_to_be_the_same_silences_both(
    listener: Listener, gadget: Gadget, desk: Desk, keypad: GrabbedKeypad
) -> None:
    injector = keypad_at("1.4", "Injector")
    desk.plugged.insert(0, injector)
    injector.press((2, 1))
    gadget.press((2, 1))
    await settle()
    assert listener.heard == []
    state = await keypad.state()
    assert isinstance(state, ScannerRefused)
    assert "two devices say that they are 04d9:a088" in state.reason
    desk.unplug(injector)
    gadget.press((3, 1))
    await settle()
    assert listener.heard == ["2"]
    assert await keypad.state() == ScannerReady()


async def test_where_both_are_there_from_the_start_neither_is_read(desk: Desk, clock: StepClock) -> None:
    desk.plugged.append(keypad_at("1.4", "Injector"))
    listener = Listener(GrabbedKeypad(LISTED, desk.inputs, sleep=clock.sleep))
    await settle()
    for one in desk.plugged[1:]:
        one.press((2, 1), (ENTER, 1))
    await settle()
    assert (listener.heard, desk.left_open) == ([], [])
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_two_interfaces_of_one_keypad_are_one(gadget: Gadget, desk: Desk, clock: StepClock) -> None:
    second = keypad_at("1.2")
    second.phys = second.phys.replace("input0", "input1")
    desk.plugged.append(second)
    assert await GrabbedKeypad(LISTED, desk.inputs).state() == ScannerReady()
    assert desk.left_open == []


async def test_unplugged_it_is_waited_for(
    listener: Listener, gadget: Gadget, desk: Desk, keypad: GrabbedKeypad, clock: StepClock
) -> None:
    desk.unplug(gadget)
    await settle()
    assert await keypad.state() == ScannerMissing()
    desk.plugged.append(again := keypad_at("1.2"))
    await clock.advance(RETRY_S)
    await settle()
    again.press((2, 1))
    await settle()
    assert listener.heard == ["1"]


async def test_held_or_forbidden_it_says_so(gadget: Gadget, desk: Desk, clock: StepClock) -> None:
    keypad = GrabbedKeypad(LISTED, desk.inputs, sleep=clock.sleep)
    gadget.busy = True
    assert await keypad.state() == ScannerRefused(f"{KEYPAD}: another program holds it")
    desk.denied = True
    assert await keypad.state() == ScannerRefused("/dev/input: event0 may not be read")


@pytest.mark.parametrize("text", ["", "04d9", "04d9:", "4d9:a088", "04d9:a0888", "04d9:xyzw", "-4d9:a088", "04d9:a08 "])
def test_what_is_no_vendor_and_product_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write vvvv:pppp, as lsusb prints it"):
        UsbId.parse(text)
    assert UsbId.parse("04d9:a088") == LISTED
    assert str(LISTED) == "04d9:a088"


async def test_arrows_back_help_and_audio_have_their_meaning_and_the_map_is_configurable(
    desk: Desk, gadget: Gadget
) -> None:
    up, down, back, help_key, mute, f23, f24 = 103, 108, 158, 138, 113, 193, 194
    listener = Listener(GrabbedKeypad(LISTED, desk.inputs, keys={**KEYS, f23: "up", f24: "plugged", LETTER_A: "audio"}))
    await settle()
    for code in (up, down, back, help_key, mute, f23, f24, LETTER_A, ENTER):
        gadget.press((code, 1), (code, 0))
    await settle()
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)
    assert listener.heard == ["up", "down", "back", "help", "audio", "up", "plugged", "audio", "enter"]
