"""The forgotten-card watch: a card that its holder left in the reader is heard until somebody takes it, told to the fleet, and
counted for the administrator.

Rules: the tone comes again until the card is gone, but not while somebody has an errand; that it was left, and that it was
taken, are events of their own; what was left in during the last day stays on the list.

    watch = ForgottenCardWatch(reader, clock, record, sound, hushed=lambda: False)
    tasks.append(asyncio.create_task(watch.run()))
    watch.notice(True)               # at the home screen, with a card that is still in
    watch.since, watch.count_lately()
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drivers.reader.card_reader import visiting
from drivers.reader.errors import ReaderError
from fleet.messages.vocabulary import EventType
from kiosk.ports import Clock, Reader
from kiosk.steps.card import wait_until_empty

EVERY_S = 5.0
"""Between two tones."""
KEPT = timedelta(days=1)

RecordEvent = Callable[[EventType, dict[str, Any]], Awaitable[None]]
"""Commits an event of that type with that content."""


@dataclass(frozen=True, slots=True)
class ForgottenCard:
    """One card that was left in. `card_number` is empty where it could not be read."""

    card_number: str
    since: datetime


class ForgottenCardWatch:
    """The watch over one reader.

    Args:
        record: commits an event.
        sound: gives one tone.
        hushed: whether nothing may sound now, since somebody has an errand.
        on_change: called when a card was left in, and when it was taken.
    """

    def __init__(
        self,
        reader: Reader | None,
        clock: Clock,
        record: RecordEvent,
        sound: Callable[[], None],
        *,
        hushed: Callable[[], bool] = lambda: False,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader, self._clock = reader, clock
        self._record, self._sound = record, sound
        self._hushed, self._on_change = hushed, on_change
        self._now: ForgottenCard | None = None
        self._list: list[ForgottenCard] = []
        self._noticed = asyncio.Event()

    @property
    def since(self) -> datetime | None:
        """Since when a card has been left in; None where none is."""
        return self._now.since if self._now is not None else None

    def count_lately(self) -> int:
        """Return the number of cards left in during the last day."""
        self._list = [card for card in self._list if self._clock.now() - card.since < KEPT]
        return len(self._list)

    def notice(self, left: bool) -> None:
        """The home screen has looked: a card is still in, or none."""
        if left:
            self._noticed.set()

    async def run(self) -> None:
        while self._reader is not None:
            await self._noticed.wait()
            await self._watch(self._reader)
            self._noticed.clear()

    async def _watch(self, reader: Reader) -> None:
        try:
            self._now = left = ForgottenCard(await _card_number(reader), self._clock.now())
            self._list.append(left)
            self._on_change()
            await self._record(EventType.CARD_LEFT_IN, {"card_number": left.card_number})
            await self._sound_until_taken(reader)
            seconds = round((self._clock.now() - left.since).total_seconds())
            await self._record(EventType.CARD_LEFT_IN_TAKEN, {"card_number": left.card_number, "seconds": seconds})
        finally:
            self._now = None
            self._on_change()

    async def _sound_until_taken(self, reader: Reader) -> None:
        taken = asyncio.ensure_future(wait_until_empty(reader))
        try:
            while not taken.done():
                if not self._hushed():
                    self._sound()
                pause = asyncio.ensure_future(self._clock.sleep(EVERY_S))
                await asyncio.wait({taken, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
        finally:
            taken.cancel()
            await asyncio.gather(taken, return_exceptions=True)


async def _card_number(reader: Reader) -> str:
    with contextlib.suppress(ReaderError):
        async with visiting(reader) as visit:
            return visit.facts.card_number
    return ""
