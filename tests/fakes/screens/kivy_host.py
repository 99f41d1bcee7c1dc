"""The process of a Kivy window that `KivyDriver` drives: reads commands as lines of JSON, answers each with one line.

    python -m tests.fakes.screens.kivy_host 10 '{}'
    {"do": "show", "sample": "01-idle"}

The arguments are the panel and what else `KivyScreen` is told. Each command is a method `do_NAME` of `Host`; what fails is
answered as `{"error": ...}`.
"""

import asyncio
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk.texts import Texts
from kiosk.texts.language_pack import LanguagePack
from kiosk.views import LetterDrawing
from tests.fakes.screens.kivy_looks import Looks, gallery
from tests.fakes.speech.recorded_speech import RecordedSpeech

NOW = datetime(2026, 11, 25, 10, 42, tzinfo=UTC)
ENTER = 13


class StillClock:
    """It is 10.42 for good, and a wait ends when `over` is set."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await self.over.wait()


class Host(Looks):
    """The window's end of the line."""

    def __init__(self, panel: Any, settings: dict[str, Any]) -> None:
        from kiosk.screens.staging import Voice
        from kiosk.screens.window import KivyScreen
        from kiosk.steps.who_helps import who_answers
        from sim.gallery.samples import WITH_PLACES
        from tests.fakes.screens import sample_views, sample_words
        from tests.fakes.screens.pseudo_language import pseudo

        self.samples = sample_views
        self.speech = RecordedSpeech()
        self.tones: list[str] = []
        self.clock = StillClock()
        folder, card = settings.pop("languages", None), settings.pop("sound_card", None)
        texts = Texts.load(Path(folder)) if folder else sample_words.texts()
        self.screen = KivyScreen(
            self.clock,
            texts=self._texts(pseudo(texts) if settings.pop("pseudo", False) else texts, settings.pop("packs", {})),
            panel=panel,
            place="Lasarettet, entré A",
            voice=None
            if settings.pop("mute", False)
            else Voice(self.speech, is_there=lambda: not card or Path(card).exists()),
            sound=self.tones.append,
            **settings,
        )
        answering = who_answers(WITH_PLACES, "entre-a", NOW)
        self.screen.set_contacts(lambda: answering, "https://region.example/kort")
        self.touches = 0
        self.seen = asyncio.Event()
        self.activity = 0
        self.screen.set_activity(self._noticed)
        window = self.screen.window
        self.downs = self.enters = 0
        window.bind(on_touch_up=lambda *_: self._touched(), on_key_down=lambda _, code, *more: self._key(code))
        window.bind(on_touch_down=lambda *_: self._pressed())
        self.drawing: asyncio.Task[None] | None = None
        self.asked: asyncio.Task[Any] | None = None
        self.warned: asyncio.Task[bool] | None = None

    @staticmethod
    def _texts(texts: Texts, packs: dict[str, dict[str, Any]]) -> Texts:
        """The texts, with what packs say of their languages."""
        read = {
            language: LanguagePack(
                pack.get("voice", language), pack.get("direction", "ltr"), frozenset(pack.get("unreviewed", ()))
            )
            for language, pack in packs.items()
        }
        return Texts(texts.catalogues, texts.packs | read, texts.refused)

    def _touched(self) -> None:
        """A touch has ended or a key is down; the window deals with it before anything else on the loop runs."""
        self.touches += 1
        self.seen.set()

    def _key(self, code: int) -> None:
        self.enters += code == ENTER
        self._touched()

    def _pressed(self) -> None:
        self.downs += 1
        self.seen.set()

    def _noticed(self) -> None:
        self.activity += 1

    async def do(self, command: str, **arguments: Any) -> Any:
        """Carry out one command."""
        return await getattr(self, f"do_{command}")(**arguments)

    async def do_hello(self) -> None:
        await asyncio.sleep(0)

    async def do_show(self, sample: str, hold: bool = False, then: str = "") -> None:
        """Show a sample; its drawings move by themselves unless `hold` is set. Once answered it is followed by `then`."""
        shown = self.samples.SAMPLES[sample]
        await self._show(shown.view, shown.card_in)
        self._hold(hold)
        if then and self.asked is not None:
            self.asked = asyncio.create_task(self._followed(self.asked, then))

    async def do_show_and_tap(self, sample: str, x: int, y: int) -> None:
        """Show a sample, and a tap that comes with the same breath."""
        await self.do_show(sample)
        await self.do_tap_now(x, y)

    async def _followed(self, first: "asyncio.Task[Any]", then: str) -> Any:
        try:
            await first
            return await self.screen.show(self.samples.SAMPLES[then].view)
        finally:
            first.cancel()

    def _hold(self, hold: bool) -> None:
        for event in self.screen.staging.motion.next_steps.values() if hold else ():
            event.cancel()

    async def do_show_gallery(self, sample: str, hold: bool = False) -> None:
        """One of the views of the gallery: as the errands make them."""
        view = gallery()[sample]
        await self._show(view, view.needs_card)
        self._hold(hold)

    async def do_show_puk(self, number: str) -> None:
        """The question for the PUK of a card of that number."""
        view = self.samples.SAMPLES["04-envelope-puk"].view
        await self._show(replace(view, drawing=LetterDrawing(number)), True)

    async def _show(self, view: Any, card_in: bool) -> None:
        await self.do_withdraw()
        self.screen.card_in = card_in
        self.asked = asyncio.create_task(self.screen.show(view))
        await asyncio.sleep(0)
        if self.asked.done():
            self.asked.result()

    async def do_withdraw(self) -> None:
        if self.asked is not None:
            self.asked.cancel()
            await asyncio.gather(self.asked, return_exceptions=True)

    async def do_type_sample(self, sample: str) -> None:
        for digit in self.samples.SAMPLES[sample].types:
            self.screen.staging.shape.press(digit)  # type: ignore[union-attr]  # pictures need no real touches

    async def do_targets(self) -> dict[str, tuple[int, int]]:
        await self.screen.settle()
        return self.screen.targets()

    async def do_settle(self) -> None:
        await self.screen.settle()

    async def do_options(self) -> list[str]:
        """The values of the choices on show."""
        return [option.value for option in self.screen.staging.view.options]  # type: ignore[union-attr]

    async def do_focus(self) -> str | None:
        return self.screen.focus

    async def do_press(self, key: Any) -> None:
        """A key of a listed keypad."""
        self.screen.press(key)

    async def do_activate(self, target: str) -> None:
        """As a touch on it, without a finger."""
        await self.screen.settle()
        assert self.screen.staging.layers.activate(target), target

    async def do_scan(self, text: str) -> None:
        self.screen.scan(text)

    async def do_step(self) -> list[int]:
        """Let each drawing that moves go to its next pose; returns the poses."""
        moving = self.screen.staging.motion.next_steps
        for figure in moving:
            figure.step()
        return [figure.pose for figure in moving]

    async def do_steps_until_still(self, most: int) -> list[float]:
        """After how many seconds each the drawings go on while nobody is there, without waiting for the clock; `most` of them."""
        events, steps = self.screen.staging.motion.next_steps, list[float]()
        while (due := [event for event in events.values() if event.is_triggered]) and len(steps) < most:
            for event in due:
                event.cancel()
                event.get_callback()(0)
                steps.append(event.timeout)
        return steps

    async def do_frames_in(self, seconds: float) -> int:
        """How often the window looks for something to do meanwhile."""
        from kivy.base import EventLoop

        frames, dispatch = 0, EventLoop.dispatch_input

        def look() -> None:
            nonlocal frames
            frames += 1
            dispatch()

        EventLoop.dispatch_input = look
        await asyncio.sleep(seconds)
        EventLoop.dispatch_input = dispatch
        return frames

    async def do_touches(self) -> int:
        return self.touches

    async def do_wait_touch(self, count: int) -> None:
        while self.touches < count:
            self.seen.clear()
            await self._seen()

    async def _seen(self) -> None:
        """Raises RuntimeError where the window has been closed meanwhile: it sees nothing more."""
        assert self.drawing is not None
        seeing = asyncio.create_task(self.seen.wait())
        await asyncio.wait({seeing, self.drawing}, return_when=asyncio.FIRST_COMPLETED)
        if not seeing.done():
            seeing.cancel()
            raise RuntimeError("the window is closed")

    async def do_enters(self) -> int:
        return self.enters

    async def do_wait_enter(self, count: int) -> None:
        while self.enters < count:
            self.seen.clear()
            await self.seen.wait()

    async def do_downs(self) -> int:
        return self.downs

    async def do_wait_down(self, count: int) -> None:
        while self.downs < count:
            self.seen.clear()
            await self.seen.wait()

    async def do_tap_now(self, x: int, y: int) -> None:
        """A tap that comes before the next frame."""
        from kivy.core.window import Window
        from kivy.input.providers.mouse import MouseMotionEvent

        touch = MouseMotionEvent("test", "1", (x / Window.width, 1 - y / Window.height), is_touch=True)
        touch.scale_for_screen(Window.width, Window.height)
        for phase in ("on_touch_down", "on_touch_up"):
            Window.dispatch(phase, touch)

    async def do_plug_panel(self, width: int, height: int, **calibration: Any) -> None:
        """A touch panel that no desktop reads, of so many units; it comes later than the station."""
        import kivy.input.providers.mtdev

        from drivers.touchscreen.discovery import TouchscreenMissing, TouchscreenReady, TouchscreenState
        from kiosk.screens.touch_input import Calibration, TouchInput
        from tests.fakes.screens.touch_panel import MadeUpPanel

        self.panel = kivy.input.providers.mtdev.Device = MadeUpPanel(width, height)
        found: TouchscreenState = TouchscreenReady("/dev/input/by-path/x", "Made-up panel")
        before: Iterator[TouchscreenState] = iter([TouchscreenMissing()])
        panel = TouchInput(
            lambda: next(before, found), Calibration(**calibration), print, on_touch=self.screen.wake,
            sleep=lambda _: asyncio.sleep(0.01),
        )  # fmt: skip
        self.reading = asyncio.create_task(panel.run())

    async def do_unplug_panel(self) -> None:
        self.panel.end()
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)

    async def do_finger(self, x: int, y: int) -> None:
        """One finger on that panel, down and up."""
        self.panel.tap(x, y)

    async def do_show_and_stall(self, sample: str, x: int, y: int) -> None:
        """Show a sample, which is touched at once on that panel, and do nothing else for longer than touches do not count."""
        from kiosk.screens.layers import GUARD_S

        await self.do_show(sample)
        self.panel.tap(x, y)
        time.sleep(2 * GUARD_S)  # noqa: ASYNC251 - the loop itself is busy

    async def do_let_time_pass(self) -> None:
        """What the clock was asked to wait for is over."""
        self.clock.over.set()
        await asyncio.sleep(0)
        self.clock.over = asyncio.Event()

    async def do_activity(self) -> int:
        return self.activity

    async def do_answer(self) -> Any:
        assert self.asked is not None
        answer = await self.asked
        return answer if isinstance(answer, str) else {"digits": len(answer)}

    async def do_forget_answer(self) -> None:
        """As when the errand ends that asked: nobody holds what was typed."""
        self.asked = None
        await asyncio.sleep(0)

    async def do_answered(self) -> bool:
        return self.asked is not None and self.asked.done()

    async def do_typed(self) -> int:
        return self.screen.typed()

    async def do_set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.screen, name, value)

    async def do_reset(self) -> None:
        self.screen.reset()
        self.screen.set_closed(None)

    async def do_fade(self, sample: str) -> int:
        """Show a sample as where a GPU draws; returns how many questions are on the window when the fade is over."""
        layers = self.screen.staging.layers
        layers.fade = True
        await self.do_show(sample)
        both, changed = len(layers.children), asyncio.Event()
        layers.bind(children=lambda *_: changed.set())
        while len(layers.children) > 1:
            changed.clear()
            await changed.wait()
        layers.fade = False
        return both

    async def do_get(self, name: str) -> Any:
        return getattr(self.screen, name)

    async def do_spoken(self) -> list[str]:
        """The sentences that were begun since this was last asked."""
        await asyncio.sleep(0)
        said, self.speech.log = self.speech.texts, []
        return said

    async def do_voices(self) -> list[str]:
        """The voice of each sentence that was begun."""
        await asyncio.sleep(0)
        return [phrase.language for phrase in self.speech.log]

    async def do_tones(self) -> list[str]:
        """The tones since this was last asked."""
        sounded = list(self.tones)
        self.tones.clear()
        return sounded

    async def do_plug_headphones(self, plugged: bool) -> None:
        self.screen.plug_headphones(plugged)

    async def do_warn(self, seconds: float) -> None:
        view = self.samples.SAMPLES["04-envelope-puk"].view
        self.warned = asyncio.create_task(self.screen.warn(view, seconds))
        await asyncio.sleep(0)
        await self.screen.settle()

    async def do_warned(self) -> bool:
        assert self.warned is not None
        return await self.warned

    async def do_close(self) -> None:
        from kiosk.screens.closed import OutOfOrder

        samples, icons = self.samples, ("cog-outline", "clock-outline", "smart-card-outline")
        self.screen.set_closed(OutOfOrder(samples.CLOSED_TITLE, samples.CLOSED_LEAD, icons, samples.CONTACTS))
        await self.screen.settle()

    async def do_open(self) -> None:
        self.screen.set_closed(None)
        await self.screen.settle()


async def serve(panel: str, settings: dict[str, Any]) -> None:
    """Answer commands until the line is closed. `looks_per_s`: while nobody is there, as where no desktop brings touches."""
    if (looks := settings.pop("looks_per_s", None)) is not None:
        os.environ["SDL_VIDEODRIVER"] = "kmsdrm"
        from kiosk.screens import kivy_environment

        kivy_environment.WOKEN_LOOKS_PER_S = looks
        kivy_environment.prepare()
        del os.environ["SDL_VIDEODRIVER"]  # it is drawn on a virtual display all the same
        kivy_environment.no_desktop = lambda environment: True
    host = Host(panel, settings)
    drawing = host.drawing = asyncio.create_task(host.screen.run())
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        try:
            reply = {"value": await host.do(command.pop("do"), **command)}
        except Exception as error:  # the test is told, and decides
            traceback.print_exc(file=sys.stderr)
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
    host.screen.close()
    await asyncio.gather(drawing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2])))
