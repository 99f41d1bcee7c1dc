"""Drives a Kivy window in a process of its own: Kivy allows one window in a process.

`KivyDriver` starts this file as a program and speaks lines of JSON with it: show a sample view, list what can be touched, take
a picture, set language or theme. Touches are real: `touch` moves the pointer of the virtual screen and clicks, with xdotool.
A code that is answered comes back as the number of its digits, never as itself.

    with virtual_display() as display, KivyDriver(display) as driver:
        driver.show("01-idle")
        driver.touch("pickup")
        assert driver.answer() == "pickup"
"""

import asyncio
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 25, 10, 42, tzinfo=UTC)


class KivyDriver:
    """The test's end of the line."""

    def __init__(self, display: str, panel: str = "10") -> None:
        environment = {**os.environ, "DISPLAY": display, "TZ": "UTC", "PYTHONPATH": str(ROOT)}
        self._display = display
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.kivy_driver", panel],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
            text=True,
        )
        self.call("hello")

    def __enter__(self) -> "KivyDriver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def call(self, command: str, **arguments: Any) -> Any:
        """One question to the window's process, and its answer. Raises RuntimeError with what went wrong there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the window's process ended")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply.get("value")

    def show(self, sample: str) -> None:
        """Show a sample view. It takes touches a little later: `targets` waits for that."""
        self.call("show", sample=sample)

    def targets(self) -> dict[str, list[int]]:
        """What can be touched, and where."""
        found: dict[str, list[int]] = self.call("targets")
        return found

    def touch(self, target: str) -> None:
        """A real touch in the middle of a target; returns when the window has seen it."""
        x, y = self.targets()[target]
        self.click(x, y)

    def click(self, x: int, y: int) -> None:
        """A real touch at a place of the window."""
        before = self.call("touches")
        self._xdotool("mousemove", str(x), str(y), "click", "1")
        self.call("wait_touch", count=before + 1)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """A finger that slides."""
        before = self.call("touches")
        move = (
            "mousemove",
            str(start[0]),
            str(start[1]),
            "mousedown",
            "1",
            "mousemove",
            str(end[0]),
            str(end[1]),
            "mouseup",
            "1",
        )
        self._xdotool(*move)
        self.call("wait_touch", count=before + 1)

    def hold(self, target: str, meanwhile: Callable[[], None], slide_off: bool = False) -> None:
        """Press a target, do something, and let go: outside of it where `slide_off` is set."""
        x, y = self.targets()[target]
        before = self.call("downs")
        self._xdotool("mousemove", str(x), str(y), "mousedown", "1")
        self.call("wait_down", count=before + 1)
        meanwhile()
        count = self.call("touches")
        self._xdotool(*(("mousemove", "2", "2") if slide_off else ()), "mouseup", "1")
        self.call("wait_touch", count=count + 1)

    def key(self, *names: str) -> None:
        """Real keys of a keyboard, or of a scanner that types."""
        before = self.call("touches")
        self._xdotool("key", *names)
        self.call("wait_touch", count=before + len(names))

    def answer(self) -> Any:
        """The answer to the view on show, waited for."""
        return self.call("answer")

    def snapshot(self, path: Path) -> None:
        """A picture of the window."""
        self.call("snapshot", path=str(path))

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env={**os.environ, "DISPLAY": self._display}, check=True, timeout=20)


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


class Host:
    """The window's end of the line."""

    def __init__(self, panel: Any) -> None:
        from kiosk.screens.window import KivyScreen
        from tests.fakes import sample_views

        self.samples = sample_views
        self.spoken: list[str] = []
        self.clock = StillClock()
        self.screen = KivyScreen(
            self.clock,
            texts=sample_views.texts(),
            panel=panel,
            place="Lasarettet, entré A",
            contacts=sample_views.CONTACTS,
            speak=lambda text, language: self.spoken.append(text),
        )
        self.touches = 0
        self.seen = asyncio.Event()
        self.activity = 0
        self.screen.set_activity(self._noticed)
        window = self.screen._window
        self.downs = 0
        window.bind(on_touch_up=lambda *_: self._touched(), on_key_down=lambda *_: self._touched())
        window.bind(on_touch_down=lambda *_: self._pressed())
        self.asked: asyncio.Task[Any] | None = None
        self.warned: asyncio.Task[bool] | None = None

    def _touched(self) -> None:
        """A touch has ended or a key is down; the window deals with it before anything else on the loop runs."""
        self.touches += 1
        self.seen.set()

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

    async def do_show(self, sample: str) -> None:
        shown = self.samples.SAMPLES[sample]
        await self.do_withdraw()
        self.screen.card_in = shown.card_in
        self.asked = asyncio.create_task(self.screen.show(shown.view))
        await asyncio.sleep(0)
        if self.asked.done():
            self.asked.result()

    async def do_withdraw(self) -> None:
        if self.asked is not None:
            self.asked.cancel()
            await asyncio.gather(self.asked, return_exceptions=True)

    async def do_type_sample(self, sample: str) -> None:
        for digit in self.samples.SAMPLES[sample].types:
            self.screen._staging._shape.press(digit)  # type: ignore[union-attr]  # pictures need no real touches

    async def do_targets(self) -> dict[str, tuple[int, int]]:
        await self.screen.settle()
        return self.screen.targets()

    async def do_touches(self) -> int:
        return self.touches

    async def do_wait_touch(self, count: int) -> None:
        while self.touches < count:
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

    async def do_small_targets(self, least_mm: float) -> list[str]:
        """Targets that are too small for a finger."""
        from kiosk.screens.layers import touchables

        small = []
        for each in touchables(self.screen.widgets()):
            least = least_mm * each.theme.panel.px_per_mm - 1
            if each.width < least or each.height < least:
                small.append(f"{each.target}: {each.width} x {each.height}")
        return small

    async def do_left_out(self) -> list[str]:
        """Text that columns left out for want of room."""
        from kiosk.screens.layout import Group
        from kiosk.screens.text import Text

        groups = [widget for widget in self.screen.widgets().walk() if isinstance(widget, Group)]
        gone = [item for group in groups for item in group.items if item.parent is None]
        return [str(text.text) for item in gone for text in item.walk() if isinstance(text, Text)]

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

    async def do_answered(self) -> bool:
        return self.asked is not None and self.asked.done()

    async def do_typed(self) -> int:
        return self.screen.typed()

    async def do_snapshot(self, path: str) -> None:
        self.screen.snapshot(Path(path))

    async def do_set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.screen, name, value)

    async def do_reset(self) -> None:
        self.screen.reset()
        self.screen.set_closed(None)

    async def do_fade(self, sample: str) -> int:
        """Show a sample as where a GPU draws; returns how many questions are on the window when the fade is over."""
        layers = self.screen._staging.layers
        layers._fade = True
        await self.do_show(sample)
        both, changed = len(layers.children), asyncio.Event()
        layers.bind(children=lambda *_: changed.set())
        while len(layers.children) > 1:
            changed.clear()
            await changed.wait()
        layers._fade = False
        return both

    async def do_get(self, name: str) -> Any:
        return getattr(self.screen, name)

    async def do_spoken(self) -> list[str]:
        return self.spoken

    async def do_warn(self, seconds: float) -> None:
        view = self.samples.PUK
        self.warned = asyncio.create_task(self.screen.warn(view, seconds))
        await asyncio.sleep(0)
        await self.screen.settle()

    async def do_warned(self) -> bool:
        assert self.warned is not None
        return await self.warned

    async def do_close(self) -> None:
        from kiosk.screens.overlays import Closed

        samples = self.samples
        self.screen.set_closed(
            Closed(samples.CLOSED_TITLE, samples.CLOSED_LEAD, samples.CLOSED_LEAD[2], samples.CONTACTS)
        )
        await self.screen.settle()

    async def do_open(self) -> None:
        self.screen.set_closed(None)
        await self.screen.settle()

    async def do_texts(self) -> list[str]:
        """All text of all widgets of the window, and what can be read of the typed digits in them."""
        return sorted({str(label.text) for label in self._labels()})

    async def do_clipped(self) -> list[str]:
        """Every text that does not fit into its place, or lies outside the window or over another."""
        from tests.fakes.clipping import clipped

        return clipped(self.screen.widgets())

    def _labels(self) -> list[Any]:
        from kivy.core.window import Window
        from kivy.uix.label import Label

        return [widget for widget in Window.children[0].walk() if isinstance(widget, Label)]


async def serve(panel: str) -> None:
    """Answer commands until the line is closed."""
    host = Host(panel)
    drawing = asyncio.create_task(host.screen.run())
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
    asyncio.run(serve(sys.argv[1]))
