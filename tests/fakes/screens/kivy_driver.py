"""Drives a Kivy window in a process of its own: Kivy allows one window in a process.

`KivyDriver` starts `tests.fakes.screens.kivy_host` as a program and speaks lines of JSON with it: show a sample view, list what
can be touched, take a picture, set language or theme. Touches are real: `touch` moves the pointer of the virtual screen and
clicks, with xdotool. A code that is answered comes back as the number of its digits, never as itself.

    with virtual_display() as display, KivyDriver(display) as driver:
        driver.show("01-idle")
        driver.touch("pickup")
        assert driver.answer() == "pickup"
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from sim.stories.patience import LIMIT_S

ROOT = Path(__file__).resolve().parents[3]


class KivyDriver:
    """The test's end of the line."""

    def __init__(self, display: str, panel: str = "10", **settings: Any) -> None:
        """`settings` are further arguments of `KivyScreen`: `bench=True` lets keys type."""
        environment = {**os.environ, "DISPLAY": display, "TZ": "UTC", "PYTHONPATH": str(ROOT)}
        self._display = display
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.screens.kivy_host", panel, json.dumps(settings)],
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
            self._process.wait(timeout=LIMIT_S)
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

    @property
    def pid(self) -> int:
        """Of the window's process."""
        return self._process.pid

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

    def types_fast(self, text: str) -> None:
        """A scanner among the keys: the text and Enter, some milliseconds apart; returns when the window has seen Enter."""
        before = self.call("enters")
        self._xdotool("type", "--delay", "5", "--args", "1", text, "key", "Return")
        self.call("wait_enter", count=before + 1)

    def answer(self) -> Any:
        """The answer to the view on show, waited for."""
        return self.call("answer")

    def snapshot(self, path: Path) -> None:
        """A picture of the window."""
        self.call("snapshot", path=str(path))

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(
            ["xdotool", *arguments], env={**os.environ, "DISPLAY": self._display}, check=True, timeout=LIMIT_S
        )
