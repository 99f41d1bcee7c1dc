"""Somebody who sees nothing: headphones on, a tactile keypad under the hand, and the window for nobody.

`Keys` stands in for a finger. It knows what the person wants, as the texts call it, and the sentences that were said; where
things are on the screen it does not know. A choice is its digit, once that was heard; anything else is the key *down* until it is
said, and *select*. A digit that is typed is heard as a number of digits. The keys are those of a made-up keypad on USB, in the
way of Storm's Nav-Pad: the station's driver grabs it, and hands on what its configuration gives a meaning.
"""

import asyncio
from typing import Any, get_args

from drivers.keypad.grabbed_keypad import GrabbedKeypad, Key
from kiosk.config import KeypadSection
from kiosk.screens.focus import focus_text
from kiosk.screens.speech import phrase_of
from kiosk.views import Choose
from tests.fakes.machine.input_devices import Desk, Gadget, Info
from tests.fakes.speech.recorded_speech import RecordedSpeech

LOOK_S = 0.005
TAP_S = 300.0
"""How long a touch or a key may take to show its effect, on a machine that is busy with other things."""
MOST_KEYS = 40
"""More targets than any screen has."""
SECTION = KeypadSection(
    allowed=("2047:09d0",), keys={"191": "rate", "192": "volume", "193": "plugged", "194": "unplugged"}
)
"""The station's configuration of it: what F21 to F24 do."""


class NavigationKeypad:
    """A listed keypad in its socket, and the loop that brings its keys to the window, as in `kiosk.station.app`."""

    def __init__(self, screen: Any) -> None:
        self._screen = screen
        (listed,) = SECTION.ids
        self._codes = {key: code for code, key in SECTION.key_map.items()}
        self._device = Gadget("Navigation keypad", Info(listed.vendor, listed.product), tuple(SECTION.key_map))
        self._driver = GrabbedKeypad(listed, Desk(self._device).inputs, keys=SECTION.key_map)
        self._came = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def press(self, key: str) -> None:
        """Down and up. Raises AssertionError where it has no such key, or nobody reads it."""
        assert key in get_args(Key), f"a keypad has no key {key!r}"
        await until(lambda: self._device.grabbed_by)
        self._came.clear()
        self._device.press((self._codes[key], 1), (self._codes[key], 0))  # type: ignore[index]  # it is one of them
        coming = asyncio.ensure_future(self._came.wait())
        await asyncio.wait((coming, self._reading), return_when=asyncio.FIRST_COMPLETED)
        assert coming.cancel() is False, "the window does not hear the keypad any more"

    async def unplug(self) -> None:
        """Nobody reads it any more."""
        self._reading.cancel()
        await asyncio.wait([self._reading])

    async def _read(self) -> None:
        async for key in self._driver.keys():
            self._screen.press(key)
            self._came.set()


class Keys:
    """Keys and ears. `touches` counts the keys that were pressed."""

    def __init__(self, screen: Any, speech: RecordedSpeech, keypad: NavigationKeypad) -> None:
        self.screen, self._speech, self._keypad = screen, speech, keypad
        self._asked: Any = None
        self.touches = 0

    async def tap(self, target: str) -> None:
        """Choose what is called so."""
        await self._hear_question()
        if target == "submit" and self.screen.focus is None:  # else *select* is for what was heard last
            await self._press("enter")
            return
        wanted = self._called(target)
        digit, colon, _ = wanted.partition(":")
        if colon and digit.isdigit() and isinstance(self.screen.staging.view, Choose):
            await until(lambda: wanted in self._speech.texts)
            await self._select(digit)
            return
        for _ in range(MOST_KEYS):
            if await self._hear("down") == wanted:
                await self._select("enter")
                return
        raise AssertionError(f"nobody says {wanted!r}")

    async def type(self, digits: str) -> None:
        """Type digits; each is heard as one more. A letter is chosen."""
        await self._hear_question()
        for digit in digits:
            await self.screen.settle()
            typed = self.screen.typed() + 1
            if digit.isdigit():
                heard = await self._hear(digit)
            else:
                await self.tap(f"key:{digit}")
                heard = await self._answered()
            assert heard.rstrip(".").split()[-1] == str(typed), heard

    async def _hear_question(self) -> None:
        """Each view is said before anything is pressed."""
        await self.screen.settle()
        view = self.screen.staging.view
        if view is not self._asked:
            title = phrase_of(view.title, self.screen.state.words, private=True)[0]
            await until(lambda: title in self._speech.texts)
            self._asked = view

    async def _hear(self, key: str) -> str:
        """Press a key; the sentence that answers it."""
        await self._select(key)
        return await self._answered()

    async def _select(self, key: str) -> None:
        self._speech.log.clear()
        await self._press(key)

    async def _answered(self) -> str:
        await until(lambda: self._speech.texts)
        return self._speech.texts[0]

    async def _press(self, key: str) -> None:
        await self._keypad.press(key)
        self.touches += 1

    def _called(self, target: str) -> str:
        view, words = self.screen.staging.view, self.screen.state.words
        return phrase_of(focus_text(view, target, words), words, private=True)[0]


async def until(reached: Any) -> None:
    """The window has no event for what a touch or a key does: look again, soon."""
    async with asyncio.timeout(TAP_S):
        while not reached():  # noqa: ASYNC110 - see above
            await asyncio.sleep(LOOK_S)
