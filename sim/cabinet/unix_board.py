"""The firmware as a process on MicroPython's Unix port: bytes of its line, words of its panel. See `firmware.panel`.

Rules: it ends by itself when its panel is closed, so that none is left behind by a program that was killed.

    board = await UnixBoard.start(folder / "flash", slots=24)
    board.say("card 3 present")
    await board.stop()
"""

import asyncio
import contextlib
import shutil
import socket
from pathlib import Path
from typing import Self

from drivers.cabinet import firmware

INTERPRETER = "micropython"
UNIX_MAIN = Path(firmware.__file__).parent / "unix_main.py"
STOP_LIMIT_S = 2.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def available() -> bool:
    """Return whether the firmware can run here: Debian's package `micropython` is installed."""
    return shutil.which(INTERPRETER) is not None


class UnixBoard:
    """One running process. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, line: Streams, panel: Streams) -> None:
        self.line, self._to_line = line
        self.panel, self._to_panel = panel
        self._process = process

    @classmethod
    async def start(cls, flash: Path, slots: int) -> Self:
        """Start it with that folder as its flash. Raises OSError."""
        line, their_line = socket.socketpair()
        panel, their_panel = socket.socketpair()
        with contextlib.ExitStack() as ours, their_line, their_panel:
            ours.enter_context(line)
            ours.enter_context(panel)
            numbers = their_line.fileno(), their_panel.fileno()
            process = await asyncio.create_subprocess_exec(
                INTERPRETER, str(UNIX_MAIN), "--line", str(numbers[0]), "--panel", str(numbers[1]),
                "--flash", str(flash), "--slots", str(slots),
                pass_fds=numbers, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            ours.pop_all()  # from here on they belong to the streams
        return cls(process, await asyncio.open_connection(sock=line), await asyncio.open_connection(sock=panel))

    def send(self, data: bytes) -> None:
        """Send bytes over the board's serial line."""
        self._to_line.write(data)

    def say(self, words: str) -> None:
        """A line to its panel."""
        self._to_panel.write(words.encode() + b"\n")

    async def stop(self) -> None:
        """Close line and panel and wait for its end; after a while, end it."""
        for stream in (self._to_line, self._to_panel):
            stream.close()
            with contextlib.suppress(OSError):
                await stream.wait_closed()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
