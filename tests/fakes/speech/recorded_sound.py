"""A sound device that keeps a log of its tones; each lasts until the test lets it end."""

import asyncio

from drivers.speech.tones import Tone, ToneError


class RecordedSound:
    """Implements `Sound`."""

    def __init__(self) -> None:
        self.log: list[Tone] = []
        self.fault = ""
        self._end = asyncio.Event()

    async def play(self, tone: Tone, volume: int) -> None:
        if self.fault:
            raise ToneError(self.fault)
        self.log.append(tone)
        self._end.clear()
        await self._end.wait()

    def end_tone(self) -> None:
        """The tone of the moment has sounded."""
        self._end.set()
