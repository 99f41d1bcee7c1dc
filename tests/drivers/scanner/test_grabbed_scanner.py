"""A scanner that is grabbed, on devices with evdev's interface; and the virtual one by the same port."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.scanner.evdev_inputs import inputs
from drivers.scanner.grabbed_scanner import RETRY_S, DeviceFilter, GrabbedScanner
from drivers.scanner.port import LONGEST, Scan, ScannerMissing, ScannerReady, ScannerRefused
from sim.bench.virtual_bench import VirtualScanner
from tests.fakes.machine.input_devices import Desk, Gadget, Info, codes
from tests.fakes.machine.step_clock import StepClock, settle

KEYBOARD = "Example Keyboard"
SCANNER = "Example Scanner"
WANTED = DeviceFilter(name=SCANNER)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
async def gadget() -> Gadget:
    return Gadget(SCANNER)


@pytest.fixture
async def desk(gadget: Gadget) -> Desk:
    return Desk(Gadget(KEYBOARD, Info(0x9999, 0x0002)), gadget)


class Listener:
    """Keeps what is scanned."""

    def __init__(self, scanner: GrabbedScanner | VirtualScanner) -> None:
        self.heard: list[Scan] = []
        self._scanner = scanner
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for scan in self._scanner.scans():
            self.heard.append(scan)


@pytest.fixture
async def scanner(desk: Desk, clock: StepClock) -> GrabbedScanner:
    return GrabbedScanner(WANTED, desk.inputs, clock=clock.monotonic, sleep=clock.sleep)


@pytest.fixture
async def listener(scanner: GrabbedScanner) -> AsyncIterator[Listener]:
    listener = Listener(scanner)
    await settle()
    yield listener
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_what_it_types_comes_here_and_nowhere_else(
    listener: Listener, gadget: Gadget, desk: Desk, scanner: GrabbedScanner
) -> None:
    gadget.press(*codes("KK1:O:2026-0001:3D5D"), (28, 1), (28, 0))
    await settle()
    assert listener.heard == [Scan("KK1:O:2026-0001:3D5D")]
    assert gadget.heard_elsewhere == 0
    assert await scanner.state() == ScannerReady()
    assert desk.left_open == [SCANNER]


async def test_unplugged_in_the_middle_it_is_waited_for_and_half_a_scan_forgotten(
    listener: Listener, gadget: Gadget, desk: Desk, scanner: GrabbedScanner, clock: StepClock
) -> None:
    gadget.press(*codes("9999"))
    await settle()
    desk.unplug(gadget)
    await settle()
    assert await scanner.state() == ScannerMissing()
    assert desk.left_open == []
    again = Gadget(SCANNER)
    desk.plugged.append(again)
    await clock.advance(RETRY_S)
    again.press(*codes("0001"), (28, 1))
    await settle()
    assert listener.heard == [Scan("0001")]


async def test_one_that_another_program_holds_is_asked_for_again(desk: Desk, gadget: Gadget, clock: StepClock) -> None:
    gadget.busy = True
    scanner = GrabbedScanner(WANTED, desk.inputs, clock=clock.monotonic, sleep=clock.sleep)
    listener = Listener(scanner)
    await settle()
    assert await scanner.state() == ScannerRefused("Example Scanner: another program holds it")
    gadget.busy = False
    await clock.advance(RETRY_S)
    gadget.press(*codes("12"), (28, 1))
    await settle()
    assert listener.heard == [Scan("12")]
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)
    assert gadget.grabbed_by is None
    assert desk.left_open == []


async def test_a_look_at_one_that_nobody_reads_lets_it_go_again(
    desk: Desk, gadget: Gadget, scanner: GrabbedScanner
) -> None:
    assert await scanner.state() == ScannerReady()
    assert gadget.grabbed_by is None
    assert desk.left_open == []


async def test_nobody_may_read_the_devices(desk: Desk, scanner: GrabbedScanner) -> None:
    desk.denied = True
    state = await scanner.state()
    assert isinstance(state, ScannerRefused)
    assert "may not be read" in state.reason


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (DeviceFilter(name=SCANNER), True),
        (DeviceFilter(vendor=0x1234), True),
        (DeviceFilter(vendor=0x1234, product=1), True),
        (DeviceFilter(name=SCANNER, product=2), False),
        (DeviceFilter(name="Example"), False),
    ],
)
async def test_it_is_known_by_what_is_given(desk: Desk, wanted: DeviceFilter, found: bool) -> None:
    state = await GrabbedScanner(wanted, desk.inputs).state()
    assert isinstance(state, ScannerReady if found else ScannerMissing)


def test_any_device_at_all_is_not_wanted() -> None:
    with pytest.raises(ValueError, match="name at least one"):
        DeviceFilter()


async def test_what_has_no_keys_is_never_grabbed(desk: Desk) -> None:
    desk.plugged = [Gadget(SCANNER, keys=(272,))]
    assert await GrabbedScanner(WANTED, desk.inputs).state() == ScannerMissing()


async def test_a_flood_is_cut(listener: Listener, gadget: Gadget) -> None:
    gadget.press(*((2, 1) for _ in range(5 * LONGEST)), (28, 1))
    while not listener.heard:
        await settle()
    assert listener.heard == [Scan("1" * LONGEST, whole=False)]


async def test_what_is_held_before_the_virtual_one_is_heard_while_it_is_plugged_in() -> None:
    scanner = VirtualScanner()
    scanner.scan("too early")
    listener = Listener(scanner)
    await settle()
    scanner.scan("9999 0001")
    scanner.unplugged = True
    assert await scanner.state() == ScannerMissing()
    scanner.scan("unplugged")
    scanner.unplugged, scanner.held = False, True
    assert isinstance(await scanner.state(), ScannerRefused)
    scanner.scan("held")
    scanner.held = False
    scanner.scan("1" * (LONGEST + 1))
    await settle()
    assert listener.heard == [Scan("9999 0001"), Scan("1" * LONGEST, whole=False)]
    listener.task.cancel()
    await asyncio.gather(listener.task, return_exceptions=True)


async def test_where_linux_has_no_input_devices_it_is_missing(tmp_path: Path) -> None:
    assert list(inputs(tmp_path)) == []
    assert list(inputs(tmp_path / "none")) == []


async def test_what_is_no_input_device_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "event0")
    assert list(inputs(tmp_path)) == []
