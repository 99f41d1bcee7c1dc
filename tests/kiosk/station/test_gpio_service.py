"""The GPIO service: the lamp follows the station, the open door closes it, the panel dims, headphones are told."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from drivers.cabinet.gpio.lamp_pattern import GLINT, HURRY, SLOW_BLINK, STEADY, WINK, Pattern
from drivers.cabinet.gpio.pin_wiring import reference_wiring
from drivers.cabinet.gpio.port import PinsStuck
from kiosk.config import PinsSection
from kiosk.station.build_devices import make_pins
from kiosk.station.gpio_service import Condition, Dim, GpioListeners, GpioService, ServiceDoor, brightness, lamp_for
from kiosk.station.peripherals import advice_for_pins, code_of_pins
from kiosk.views import Await, Tell, View, say
from sim.pins import VirtualPins
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.step_clock import StepClock, settle

HAND = Await(name="take", title=say("home.title"), waits_for=say("wait.slot"))
WORDS = Tell(name="told", title=say("home.title"), badge="success")
IDLE = Condition(fault=False, errand=False, view=None, touched=0.0)


def in_use(view: View[str]) -> Condition:
    return Condition(fault=False, errand=True, view=view, touched=0.0)


@pytest.mark.parametrize(
    ("seen", "door_open", "pattern"),
    [
        (IDLE, False, STEADY),
        (in_use(WORDS), False, WINK),
        (in_use(HAND), False, SLOW_BLINK),
        (Condition(fault=True, errand=False, view=None, touched=0.0), False, GLINT),
        (replace(IDLE, left_in=True), False, HURRY),
        (replace(in_use(HAND), left_in=True), False, SLOW_BLINK),
        (IDLE, True, GLINT),
        (in_use(HAND), True, GLINT),
    ],
)
def test_the_lamp_says_how_the_station_is(seen: Condition, door_open: bool, pattern: Pattern) -> None:
    assert lamp_for(seen, door_open=door_open) == pattern


@pytest.mark.parametrize(
    ("present", "now", "errand", "share"),
    [
        (True, 1e6, False, 1.0),
        (None, 1e6, False, 1.0),
        (False, 1e6, True, 1.0),
        (False, 119.0, False, 1.0),
        (False, 120.0, False, 0.2),
    ],
)
def test_the_panel_dims_when_nobody_is_there(present: bool | None, now: float, errand: bool, share: float) -> None:
    seen = Condition(fault=False, errand=errand, view=None, touched=0.0)
    assert brightness(seen, present, now, -math.inf, Dim(0.2, 120.0)) == share


class House:
    """A GPIO service at work, and what it told."""

    def __init__(self) -> None:
        self.clock = StepClock()
        self.pins = VirtualPins(reference_wiring(), clock=self.clock.monotonic, sleep=self.clock.sleep)
        self.seen = IDLE
        self.doors: list[bool] = []
        self.closed: list[bool] = []
        self.plugs: list[bool] = []
        self.door = ServiceDoor()
        listeners = GpioListeners(self._door, self.closed.append, self.plugs.append)
        look = lambda: self.seen  # noqa: E731
        self.service = GpioService(self.pins, self.clock, Dim(0.2, 60.0), look, self.door, listeners)  # type: ignore[arg-type]
        self.task = asyncio.ensure_future(self.service.run())

    async def _door(self, is_open: bool) -> None:
        self.doors.append(is_open)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.clock.advance(2)
    yield house
    house.task.cancel()
    await asyncio.gather(house.task, return_exceptions=True)
    closing = asyncio.ensure_future(house.pins.close())
    await house.clock.advance(1)
    await closing


async def test_the_open_door_closes_the_station_once_the_errand_has_ended(house: House) -> None:
    house.seen = in_use(HAND)
    house.pins.open_door()
    await house.clock.advance(0.1)
    assert house.doors == [True]
    await asyncio.wait_for(house.door.opens(), LIMIT_S)
    assert house.closed == []
    house.seen = IDLE
    house.service.tend()
    assert house.closed == [True]
    house.pins.open_door(False)
    await house.clock.advance(0.1)
    assert (house.doors, house.closed) == ([True, False], [True, False])
    waiting = asyncio.ensure_future(house.door.opens())
    await settle()
    assert not waiting.done()
    waiting.cancel()


async def test_headphones_are_told_in_and_out(house: House) -> None:
    house.pins.plug_headphones()
    await house.clock.advance(0.1)
    house.pins.plug_headphones(False)
    await house.clock.advance(0.1)
    assert house.plugs == [True, False]


async def test_the_panel_is_bright_again_as_soon_as_somebody_comes(house: House) -> None:
    house.pins.stand_before()
    await house.clock.advance(1)
    house.pins.stand_before(False)
    await house.clock.advance(59)
    assert house.pins.backlight == 1
    await house.clock.advance(4)
    assert house.pins.backlight == pytest.approx(0.2)
    house.pins.stand_before()
    await house.clock.advance(0.1)
    assert house.pins.backlight == 1


async def test_a_station_without_pins_is_left_alone() -> None:
    door = ServiceDoor()
    service = GpioService(None, StepClock(), Dim(), lambda: IDLE, door)  # type: ignore[arg-type]
    await asyncio.wait_for(service.run(), LIMIT_S)
    service.tend()
    assert not door.is_open()


async def test_a_fault_of_the_pins_is_named_with_what_to_do() -> None:
    stuck = PinsStuck(("lamp",))
    assert code_of_pins(stuck) == "stuck"
    assert "lamp" in advice_for_pins(stuck)
    pins = make_pins(PinsSection(kind="pi"))
    assert pins is not None
    state = await pins.state()
    assert code_of_pins(state) == "unavailable"
    await pins.close()
