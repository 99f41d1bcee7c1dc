"""A virtual screen whose picture is read from the memory of its server, so that looking costs the programs nothing.

with Screen.open(folder) as screen:
    screen.changed_after(screen.click(640, 400))
"""

import contextlib
import mmap
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benches.figures import CannotMeasureError

WIDTH, HEIGHT = 1280, 800
LOOK_S = 0.001
HELD_S = 0.15
"""How long a finger stays down; longer than it takes to draw that."""
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Screen:
    """One display, `:N`, and its picture."""

    display: str
    _pixels: mmap.mmap
    _hand: "subprocess.Popen[bytes]"
    """xdotool, which waits for lines: starting it would take longer than what is measured."""

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator["Screen"]:
        """Start Xvfb with its picture in a file of `folder`. Raises CannotMeasureError where it is not installed."""
        if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
            raise CannotMeasureError("Xvfb and xdotool are not installed (Debian packages xvfb, xdotool)")
        reading, writing = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(folder),
             "-nolisten", "tcp", "-noreset"],
            pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        try:
            with os.fdopen(reading) as output:
                number = output.readline().strip()
            if not number:
                raise CannotMeasureError("Xvfb does not start")
            with (
                (folder / "Xvfb_screen0").open("rb") as file,
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as pixels,
            ):
                hand = subprocess.Popen(
                    ["xdotool", "-"], stdin=subprocess.PIPE, env={**os.environ, "DISPLAY": f":{number}"}
                )
                try:
                    yield cls(f":{number}", pixels, hand)
                finally:
                    hand.communicate(timeout=10)
        finally:
            server.terminate()
            server.wait(10)

    @property
    def environment(self) -> dict[str, str]:
        """For a program that is to draw here."""
        return {**os.environ, "DISPLAY": self.display}

    def picture(self) -> bytes:
        return self._pixels[:]

    def click(self, x: int, y: int) -> float:
        """A real touch; gives when the finger was let go: that is when a touch counts."""
        self._move(f"mousemove {x} {y}", "mousedown 1")
        time.sleep(HELD_S)
        began = time.perf_counter()
        self._move("mouseup 1")
        return began

    def _move(self, *lines: str) -> None:
        assert self._hand.stdin is not None
        self._hand.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._hand.stdin.flush()

    def first_change(self, before: bytes) -> float:
        """Return when the picture was first another than `before`."""
        until = time.perf_counter() + WAIT_S
        while self.picture() == before:
            if time.perf_counter() > until:
                raise CannotMeasureError("the picture does not change")
            time.sleep(LOOK_S)
        return time.perf_counter()

    def still_since(self, quiet_s: float = 1.5) -> float:
        """Return when the picture last changed, once it has not for so long."""
        seen, at = self.picture(), time.perf_counter()
        until = at + WAIT_S
        while (now := time.perf_counter()) - at < quiet_s:
            if now > until:
                raise CannotMeasureError("the picture does not come to rest")
            if (picture := self.picture()) != seen:
                seen, at = picture, now
            time.sleep(5 * LOOK_S)
        return at
