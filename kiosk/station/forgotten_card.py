"""A card that its holder left in the reader: heard until somebody takes it, told to the fleet, and counted for the administrator.

Rules: the tone comes again until the card is gone, but not while somebody has an errand; that it was left, and that it was
taken, are events of their own; what was left in during the last day stays on the list.

    left = LeftIn(reader, clock, tell, sound)
    tasks.append(asyncio.create_task(left.run()))
    left.notice(True)               # at the home screen, with a card that is still in
    left.since, left.lately()
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from drivers.reader.card_reader import visiting
from drivers.reader.errors import ReaderError
from fleet.messages.vocabulary import EventType
from kiosk.ports import Clock, Reader
from kiosk.station.state import tell
from kiosk.steps.card import emptied

if TYPE_CHECKING:
    from kiosk.station.station import Station

EVERY_S = 5.0
"""Between two tones."""
KEPT = timedelta(days=1)

Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Commits an event of that kind with that content."""


@dataclass(frozen=True, slots=True)
class Left:
    """One card that was left in. `card_number` is empty where it could not be read."""

    card_number: str
    since: datetime


class LeftIn:
    """One station's. `tell` commits an event; `sound` gives one tone."""

    def __init__(self, reader: Reader | None, clock: Clock, tell: Tell, sound: Callable[[], None]) -> None:
        self.hushed: Callable[[], bool] = lambda: False
        """Whether nothing may sound now: somebody has an errand."""
        self.changed: Callable[[], None] = lambda: None
        """Called when a card was left in, and when it was taken."""
        self._reader, self._clock = reader, clock
        self._tell, self._sound = tell, sound
        self._now: Left | None = None
        self._list: list[Left] = []
        self._noticed = asyncio.Event()

    @property
    def since(self) -> datetime | None:
        """Since when a card has been left in; None where none is."""
        return self._now.since if self._now is not None else None

    def lately(self) -> int:
        """How many cards were left in during the last day."""
        self._list = [one for one in self._list if self._clock.now() - one.since < KEPT]
        return len(self._list)

    def notice(self, left: bool) -> None:
        """The home screen has looked: a card is still in, or none."""
        if left:
            self._noticed.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while self._reader is not None:
            await self._noticed.wait()
            await self._watch(self._reader)
            self._noticed.clear()

    async def _watch(self, reader: Reader) -> None:
        try:
            self._now = left = Left(await _number(reader), self._clock.now())
            self._list.append(left)
            self.changed()
            await self._tell(EventType.CARD_LEFT_IN, {"card_number": left.card_number})
            await self._sound_until_taken(reader)
            seconds = round((self._clock.now() - left.since).total_seconds())
            await self._tell(EventType.CARD_LEFT_IN_TAKEN, {"card_number": left.card_number, "seconds": seconds})
        finally:
            self._now = None
            self.changed()

    async def _sound_until_taken(self, reader: Reader) -> None:
        taken = asyncio.ensure_future(emptied(reader))
        try:
            while not taken.done():
                if not self.hushed():
                    self._sound()
                pause = asyncio.ensure_future(self._clock.sleep(EVERY_S))
                await asyncio.wait({taken, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
        finally:
            taken.cancel()
            await asyncio.gather(taken, return_exceptions=True)


async def _number(reader: Reader) -> str:
    with contextlib.suppress(ReaderError):
        async with visiting(reader) as visit:
            return visit.facts.card_number
    return ""


def watch_over(station: "Station") -> LeftIn:
    """The watch over that station's reader, if it has one. The cabinet sounds, where there is one."""
    devices = station.devices

    def sound() -> None:
        if devices.cabinet is not None:
            devices.cabinet.sound()

    left = LeftIn(devices.reader, station.clock, partial(tell, station), sound)
    left.hushed = lambda: station.errand is not None
    left.changed = station.changed
    return left
