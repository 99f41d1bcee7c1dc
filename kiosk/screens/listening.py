"""Listening to the screen: says the view sentence by sentence, and is silent at once when somebody touches or types.

Rules: with headphones in, each view is said by itself, names too; without, only who presses Listen hears it, and no names.
Listen says the view, pauses it, goes on with the sentence where it stopped, and says it once more. After a keypad's audio key
each view is said until the person has left. Nothing that is typed comes here.

    listening = Listening(speech, lambda private: phrases, on_fault=report)
    listening.plug(True)      # headphones: from here on each view is said
    listening.begin()         # another view stands
"""

import asyncio
from collections.abc import Callable, Sequence

from drivers.speech.port import Manner, Phrase, Speech, SpeechError

Phrases = Callable[[bool], Sequence[Phrase]]
"""What stands on the screen now, in sentences; told whether headphones alone hear it."""


class Listening:
    """Belongs to one event loop. `on_fault` is told, once, why nothing is heard; `on_change` that another sentence is said, or
    nothing more. `manner` is this person's, until they have left."""

    def __init__(
        self,
        speech: Speech,
        phrases: Phrases,
        manner: Manner,
        on_fault: Callable[[str], None] = lambda text: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._speech, self._phrases, self._on_fault, self._on_change = speech, phrases, on_fault, on_change
        self._usual = self.manner = manner
        self._headphones = self._follows = False
        self._said: Sequence[Phrase] = ()
        self._at = 0
        self._pausing = False
        self._fault = ""
        self._speaking: asyncio.Task[None] | None = None

    @property
    def speaks(self) -> bool:
        """True while it speaks."""
        return self._speaking is not None and not self._speaking.done()

    @property
    def listens(self) -> bool:
        """True while somebody listens: each view is said, or this one was."""
        return self._headphones or self._follows or bool(self._said)

    @property
    def caption(self) -> tuple[Sequence[str], int]:
        """The sentences of the moment, and which of them is said; the last one once all are."""
        return [phrase.text for phrase in self._said], max(0, min(self._at, len(self._said) - 1))

    def plug(self, headphones: bool) -> None:
        """Headphones are in, and what stands is said; or they are out, and it is silent: the next words may be a name."""
        self._headphones = headphones
        self.begin()

    def begin(self) -> None:
        """Something else stands on the screen: what was said of it before is out of date."""
        self.forget()
        if self._headphones or self._follows:
            self._say()
        else:
            self._on_change()

    def forget(self) -> None:
        """Be silent, and keep nothing of what stood on the screen."""
        self.hush()
        self._said, self._at, self._pausing = (), 0, False

    def announce(self, phrases: Phrases) -> None:
        """Say this now to whoever listens to each view: what has the focus, how many digits are typed."""
        self.hush()
        if self._headphones or self._follows:
            self._said, self._at = tuple(phrases(self._headphones)), 0
            self._say()

    def end(self) -> None:
        """The person has left."""
        self._follows, self.manner = False, self._usual
        self.begin()

    def hush(self) -> None:
        """Somebody touched or typed: be silent, and keep the place."""
        self._pausing = self.speaks
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    def press(self, *, follow: bool = False) -> None:
        """Listen was pressed: pause, go on, or say it once more. The touch itself has hushed it already. `follow`: by a keypad's
        audio key, and each view is said from here on."""
        self._follows = self._follows or follow
        if self.speaks:
            self.hush()
        if self._pausing:
            self._pausing = False
        else:
            self._say()

    def _say(self) -> None:
        if self._at >= len(self._said):
            self._said, self._at = tuple(self._phrases(self._headphones)), 0
        self._speaking = asyncio.get_running_loop().create_task(self._go_on())
        self._on_change()

    async def _go_on(self) -> None:
        while self._at < len(self._said):
            try:
                await self._speech.say(self._said[self._at], self.manner)
            except SpeechError as error:
                if str(error) != self._fault:
                    self._on_fault(str(error))
                self._at, self._fault = len(self._said), str(error)
                return
            self._at, self._fault = self._at + 1, ""
            if self._at < len(self._said):
                self._on_change()
