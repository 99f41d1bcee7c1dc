"""The Pi's pins, by one contract: on gpiozero's mock pins, through RPi.GPIO's interface, and through gpiod's, without a Pi."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest
from gpiod.line import Bias

from drivers.cabinet.gpio.driver import SETTLE_S, GpioPins
from drivers.cabinet.gpio.gpiozero_board import pi_factory
from drivers.cabinet.gpio.lamp_pattern import GLINT, OFF, SLOW_BLINK, STEADY, WINK
from drivers.cabinet.gpio.pin_wiring import GpioPin, Role, reference_wiring
from drivers.cabinet.gpio.port import PinsReady, PinsStuck, PinsUnavailable
from sim.pins import VirtualPins
from tests.fakes.machine.gpio_lines import HeaderLines, gpio_lines
from tests.fakes.machine.rpi_gpio import FakeGpio, on_a_pi
from tests.fakes.machine.step_clock import StepClock, settle

SHUT = PinsReady("closed", headphones=False, present=False)


class Rig(Protocol):
    """Pins with hands on them."""

    pins: GpioPins

    def move(self, role: Role, active: bool) -> None: ...
    def level(self, role: Role) -> float: ...
    def short(self, role: Role, short: bool) -> None: ...
    def take(self, taken: bool) -> None: ...
    def miss_edges(self) -> None: ...


class MockRig:
    """The virtual twin and its panel."""

    def __init__(self, clock: StepClock) -> None:
        self.pins = self._virtual = VirtualPins(reference_wiring(), clock=clock.monotonic, sleep=clock.sleep)

    def move(self, role: Role, active: bool) -> None:
        hands = {"door": self._virtual.open_door, "headphones": self._virtual.plug_headphones,
                 "presence": self._virtual.stand_before}  # fmt: skip
        hands[role](active)

    def level(self, role: Role) -> float:
        return float(self._virtual.lamp) if role == "lamp" else self._virtual.backlight

    def short(self, role: Role, short: bool) -> None:
        self._virtual.set_stuck(role, short)

    def take(self, taken: bool) -> None:
        self._virtual.set_taken(taken)

    def miss_edges(self) -> None:
        self._virtual.mock.pin(reference_wiring()["door"].bcm).when_changed = None


class PiRig:
    """The driver on RPi.GPIO's interface, or on gpiod's."""

    def __init__(self, clock: StepClock, gpio: FakeGpio | HeaderLines) -> None:
        self.pins = GpioPins(reference_wiring(), pi_factory, clock=clock.monotonic, sleep=clock.sleep)
        self._gpio = gpio
        for role in ("door", "headphones", "presence"):
            self.move(role, False)  # type: ignore[arg-type]

    def move(self, role: Role, active: bool) -> None:
        self._gpio.wire(reference_wiring()[role].bcm, active)

    def level(self, role: Role) -> float:
        return self._gpio.levels.get(reference_wiring()[role].bcm, 0.0)

    def short(self, role: Role, short: bool) -> None:
        self._gpio.shorted = {reference_wiring()[role].bcm} if short else set()

    def take(self, taken: bool) -> None:
        self._gpio.held = {pin.bcm for pin in reference_wiring().values()} if taken else set()

    def miss_edges(self) -> None:
        self._gpio.miss_edges()


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def gpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpio]:
    with on_a_pi(monkeypatch) as gpio:
        yield gpio


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HeaderLines]:
    with gpio_lines(monkeypatch, tmp_path) as lines:
        yield lines


@pytest.fixture(params=["mock pins", "RPi.GPIO", "gpiod"])
async def rig(request: pytest.FixtureRequest, clock: StepClock) -> AsyncIterator[Rig]:
    fixture = {"RPi.GPIO": "gpio", "gpiod": "lines"}.get(request.param)
    rig: Rig = MockRig(clock)
    if fixture:
        rig = PiRig(clock, request.getfixturevalue(fixture))
    yield rig
    closing = asyncio.ensure_future(rig.pins.close())
    await clock.advance(1)
    await closing


async def test_all_is_quiet(rig: Rig) -> None:
    assert await rig.pins.state() == SHUT
    assert rig.level("lamp") == 0
    assert rig.level("backlight") == 1


@pytest.mark.parametrize(
    ("role", "then"),
    [
        ("door", PinsReady("open", headphones=False, present=False)),
        ("headphones", PinsReady("closed", headphones=True, present=False)),
        ("presence", PinsReady("closed", headphones=False, present=True)),
    ],
)
async def test_a_contact_is_told_once_it_has_settled(rig: Rig, clock: StepClock, role: Role, then: PinsReady) -> None:
    changes = rig.pins.changes()
    assert await anext(changes) == SHUT
    coming = asyncio.ensure_future(anext(changes))
    rig.move(role, True)
    await clock.advance(SETTLE_S - 0.001)
    assert not coming.done()
    await clock.advance(0.001)
    await settle()
    assert coming.result() == then
    assert await rig.pins.state() == then


async def test_a_contact_that_bounces_is_told_once_and_noise_not_at_all(rig: Rig, clock: StepClock) -> None:
    told: list[PinsReady] = []

    async def listen() -> None:
        async for contacts in rig.pins.changes():
            told.append(contacts)

    listening = asyncio.ensure_future(listen())
    await settle()
    for _ in range(20):
        rig.move("door", True)
        await clock.advance(0.001)
        rig.move("door", False)
    await clock.advance(1)
    assert told == [SHUT]
    for _ in range(20):
        rig.move("door", False)
        rig.move("door", True)
        await clock.advance(0.001)
    await clock.advance(1)
    assert [one.door for one in told] == ["closed", "open"]
    listening.cancel()


async def test_an_edge_that_was_missed_is_found_by_the_next_look(rig: Rig, clock: StepClock) -> None:
    await rig.pins.state()
    rig.miss_edges()
    rig.move("door", True)
    await clock.advance(1)
    assert (await rig.pins.state()) == PinsReady("open", headphones=False, present=False)


async def seen(rig: Rig, clock: StepClock, seconds: float) -> list[bool]:
    """The lamp, every 50 ms."""
    looks = []
    for _ in range(round(seconds / 0.05)):
        looks.append(rig.level("lamp") > 0.5)
        await clock.advance(0.05)
    return looks


@pytest.mark.parametrize(
    ("pattern", "lit_s"), [(OFF, 0), (STEADY, 6), (SLOW_BLINK, 3), (WINK, 5.4), (GLINT, 0.6)], ids=lambda x: str(x)
)
async def test_the_lamp_follows_its_pattern(rig: Rig, clock: StepClock, pattern: Any, lit_s: float) -> None:
    await rig.pins.state()
    rig.pins.set_lamp(pattern)
    await clock.advance(0.2)
    looks = await seen(rig, clock, 6)
    assert sum(looks) * 0.05 == pytest.approx(lit_s, abs=0.11)


async def test_the_lamp_never_flashes_faster_than_three_times_a_second(rig: Rig, clock: StepClock) -> None:
    await rig.pins.state()
    lit_at: list[float] = []
    last = False
    for turn in range(400):
        rig.pins.set_lamp(STEADY if turn % 2 else OFF)
        await clock.advance(0.013)
        lit = rig.level("lamp") > 0.5
        if lit and not last:
            lit_at.append(clock.monotonic())
        last = lit
    assert len(lit_at) > 5
    assert min(after - before for before, after in pairwise(lit_at)) >= 1 / 3 - 0.013


async def test_the_panel_is_dimmed_where_pins_can_and_bright_again(rig: Rig, request: pytest.FixtureRequest) -> None:
    await rig.pins.state()
    rig.pins.set_backlight(0.2)
    assert rig.level("backlight") == pytest.approx(1 if "gpiod" in request.node.name else 0.2)
    assert await rig.pins.state() == SHUT
    rig.pins.set_backlight(7)
    assert rig.level("backlight") == 1


async def test_a_lamp_that_is_shorted_is_named_and_comes_back(rig: Rig, clock: StepClock) -> None:
    await rig.pins.state()
    rig.pins.set_lamp(STEADY)
    await clock.advance(1)
    rig.short("lamp", True)
    assert await rig.pins.state() == PinsStuck(("lamp",))
    rig.short("lamp", False)
    assert await rig.pins.state() == SHUT
    assert rig.level("lamp") == 1


async def test_pins_that_another_program_holds_are_taken_up_when_they_are_free(rig: Rig, clock: StepClock) -> None:
    rig.take(True)
    state = await rig.pins.state()
    assert isinstance(state, PinsUnavailable)
    assert state.reason
    rig.pins.set_lamp(STEADY)
    rig.pins.set_backlight(0.5)
    rig.take(False)
    assert await rig.pins.state() == SHUT
    await clock.advance(1)
    assert (rig.level("lamp"), rig.level("backlight")) in ((1, 0.5), (1, 1))


async def test_what_is_not_fitted_reads_none_and_takes_no_harm(clock: StepClock) -> None:
    pins = VirtualPins({"door": GpioPin(27, "in", pull="up")}, clock=clock.monotonic, sleep=clock.sleep)
    pins.set_lamp(STEADY)
    pins.set_backlight(0.5)
    pins.plug_headphones()
    assert await pins.state() == PinsReady("closed", headphones=None, present=None)
    await pins.close()


async def test_off_a_pi_the_pins_are_unavailable_with_the_reason() -> None:
    pins = GpioPins(reference_wiring(), pi_factory)
    state = await pins.state()
    assert isinstance(state, PinsUnavailable)
    assert state.reason
    await pins.close()


async def test_pins_that_nobody_may_use_are_unavailable_with_the_chip_that_was_refused(lines: HeaderLines) -> None:
    lines.refused = True
    pins = GpioPins(reference_wiring(), pi_factory)
    state = await pins.state()
    assert isinstance(state, PinsUnavailable)
    assert "gpiochip4: Permission denied" in state.reason
    lines.refused = False
    assert isinstance(await pins.state(), PinsReady)
    await pins.close()
    assert lines.requests == {}, "all lines are let go"


async def test_an_input_without_a_pull_has_none(lines: HeaderLines) -> None:
    pins = GpioPins({"door": GpioPin(27, "in", pull="none")}, pi_factory)
    await pins.state()
    assert lines.requests[27].settings[27].bias is Bias.DISABLED
    await pins.close()


async def test_a_wiring_that_is_active_low_is_turned_round(clock: StepClock) -> None:
    wiring: dict[Role, GpioPin] = {
        "lamp": GpioPin(17, "out", active="low"),
        "backlight": GpioPin(18, "out", active="low"),
        "door": GpioPin(27, "in", active="low", pull="up"),
        "presence": GpioPin(23, "in", active="low"),
    }
    pins = VirtualPins(wiring, clock=clock.monotonic, sleep=clock.sleep)
    assert await pins.state() == PinsReady("closed", present=False)
    pins.open_door()
    pins.set_lamp(STEADY)
    pins.set_backlight(0.25)
    await clock.advance(1)
    assert await pins.state() == PinsReady("open", present=False)
    assert pins.lamp
    assert pins.mock.pin(17).state == 0
    assert pins.mock.pin(18).state == pytest.approx(0.75)
    await pins.close()
