"""The bench window: hands for the virtual devices of one station, in a window beside the station's own.

    python -m sim.bench.window --socket demo/bench.sock [--power-socket demo/power.sock]

It is a program of its own, because Kivy has one window a process and because cutting the station's power must not close it:
when the socket goes away the window says so, and it goes on when the station is back. A developers' tool, in English only.
`--power-socket` names a socket where {"do": "power", "on": true} switches the station; without it there is no such button.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kiosk.screens import fonts
from kiosk.screens import kivy_environment as env
from sim.bench.socket_client import BenchClient, BenchGoneError
from sim.bench.view_model import BenchView
from sim.bench.virtual_bench import BenchMoveError

SIZE = (1000, 800)
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


class BenchWindow:
    """The one window of this process. Make it before anything of Kivy is imported."""

    def __init__(
        self,
        client: BenchClient,
        power: BenchClient | None = None,
        *,
        size: tuple[int, int] = SIZE,
        position: tuple[int, int] | None = None,
    ) -> None:
        """`power` switches the station. `size` and `position` (of the upper left corner) are pixels."""
        self._client = client
        self._power = power
        self._tasks: set[asyncio.Task[None]] = set()
        self._window = _open(size, position)
        from sim.bench.panels.bench_panels import BenchPanels

        self.board = BenchPanels(self.move, self.switch if power is not None else None)
        self._window.add_widget(self.board)

    async def run(self) -> None:
        """Draw and follow the world until the window is closed or this is cancelled.

        Raises BenchMoveError, KeyError or ValueError where the station speaks another language than the bench.
        """
        from kivy.base import async_runTouchApp

        following = asyncio.create_task(self._follow())
        following.add_done_callback(lambda _: self.close())
        try:
            await async_runTouchApp(async_lib="asyncio")
        finally:
            for task in (following, *self._tasks):
                task.cancel()
            await asyncio.gather(following, *self._tasks, return_exceptions=True)
        if not following.cancelled():
            following.result()

    def close(self) -> None:
        """Close the window, which ends `run`."""
        from kivy.base import stopTouchApp

        stopTouchApp()

    def move(self, do: str, **request: Any) -> None:
        """Make a move; what goes wrong stands in the status line."""
        self._start(self._make(self._client, do=do, **request))

    def switch(self, on: bool) -> None:
        """Give the station power, or cut it."""
        if self._power is not None:
            self._start(self._make(self._power, do="power", on=on))

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._client.watch()) as pictures:
            async for picture in pictures:
                self._draw(picture)

    def _draw(self, picture: BenchView | None) -> None:
        if picture is None:
            self.board.lost()
        else:
            self.board.show(picture)

    async def _make(self, client: BenchClient, **request: Any) -> None:
        try:
            await client.move(**request)
        except (BenchMoveError, BenchGoneError) as error:
            self.board.say(str(error))
        else:
            self.board.say("")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _open(size: tuple[int, int], position: tuple[int, int] | None) -> Any:
    env.prepare()
    if position is not None:
        from kivy.config import Config

        for key, value in (("position", "custom"), ("left", str(position[0])), ("top", str(position[1]))):
            Config.set("graphics", key, value)
    window = env.open_window(*size)
    window.set_title("kortkiosk: bench")
    fonts.register()
    return window


def _pair(text: str, between: str) -> tuple[int, int]:
    first, _, second = text.partition(between)
    try:
        return int(first), int(second)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers with {between!r} between them") from None


def _size(text: str) -> tuple[int, int]:
    return _pair(text, "x")


def _position(text: str) -> tuple[int, int]:
    return _pair(text, ",")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sim.bench.window", description="Hands for a station's virtual devices.")
    parser.add_argument("--socket", type=Path, required=True, help="the bench's socket, in the station's bench folder")
    parser.add_argument("--power-socket", type=Path, help="a socket that switches the station's power")
    parser.add_argument("--size", type=_size, default=SIZE, metavar="WxH", help="pixels, 1000x800 if not given")
    parser.add_argument("--position", type=_position, metavar="X,Y", help="where its upper left corner goes")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> int:
    power = BenchClient(options.power_socket) if options.power_socket else None
    window = BenchWindow(BenchClient(options.socket), power, size=options.size, position=options.position)
    codes = {signal.SIGTERM: 0, signal.SIGINT: 130}
    ended_by: list[int] = []

    def end(code: int) -> None:
        ended_by.append(code)
        window.close()

    for number, code in codes.items():
        asyncio.get_running_loop().add_signal_handler(number, end, code)
    await window.run()
    return ended_by[0] if ended_by else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the window until it is closed. Exits 0, 2 for wrong usage or without a display, or 130 when interrupted."""
    options = _arguments(arguments)
    if not any(os.environ.get(name) for name in DISPLAYS):
        sys.stderr.write(f"The bench needs a desktop: neither {' nor '.join(DISPLAYS)} is set.\n")
        return 2
    return asyncio.run(_run(options))


if __name__ == "__main__":
    sys.exit(main())
