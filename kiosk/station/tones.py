"""Tones of the station: a card in, a card out, a slot that opens, what is done, a fault, a time-out that is near.

Rules: one after the other; what comes while one sounds waits, and the newest of those that wait is played. A sound device that
fails is told of once, and nothing waits for it.
"""

import asyncio
from collections.abc import Callable

from drivers.speech.tones import Sound, Tone, ToneError


class Tones:
    """Belongs to one event loop. `on_fault` is told, once, why nothing is heard."""

    def __init__(self, sound: Sound, volume: int, on_fault: Callable[[str], None]) -> None:
        self._sound, self._volume, self._on_fault = sound, volume, on_fault
        self._next: Tone | None = None
        self._playing: asyncio.Task[None] | None = None
        self._fault = ""

    def play(self, tone: Tone) -> None:
        """Sound it now, or after the one that sounds."""
        self._next = tone
        if self._playing is None or self._playing.done():
            self._playing = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        while (tone := self._next) is not None:
            self._next = None
            try:
                await self._sound.play(tone, self._volume)
            except ToneError as error:
                if str(error) != self._fault:
                    self._on_fault(str(error))
                self._fault = str(error)
