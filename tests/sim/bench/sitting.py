"""A station with its bench window, and a person who sits at it and presses with a real pointer."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from PIL import Image

from sim.bench import window
from sim.bench.cabinet import board_of
from sim.bench.socket_client import BenchClient
from sim.bench.socket_server import BenchControl
from sim.bench.view_model import BenchView
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.cabinet.twin import BoardTwin
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.display import virtual_display
from tests.sim.bench.conftest import NOW, SMALL

ROOT = Path(__file__).resolve().parents[3]
LOOK_AGAIN_S = 0.02


class Station:
    """A world behind its socket, and the switch of its power: a process of the demo, in short."""

    def __init__(self, folder: Path, scenario: Scenario, *, firmware: bool) -> None:
        self._scenario = scenario
        self._firmware = firmware
        self.socket = folder / "bench.sock"
        self.power_socket = folder / "power.sock"
        self._folder = folder / "bench"
        self.world = VirtualBench.open(self._folder, self._scenario, NOW, firmware=firmware)
        self.control = BenchControl(self.world, self.socket)

    async def switch(self, on: bool) -> None:
        """Start from what lies on the disk, or stop."""
        if on:
            self.world = VirtualBench.open(self._folder, self._scenario, NOW, firmware=self._firmware)
            self.control = BenchControl(self.world, self.socket)
            if self.board is not None:
                await self.board.start()
                self.board.driver.start()
            await self.control.start()
        else:
            await self.control.stop()
            if self.board is not None:
                await self.board.driver.close()
                await self.board.stop()

    @property
    def board(self) -> BoardTwin | None:
        """The cabinet's board, where it has one."""
        return board_of(self.world.cabinet)

    async def serve_power(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The other socket: one line, one answer."""
        request = json.loads(await reader.readline())
        await self.switch(request["on"])
        writer.write(b'{"ok": true}\n')
        writer.close()
        await writer.wait_closed()


class Person:
    """Somebody in front of the window: looks, and presses with a real pointer."""

    def __init__(self, display: str, process: asyncio.subprocess.Process) -> None:
        self._display = display
        self._process = process

    async def press(self, target: str) -> None:
        """Press it as soon as it can be pressed."""
        view = await self.sees(lambda view: target in view["targets"])
        await self.click(*view["targets"][target])

    async def click(self, x: int, y: int) -> None:
        """Move the pointer there and click."""
        pointer = await asyncio.create_subprocess_exec(
            "xdotool", "mousemove", str(x), str(y), "click", "1", env={**os.environ, "DISPLAY": self._display}
        )
        assert await pointer.wait() == 0

    async def sees(self, expected: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look until it is so."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                view = await self._ask(do="look")
                if expected(view):
                    return view
                await asyncio.sleep(LOOK_AGAIN_S)

    async def keep_picture(self, path: Path) -> None:
        """Keep what is to be seen."""
        await self._ask(do="picture", path=str(path))

    async def leave(self) -> int | None:
        """Close the window."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self._process.wait()

    async def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@contextlib.asynccontextmanager
async def running(folder: Path, scenario: Scenario = SMALL, *, firmware: bool = False) -> AsyncIterator[Station]:
    """A station with power."""
    station = Station(folder, scenario, firmware=firmware)
    await station.switch(True)
    power = await asyncio.start_unix_server(station.serve_power, station.power_socket)
    try:
        yield station
    finally:
        power.close()
        await station.switch(False)


@contextlib.asynccontextmanager
async def sitting_at(station: Station) -> AsyncIterator[Person]:
    """A window on a screen of its own, and a person before it."""
    with virtual_display(*window.SIZE) as display:
        process = await start(display, "tests.sim.bench.window_process", station.socket, station.power_socket)
        person = Person(display, process)
        try:
            yield person
            assert await person.leave() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def start(display: str, module: str, *arguments: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


async def world_shows(station: Station, expected: Callable[[BenchView], bool]) -> None:
    """Wait until the world is so."""
    async with asyncio.timeout(LIMIT_S), contextlib.aclosing(BenchClient(station.socket).watch()) as pictures:
        async for picture in pictures:
            if picture is not None and expected(picture):
                return


def lit(picture: Path, place: tuple[int, int]) -> bool:
    """Whether that slot has the lamp's yellow in its right half, where no text stands."""
    red, green, blue = pixel(picture, (place[0] + 28, place[1] + 8))
    return red > 240 and 180 < green < 220 and blue < 80


def pixel(picture: Path, place: tuple[int, int]) -> tuple[int, ...]:
    found = Image.open(picture).convert("RGB").getpixel((place[0], place[1]))
    assert isinstance(found, tuple)
    return tuple(int(part) for part in found)
