"""Somebody who sees nothing: headphones on, a tactile keypad under the hand, and the window for nobody.

`Keys` stands in for a finger. It knows what the person wants, as the texts call it, and the sentences that were said; where
things are on the screen it does not know. A choice is its digit, once that was heard; a button is the key *down* until it is
said, and *select*. A digit that is typed is heard as a number of digits.
"""

import asyncio
from typing import Any

from kiosk.screens.focus import focus_text
from kiosk.screens.speech import phrase_of
from kiosk.views import Choose
from tests.fakes.speech.recorded_speech import RecordedSpeech

LOOK_S = 0.005
TAP_S = 60.0
"""How long a touch or a key may take to show its effect, on a machine that is busy with other things."""
MOST_KEYS = 40
"""More targets than any screen has."""


class Keys:
    """Keys and ears. `touches` counts the keys that were pressed."""

    def __init__(self, screen: Any, speech: RecordedSpeech) -> None:
        self.screen, self._speech = screen, speech
        self.touches = 0

    async def tap(self, target: str) -> None:
        """Choose what is called so."""
        await self.screen.settle()
        if target == "submit":
            self._press("enter")
            return
        wanted = self._called(target)
        await until(lambda: self._speech.texts)
        digit, colon, _ = wanted.partition(":")
        if colon and digit.isdigit() and isinstance(self.screen.staging.view, Choose):
            await until(lambda: wanted in self._speech.texts)
            self._speech.log.clear()
            self._press(digit)
            return
        for _ in range(MOST_KEYS):
            if await self._hear("down") == wanted:
                self._speech.log.clear()
                self._press("enter")
                return
        raise AssertionError(f"nobody says {wanted!r}")

    async def type(self, digits: str) -> None:
        """Type digits; each is heard as one more."""
        for digit in digits:
            await self.screen.settle()
            typed = self.screen.typed() + 1
            heard = await self._hear(digit)
            assert heard.rstrip(".").split()[-1] == str(typed), heard

    async def _hear(self, key: str) -> str:
        """Press a key; the sentence that answers it."""
        self._speech.log.clear()
        self._press(key)
        await until(lambda: self._speech.texts)
        return self._speech.texts[0]

    def _press(self, key: Any) -> None:
        self.screen.press(key)
        self.touches += 1

    def _called(self, target: str) -> str:
        view, words = self.screen.staging.view, self.screen.state.words
        return phrase_of(focus_text(view, target, words), words, private=True)[0]


async def until(reached: Any) -> None:
    """The window has no event for what a touch or a key does: look again, soon."""
    async with asyncio.timeout(TAP_S):
        while not reached():  # noqa: ASYNC110 - see above
            await asyncio.sleep(LOOK_S)
