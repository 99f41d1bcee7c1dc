"""KivyScreen: the station's window. It shows one view at a time and returns its answer.

Everything runs on the one asyncio loop: `run` draws, a touch completes the future that `show` waits for. Language, theme and
text size may change at any moment; the question and what is typed stay. What is typed is wiped when the question is answered
or withdrawn.

    screen = KivyScreen(clock, place="Lasarettet, entré A")
    drawing = asyncio.create_task(screen.run())
    answer = await screen.show(view)
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from drivers.keypad.grabbed_keypad import Key
from drivers.speech.tones import Tone
from kiosk.barcodes import ScannedCode
from kiosk.ports import Activity, Clock
from kiosk.screens import kivy_environment as env
from kiosk.screens.closed import OutOfOrder
from kiosk.screens.screen_state import ScreenState
from kiosk.screens.staging import Staging, TimeoutWarning, Voice
from kiosk.screens.theme import PANELS, ThemeName
from kiosk.texts import Texts
from kiosk.views import Await, CabinetDrawing, DropDrawing, Fact, Say, Tell, View

ACCESSIBLE_PATIENCE = 3.0
"""So many times as long has who reads, hears or types in another way than most."""


_BADGES: dict[str, Tone] = {"success": "done", "warning": "fault", "failure": "fault"}


def tone_of(view: View[Any]) -> Tone | None:
    """The tone, where the view has one."""
    match view:
        case Await(drawing=CabinetDrawing() | DropDrawing()):
            return "slot"
        case Tell():
            return _BADGES.get(view.badge)
        case _:
            return None


class KivyScreen:
    """`kiosk.ports.Screen` as a window of this process; Kivy allows one.

    place: what the strip says when there is no errand. contacts: whom the help page names. voice: what Listen speaks
    with, or None where there is no sound. sound: sounds a tone. position: of the window's upper left corner on the display,
    in pixels; without one the display's manager chooses. rotation: degrees that the picture is turned clockwise. still: nothing
    moves or fades. bench: the window's keys type and it may be closed; without, it takes touches alone, since any USB device
    can say that it is a keyboard, and asking it to close changes nothing: only the program ends it.
    """

    def __init__(
        self, clock: Clock, *, texts: Texts | None = None, panel: Literal["10", "7", "p"] = "10", place: Say | str = "",
        contacts: tuple[Fact, ...] = (), voice: Voice | None = None, language: str = "sv", theme: ThemeName = "light",
        large_text: bool = False, fullscreen: bool = False, position: tuple[int, int] | None = None, still: bool = False,
        bench: bool = False, rotation: int = 0, sound: Callable[[Tone], None] = lambda tone: None,
    ) -> None:  # fmt: skip
        self._defaults: tuple[str, ThemeName, bool, bool] = (language, theme, large_text, False)
        self.state = ScreenState(
            clock, texts or Texts.load(), PANELS[panel], place, lambda: contacts, language, theme, large_text, own=theme,
            own_language=language,
            still=still,
        )  # fmt: skip
        self._clock, self._sound = clock, sound
        self._activity: Activity = lambda: None
        self._answer: asyncio.Future[Any] | None = None
        self._stands = asyncio.Event()
        self.window = env.open_window(self.state.panel.width, self.state.panel.height, fullscreen, position, rotation)
        if not bench:
            self.window.bind(on_request_close=_refuse_to_close)
        self.staging = Staging(self.window, self.state, lambda: self._activity(), keys=bench, voice=voice)
        self.staging.rebuild()

    def set_contacts(self, contacts: Callable[[], tuple[Fact, ...]], link: str = "") -> None:
        """Set the contacts on the help page from now on, by the hour, and its address for a phone."""
        self.state.contacts, self.state.help_link = contacts, link

    # the port

    async def show(self, view: View[Any]) -> Any:
        """Draw the view and return its answer. Cancelled when the question is withdrawn; its picture stays, untouchable."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def give(value: Any) -> None:
            if not answer.done():
                answer.set_result(value)

        self._answer = answer
        if tone := tone_of(view):
            self._sound(tone)
        self.staging.ask(view, give)
        self.staging.show_now()
        self._stands.set()
        try:
            return await answer
        finally:
            if self._answer is answer:
                self._answer = None  # what was typed must not outlive its errand here
                self.staging.withdraw()

    async def warn(self, view: View[Any], seconds: float) -> bool:
        """Lay the time-out warning over the question, and sound it. True: more time is wanted. False: end now, or nobody was
        there."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        end = self._clock.monotonic() + seconds
        waiting = asyncio.ensure_future(self._clock.sleep(seconds))
        self._sound("warning")
        self.staging.warn(TimeoutWarning(view, answer, lambda: end - self._clock.monotonic(), seconds))
        either: set[asyncio.Future[Any]] = {answer, waiting}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return answer.done() and answer.result()
        finally:
            waiting.cancel()
            answer.cancel()
            self.staging.end_warning()

    @property
    def patience(self) -> float:
        """More than usual while somebody listens, uses a keypad, or has chosen larger text, contrast or low controls."""
        return ACCESSIBLE_PATIENCE if self.staging.accessible else 1.0

    def set_activity(self, notice: Activity) -> None:
        """Set the function that is told of each touch or key."""
        self._activity = notice

    # what the composition root sets

    @property
    def card_in(self) -> bool:
        """True while the strip says that a card is in."""
        return self.state.card_in

    @card_in.setter
    def card_in(self, card_in: bool) -> None:
        if card_in != self.state.card_in:
            self.state.card_in = card_in
            self._sound("card_in" if card_in else "card_out")
            self.staging.renew_status()

    @property
    def language(self) -> str:
        return self.state.language

    @language.setter
    def language(self, language: str) -> None:
        if language not in self.state.texts.languages:
            raise ValueError(f"no texts in {language}")
        self.state.language = language
        self.staging.rebuild()

    @property
    def paper_language(self) -> str:
        """The language of the paper."""
        return self.state.paper_language

    @property
    def theme(self) -> ThemeName:
        return self.state.colours

    @theme.setter
    def theme(self, theme: ThemeName) -> None:
        self.state.colours = theme
        self.staging.rebuild()

    @property
    def large_text(self) -> bool:
        return self.state.large

    @large_text.setter
    def large_text(self, large: bool) -> None:
        self.state.large = large
        self.staging.rebuild()

    @property
    def low(self) -> bool:
        """True while everything stands in the lower part of an upright panel."""
        return self.state.low

    @low.setter
    def low(self, low: bool) -> None:
        self.state.low = low
        self.staging.rebuild()

    def reset(self) -> None:
        """Back to the station's own language, theme, text size and reach, for the next person."""
        state = self.state
        self.staging.forget_person()
        if (state.language, state.colours, state.large, state.low) != self._defaults:
            state.language, state.colours, state.large, state.low = self._defaults
            self.staging.rebuild()

    def set_read_scan(self, read: Callable[[str], ScannedCode]) -> None:
        """Set the function that reads a scan, by the check that the region's card numbers have."""
        self.state.read_scan = read

    def plug_headphones(self, plugged: bool) -> None:
        """Headphones are in: each view is said by itself, names too. Or they are out."""
        if self.staging.listening:
            self.staging.listening.plug(plugged)

    def set_closed(self, closed: OutOfOrder | None) -> None:
        """Show the station as out of order, or open it again with None. A question under it stays."""
        self.staging.set_closed(closed)
        if closed is not None:
            self._stands.set()

    # running and looking

    async def run(self) -> None:
        """Draw until the window is closed (on a bench) or this is cancelled."""
        from kivy.base import async_runTouchApp

        env.prepare_clock()
        await async_runTouchApp()

    def close(self) -> None:
        from kivy.base import stopTouchApp

        stopTouchApp()

    async def drawn(self) -> None:
        """Wait until a question or a notice stands on the screen, and one more frame was drawn."""
        from kivy.clock import Clock as KivyClock

        await self._stands.wait()
        frame: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        KivyClock.schedule_once(lambda passed_s: None if frame.done() else frame.set_result(None))
        await frame

    async def settle(self) -> None:
        """Wait until touches count again after the last change."""
        await asyncio.sleep(self.staging.layers.quiet_s)

    def targets(self) -> dict[str, tuple[int, int]]:
        """Centres, in pixels from the upper left, of all that can be touched: buttons and options by their value, keys as
        `key:1`, `key:erase`, `key:clear`, the primary of a code as `submit`, the rail as `rail:language`..., the time-out
        as `timeout:more` and `timeout:end`, help as `help:close`, `reach:low` and
        `reach:whole`."""
        return self.staging.layers.targets()

    @property
    def position(self) -> tuple[int, int]:
        """The window's upper left corner on its display, in pixels."""
        return int(self.window.left), int(self.window.top)

    @property
    def ready(self) -> bool:
        """True while touches count: a change of the screen is over."""
        return bool(self.staging.layers.quiet_s <= 0)

    def scan(self, text: str) -> None:
        """Take the text that a scanner at the station has read. A question for digits that are no secret (`EnterDigits`) hears
        it, where what is no card number is said to be none, and one for a text that may be scanned (`EnterText`)."""
        self.staging.scan(text)

    def wake(self) -> None:
        """Look at once for what has come in: while nobody is there the loop looks seldom."""
        self.staging.wake()

    def press(self, key: Key) -> None:
        """A key of a keypad that the station's configuration lists: what is typed, and what moves and uses the focus."""
        self.staging.press(key)

    @property
    def focus(self) -> str | None:
        """The target that a keypad's focus is on."""
        return self.staging.focus

    def typed(self) -> int:
        """Return the number of typed digits."""
        return self.staging.typed()

    def widgets(self) -> Any:
        """The uppermost tree of widgets, for tests that look for clipped text."""
        return self.staging.layers.uppermost

    def snapshot(self, path: Path) -> None:
        """Draw the window as it is now, drawings in their first pose, and write it as a PNG."""
        from kivy.graphics.opengl import GL_RGB, GL_UNSIGNED_BYTE, glReadPixels
        from kivy.lang import Builder
        from PIL import Image

        self.staging.motion.rest()
        Builder.sync()
        self.window.canvas.ask_update()
        self.window.dispatch("on_draw")
        width, height = self.window.system_size  # as on the panel: a picture that is turned is shown so
        pixels = glReadPixels(0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE)
        self.staging.motion.go_on()
        Image.frombytes("RGB", (width, height), pixels).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(
            path, compress_level=1
        )


def _refuse_to_close(*_: object, **__: object) -> bool:
    """Kivy closes no window whose handler says that it dealt with it."""
    return True
