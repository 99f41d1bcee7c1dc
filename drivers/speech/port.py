"""Port of a speech synthesizer: one sentence at a time, in a language, at a rate and a volume.

await speech.say(Phrase("Sätt i kortet", "sv"), Manner(rate=3, volume=3))
"""

from dataclasses import dataclass, replace
from typing import Protocol

STEPS = 5
"""Rate and volume each have so many steps, 1 to 5; 3 is usual."""


class SpeechError(Exception):
    """The sentence could not be said: no synthesizer, no such voice, no sound device. Its text names no sentence."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence and its language, as `sv`."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Manner:
    """Manner of speech: steps of rate and volume, 1 to `STEPS`. Raises ValueError."""

    rate: int = 3
    volume: int = 3

    def __post_init__(self) -> None:
        if not (1 <= self.rate <= STEPS and 1 <= self.volume <= STEPS):
            raise ValueError(f"rate and volume have the steps 1 to {STEPS}")

    def turned(self, *, rate: int = 0, volume: int = 0) -> "Manner":
        """So many steps more or less, and no further than the ends."""
        return Manner(*(min(STEPS, max(1, step)) for step in (self.rate + rate, self.volume + volume)))

    def faster(self) -> "Manner":
        """A step faster; after the fastest the slowest."""
        return replace(self, rate=self.rate % STEPS + 1)

    def louder(self) -> "Manner":
        """A step louder; after the loudest the quietest."""
        return replace(self, volume=self.volume % STEPS + 1)


USUAL = Manner()


class Speech(Protocol):
    """A speech synthesizer."""

    name: str

    async def say(self, phrase: Phrase, manner: Manner) -> None:
        """Returns once it is said. Cancelled, it is silent at once. Raises SpeechError."""
