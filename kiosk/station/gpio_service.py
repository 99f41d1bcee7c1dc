"""The GPIO service: status lamp, service door, presence sensor, headphones and backlight on the Pi's own pins.

Rules: the lamp says from afar how the station is; an open service door ends the question that is up and lets nothing begin
until it is shut, each time with an event; headphones are told; the panel is dimmed where a sensor says that nobody is there.

    service = GpioService(pins, clock, Dim(0.2, 120.0), look, ServiceDoor())
    tasks.append(asyncio.create_task(service.run()))
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drivers.cabinet.gpio.lamp_pattern import GLINT, HURRY, SLOW_BLINK, STEADY, WINK, Pattern
from drivers.cabinet.gpio.port import Pins, PinsReady
from kiosk.ports import Clock
from kiosk.views import Await, View

TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Dim:
    """Brightness of the panel when nobody is there, 0 to 1, and how long after the last sign of a person."""

    share: float = 0.2
    after_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of the station: whether anything is wrong, an errand runs, what is asked, the last touch, and whether a card
    was left in."""

    fault: bool
    errand: bool
    view: View[Any] | None
    touched: float
    left_in: bool = False


def lamp_for(condition: Condition, *, door_open: bool) -> Pattern:
    """Out of service: a short light. Waiting for somebody's hand: as long dark as lit. In use: lit with a gap. Free: lit.
    With a card that was left in: twice the pace of waiting."""
    if door_open or condition.fault:
        return GLINT
    if not condition.errand:
        return HURRY if condition.left_in else STEADY
    return SLOW_BLINK if isinstance(condition.view, Await) and condition.view.waits_for is not None else WINK


def brightness(condition: Condition, present: bool | None, now: float, gone_since: float, dim: Dim) -> float:
    """Full while somebody is there, touches, or has an errand; without a sensor nobody knows, and it stays full."""
    if present is None or present or condition.errand:
        return 1.0
    return 1.0 if now - max(condition.touched, gone_since) < dim.after_s else dim.share


class ServiceDoor:
    """State of the service door. The GPIO service sets it; where there are no pins it stays shut."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()

    def is_open(self) -> bool:
        return self._opened.is_set()

    async def opens(self) -> None:
        """Wait until the service door is open; at once where it is."""
        await self._opened.wait()

    def set(self, is_open: bool) -> None:
        """The door was opened, or shut."""
        if is_open:
            self._opened.set()
        else:
            self._opened.clear()


async def _tell_nobody(is_open: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class GpioListeners:
    """Callbacks of the GPIO service."""

    on_door: Callable[[bool], Awaitable[None]] = _tell_nobody
    """Called each time the service door opens or is shut."""
    on_closed: Callable[[bool], None] = lambda closed: None
    """Called when the open door closes the station to visitors (once an errand has ended), and when it no longer does."""
    on_headphones: Callable[[bool], None] = lambda plugged: None
    """Called when a plug is put in or pulled."""


class GpioService:
    """The GPIO service of one station. `look` gives the station's condition; what is not fitted is left alone."""

    def __init__(
        self,
        pins: Pins | None,
        clock: Clock,
        dim: Dim,
        look: Callable[[], Condition],
        door: ServiceDoor,
        listeners: GpioListeners | None = None,
    ) -> None:
        self._pins = pins
        self._clock = clock
        self._dim = dim
        self._look = look
        self._door = door
        self._listeners = listeners or GpioListeners()
        self._contacts = PinsReady()
        self._gone_since = clock.monotonic()
        self._closed = False

    @property
    def present(self) -> bool:
        """True while a sensor sees somebody; False also where none is fitted."""
        return bool(self._contacts.present)

    async def run(self) -> None:
        if self._pins is not None:
            await asyncio.gather(self._listen(self._pins), self._tend(self._pins))

    def tend(self) -> None:
        """Lamp and panel as they have to be now."""
        if self._pins is not None:
            condition = self._look()
            self._pins.set_lamp(lamp_for(condition, door_open=self._door.is_open()))
            present, now = self._contacts.present, self._clock.monotonic()
            self._pins.set_backlight(brightness(condition, present, now, self._gone_since, self._dim))
            if self._closed != (self._door.is_open() and not condition.errand):
                self._closed = not self._closed
                self._listeners.on_closed(self._closed)

    async def _tend(self, pins: Pins) -> None:
        while True:
            self.tend()
            await self._clock.sleep(TICK_S)

    async def _listen(self, pins: Pins) -> None:
        async for contacts in pins.changes():
            before, self._contacts = self._contacts, contacts
            if before.present and not contacts.present:
                self._gone_since = self._clock.monotonic()
            if bool(before.headphones) != bool(contacts.headphones):
                self._listeners.on_headphones(bool(contacts.headphones))
            if (contacts.door == "open") != self._door.is_open():
                self._door.set(contacts.door == "open")
                await self._listeners.on_door(self._door.is_open())
            self.tend()
