"""A speech synthesizer that keeps a log of what it is told to say; each sentence lasts until the test lets it end."""

import asyncio

from drivers.speech.port import Manner, Phrase, SpeechError


class RecordedSpeech:
    """Implements `Speech`. `log` has each sentence that was begun; those that were cut short are in `cut`."""

    name = "recorded"

    def __init__(self, *, waits: bool = False) -> None:
        self.log: list[Phrase] = []
        self.cut: list[Phrase] = []
        self.manners: list[Manner] = []
        self.fault = ""
        self._waits = waits
        self._end = asyncio.Event()

    @property
    def texts(self) -> list[str]:
        return [phrase.text for phrase in self.log]

    async def say(self, phrase: Phrase, manner: Manner) -> None:
        if self.fault:
            raise SpeechError(self.fault)
        self.log.append(phrase)
        self.manners.append(manner)
        if not self._waits:
            return
        self._end.clear()
        try:
            await self._end.wait()
        except asyncio.CancelledError:
            self.cut.append(phrase)
            raise

    def end_sentence(self) -> None:
        """The sentence of the moment is over."""
        self._end.set()
