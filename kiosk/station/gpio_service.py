"""The caretaker: what the Pi's own pins have to do with the station, beside the errands.

Rules: the lamp says from afar how the station is; an open service door ends the question that is up and lets nothing begin
until it is shut, each time with an event; headphones are told; the panel is dimmed where a sensor says that nobody is there.

    caretaker = Caretaker(pins, clock, Dim(0.2, 120.0), look)
    tasks.append(asyncio.create_task(caretaker.run()))
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.cabinet.gpio.lamp_pattern import GLINT, HURRY, SLOW_BLINK, STEADY, WINK, Pattern
from drivers.cabinet.gpio.port import Pins, PinsReady
from fleet.messages.vocabulary import EventType
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Clock
from kiosk.station.state import tell
from kiosk.views import Await, View

if TYPE_CHECKING:
    from kiosk.station.station import Station

TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Dim:
    """How bright the panel is when nobody is there, 0 to 1, and how long after the last sign of a person."""

    share: float = 0.2
    after_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The station as the caretaker sees it: whether anything is wrong, an errand runs, what is asked, the last touch, and
    whether a card was left in."""

    fault: bool
    errand: bool
    view: View[Any] | None
    touched: float
    left_in: bool = False


def lamp_for(seen: Seen, *, door_open: bool) -> Pattern:
    """Out of service: a short light. Waiting for somebody's hand: as long dark as lit. In use: lit with a gap. Free: lit.
    With a card that was left in: twice the pace of waiting."""
    if door_open or seen.fault:
        return GLINT
    if not seen.errand:
        return HURRY if seen.left_in else STEADY
    return SLOW_BLINK if isinstance(seen.view, Await) and seen.view.waits_for is not None else WINK


def brightness(seen: Seen, present: bool | None, now: float, gone_since: float, dim: Dim) -> float:
    """Full while somebody is there, touches, or has an errand; without a sensor nobody knows, and it stays full."""
    if present is None or present or seen.errand:
        return 1.0
    return 1.0 if now - max(seen.touched, gone_since) < dim.after_s else dim.share


class Caretaker:
    """One station's. `look` gives the station as it is; what it does not find fitted it leaves alone."""

    def __init__(self, pins: Pins | None, clock: Clock, dim: Dim, look: Callable[[], Seen]) -> None:
        self.door_open = False
        self.on_door: Callable[[bool], Awaitable[None]] = _nothing
        """Told each time the service door opens or is shut."""
        self.on_closed: Callable[[bool], None] = lambda closed: None
        """Told when the open door closes the station to visitors (once an errand has ended), and when it no longer does."""
        self.on_headphones: Callable[[bool], None] = lambda plugged: None
        """Told when a plug is put in or pulled."""
        self._pins = pins
        self._clock = clock
        self._dim = dim
        self._look = look
        self._contacts = PinsReady()
        self._gone_since = clock.monotonic()
        self._opened = asyncio.Event()
        self._closed = False

    @property
    def present(self) -> bool:
        """Whether a sensor sees somebody; False also where none is fitted."""
        return bool(self._contacts.present)

    async def door_opens(self) -> None:
        """Wait until the service door is open; at once where it is."""
        await self._opened.wait()

    async def run(self) -> None:
        """Until cancelled."""
        if self._pins is not None:
            await asyncio.gather(self._listen(self._pins), self._tend(self._pins))

    def tend(self) -> None:
        """Lamp and panel as they have to be now."""
        if self._pins is not None:
            seen = self._look()
            self._pins.set_lamp(lamp_for(seen, door_open=self.door_open))
            present, now = self._contacts.present, self._clock.monotonic()
            self._pins.set_backlight(brightness(seen, present, now, self._gone_since, self._dim))
            if self._closed != (self.door_open and not seen.errand):
                self._closed = not self._closed
                self.on_closed(self._closed)

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
                self.on_headphones(bool(contacts.headphones))
            if (contacts.door == "open") != self.door_open:
                await self._door(contacts.door == "open")
            self.tend()

    async def _door(self, is_open: bool) -> None:
        self.door_open = is_open
        if is_open:
            self._opened.set()
        else:
            self._opened.clear()
        await self.on_door(is_open)


def employ(station: "Station") -> Caretaker:
    """The caretaker of that station, which has been opened: told of doors, and heard by the supervisor."""
    section = station.config.pins

    def look() -> Seen:
        closed = station.out_of_service.why is not None
        stopped = closed or all(station.missing(errand) is not None for errand in ERRANDS)
        left_in = station.left_in is not None and station.left_in.since is not None
        return Seen(stopped, station.errand is not None, station.asked, station.supervisor.touched, left_in)

    async def on_door(is_open: bool) -> None:
        station.changed()
        await tell(station, EventType.DOOR_OPENED if is_open else EventType.DOOR_SHUT, {})

    caretaker = Caretaker(station.devices.pins, station.clock, Dim(section.dim, section.dim_after_s), look)
    caretaker.on_door = on_door
    caretaker.on_closed = lambda closed: station.on_closed(closed)
    station.supervisor.door_opens = caretaker.door_opens
    return caretaker


async def _nothing(is_open: bool) -> None:
    """Nobody is told."""
