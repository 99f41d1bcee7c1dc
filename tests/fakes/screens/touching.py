"""Plays stories on the real window with real touches, one after the other in one process: Kivy allows one window in each.

    python -m tests.fakes.screens.touching '["change_pin: by who knows it"]' '[]' [--blind]

The first list names stories (`sim.stories.errand_stories`, `pickup`, and those of `tests.fakes.screens.efforts`), the second
those in which somebody presses the language and the text size at every question. A story that says what is done on the home
screen begins there. With `--blind` nobody touches or sees anything: keys of a keypad answer, by what headphones say
(`tests.fakes.screens.keying`). Prints one line of JSON for each story: title, outcome, reason, views, touches, seconds of the
keystroke-level model, and what was wrong. The touches are made by xdotool on the screen that DISPLAY names; the errands run as
in the other tests of journeys.
"""

import asyncio
import contextlib
import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from drivers.reader.secret import Secret
from kiosk.barcodes import EnvelopeCode, OrderCode, parse_scan
from kiosk.clock import SystemClock
from kiosk.errands.registry import ERRANDS, Errand
from kiosk.station.home_controller import CardKnowledge, HomeContent, HomeController
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.views import Await, Busy, EnterCode, EnterDigits, EnterText, View
from sim.bench.virtual_bench import VirtualBench
from sim.stories import room as rooms
from sim.stories.clock import HandClock
from sim.stories.errand_stories import ErrandStory, assert_ended_somehow
from sim.stories.person import Person, Story
from sim.stories.room import Room, quick_folder
from sim.stories.setting import room_for
from tests.fakes.screens.efforts import EFFORTS, model_seconds
from tests.fakes.screens.finger import GUARD_S, Finger, xdotool
from tests.fakes.screens.keying import Keys, NavigationKeypad, until
from tests.fakes.speech.recorded_speech import RecordedSpeech
from tests.kiosk.errands.faulty import every_story

LIMIT_S = 1_800.0
RAIL = ("rail:language", "rail:larger")


class Hand(Protocol):
    """Whatever gives the answers to the window: a finger, or keys."""

    screen: Any
    touches: int

    async def tap(self, target: str) -> None:
        """Choose a target."""

    async def type(self, digits: str) -> None:
        """Type digits, each seen or heard before the next."""


class Toucher(Person):
    """A person whose answers are touches, and scans of codes. `meddles`: presses language and text size at every question, in the
    middle of codes."""

    def __init__(self, world: VirtualBench, clock: HandClock, story: Story, finger: Hand, *, meddles: bool) -> None:
        super().__init__(world, clock, story)
        self._finger, self._meddles = finger, meddles
        self.digits = self.moves = 0
        """Digits that were typed, and cards that were moved."""

    async def show(self, view: View[Any]) -> Any:
        """Draw the view; hands and finger do what the story says."""
        self.shown.append(view)
        if isinstance(view, Busy):
            return await self._finger.screen.show(view)
        self.asked += 1
        shown = asyncio.ensure_future(self._finger.screen.show(view))
        try:
            await asyncio.sleep(0)
            value = self._answer(view)
            if value is not None:
                await self._touch_answer(view, value)
            elif isinstance(view, Await):
                self.moves += 1
            return await shown
        except (AssertionError, TimeoutError) as error:  # the journey sees a crash of the screen
            self.failure = self.failure or AssertionError(f"at {view.name}: {error}")
            raise
        finally:
            shown.cancel()

    async def _touch_answer(self, view: View[Any], value: Secret | str) -> None:
        digits = value.reveal() if isinstance(value, Secret) else value
        if digits in {button.value for button in (view.way_out, view.side, view.primary) if button}:
            await self._meddle()
            await self._finger.tap(digits)
            return
        if isinstance(view, EnterDigits) and (
            len(digits) > view.length or isinstance(parse_scan(digits), OrderCode | EnvelopeCode)
        ):
            self._finger.screen.scan(digits)
            return
        typed = isinstance(view, EnterCode | EnterText) or (isinstance(view, EnterDigits) and view.takes(digits))
        if not typed:
            await self._meddle()
            await self._finger.tap(digits)
            return
        self.digits += len(digits)
        half = len(digits) // 2
        await self._finger.type(digits[:half])
        await self._meddle()
        await self._finger.type(digits[half:])
        await self._finger.tap("submit")

    async def _meddle(self) -> None:
        screen = self._finger.screen
        for target in RAIL if self._meddles else ():
            before = screen.language, screen.large_text
            await self._finger.tap(target)
            await until(lambda before=before: (screen.language, screen.large_text) != before)  # type: ignore[misc]  # bound now


async def play(tale: ErrandStory, finger: Hand, *, meddles: bool) -> dict[str, Any]:
    """Play one story; what came of it."""
    errand: Errand | None = next(one for one in ERRANDS if one.id == tale.errand)
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        room = room_for(folder, tale.setting)
        tale.prepare(room)
        someone = Toucher(room.world, room.clock, tale.story(), finger, meddles=meddles)
        before = finger.touches
        gc.freeze()  # the screens' collector would look through the whole room after each view
        try:
            if "home" in tale.story():
                errand = await choose(room, someone)
            assert errand is not None, "nothing was chosen on the home screen"
            ended = await room.errand(someone, errand.journey, errand.id)
            if someone.failure is not None:
                raise someone.failure
            await assert_ended_somehow(room, someone, ended, tale, tale.title)
            tale.check(room)
            said = {"outcome": ended.outcome, "reason": ended.reason, "wrong": ""}
        except Exception as error:  # whoever reads the line decides
            said = {"outcome": "", "reason": "", "wrong": f"{type(error).__name__}: {error} {someone.names}"}
        finally:
            await room.close()
            finger.screen.reset()
            gc.unfreeze()
            gc.collect()
    touches = finger.touches - before
    seconds = model_seconds(touches - someone.digits, someone.digits, someone.moves)
    return {"title": tale.title, **said, "views": someone.names, "touches": touches, "seconds": seconds}


async def choose(room: Room, someone: Person) -> Errand | None:
    """What somebody chooses on the home screen, of all errands."""
    content = HomeContent("", lambda: tuple((errand, None) for errand in ERRANDS), interrupted=[], printer=lambda: None)
    supervisor = Supervisor(someone, room.caps.reader, room.clock, Limits())
    knowledge = CardKnowledge(room.clock, room.caps.directory)
    return await HomeController(supervisor, content, knowledge, asyncio.Event(), room.caps.reader).choose()


async def main(titles: Sequence[str], meddled: Sequence[str], *, blind: bool) -> None:
    """Play them all in one window."""
    from kiosk.screens import layers
    from kiosk.screens.staging import Voice
    from kiosk.screens.window import KivyScreen

    layers.GUARD_S, rooms.LIMIT_S = GUARD_S, LIMIT_S
    speech = RecordedSpeech()
    screen = KivyScreen(SystemClock(), panel="10", place="Lasarettet, entré A", still=True, voice=Voice(speech))
    drawing = asyncio.create_task(screen.run())
    hand = await xdotool()
    finger: Hand = Finger(screen, hand)
    if blind:
        keypad = NavigationKeypad(screen)
        await keypad.press("plugged")
        finger = Keys(screen, speech, keypad)
        screen.window.canvas.remove(screen.staging.layers.canvas)  # the window shows nothing
    for tale in (*every_story(), *(effort.story for effort in EFFORTS)):
        if tale.title in titles:
            print(json.dumps(await play(tale, finger, meddles=tale.title in meddled)), flush=True)
    if blind:
        await keypad.unplug()
    await hand.communicate()
    screen.close()
    await drawing


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # nobody reads any more: there is no one to tell
        asyncio.run(main(json.loads(sys.argv[1]), json.loads(sys.argv[2]), blind="--blind" in sys.argv))
