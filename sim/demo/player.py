"""Plays a story at a station's window with real touches: xdotool moves the pointer and clicks where the screen says a
target is; the bench's door moves cards. A picture is kept of each view.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sim.bench.socket_server import move as bench_move
from sim.bench.virtual_bench import BenchMoveError
from sim.demo.story import StoryScene

VIEW_S = 120.0
"""How long a view may take to come up."""
TOUCH_S = 30.0
"""After that a touch counts as lost, and comes again."""
POLL_S = 0.03


class PlayError(Exception):
    """The station did not show what the story expects."""


class Player:
    """A person at one station. `display` is its X display, `socket` the bench's door."""

    def __init__(self, display: str, socket: Path) -> None:
        self._environment = {**os.environ, "DISPLAY": display}
        self._socket = socket
        self._view = ""

    async def play(
        self,
        scenes: Iterable[StoryScene],
        *,
        pictures: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Play the scenes in order. Raises PlayError where another view comes up."""
        for number, scene in enumerate(scenes):
            await self.await_view(scene.view)
            if pictures is not None:
                await self.picture(pictures / f"{number:02}-{scene.view.removeprefix('pickup.')}.png")
            tell(scene.view)
            await scene.action(self)

    async def await_view(self, name: str) -> None:
        """Wait until that view is up and takes touches."""
        deadline = asyncio.get_running_loop().time() + VIEW_S
        seen = ""
        while asyncio.get_running_loop().time() < deadline:
            look = await self._look()
            seen = str(look.get("view", ""))
            if seen == name and look["ready"]:
                self._view = name
                return
            await asyncio.sleep(POLL_S)
        raise PlayError(f"expected the view {name}, the station shows {seen or 'nothing'}")

    async def picture(self, path: Path) -> None:
        """Keep the window as it is now."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await bench_move(self._socket, do="snapshot", file=str(path))

    async def touch(self, target: str, *, until: str | None = None) -> None:
        """One real touch, once more where it fell into a change of the screen. It has worked when another view is up,
        or (`until`) when that target has come up in the same view."""
        for _ in range(3):
            await self._click(target)
            if await (self._shows(until) if until else self._left(self._view)):
                return
        raise PlayError(f"touching {target} at {self._view} changed nothing")

    async def type(self, digits: str) -> None:
        """One touch a digit; each is seen in the count of filled cells before the next."""
        for count, digit in enumerate(digits, start=1):
            for _ in range(3):
                await self._click(f"key:{digit}")
                if await self._typed(count):
                    break
            else:
                raise PlayError(f"key {count} at {self._view} was not taken")

    async def move(self, do: str, **request: Any) -> None:
        """A move on the bench."""
        await bench_move(self._socket, do=do, **request)

    async def _look(self) -> dict[str, Any]:
        try:
            return await bench_move(self._socket, do="screen")
        except (OSError, BenchMoveError, json.JSONDecodeError):
            return {}

    async def _left(self, view: str) -> bool:
        return await self.within(TOUCH_S, lambda look: bool(look) and look["view"] != view)

    async def _shows(self, target: str) -> bool:
        return await self.within(TOUCH_S, lambda look: target in look.get("targets", {}) and look["ready"])

    async def _typed(self, count: int) -> bool:
        return await self.within(TOUCH_S, lambda look: look.get("typed") == count)

    async def within(self, limit_s: float, reached: Callable[[dict[str, Any]], bool]) -> bool:
        deadline = asyncio.get_running_loop().time() + limit_s
        while asyncio.get_running_loop().time() < deadline:
            if reached(await self._look()):
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def _click(self, target: str) -> None:
        """Once it is there: a tile of the first screen comes when what it needs is ready."""
        look: dict[str, Any] = {}

        def is_there(now: dict[str, Any]) -> bool:
            look.update(now)
            return target in now.get("targets", {})

        if not await self.within(VIEW_S, is_there):
            raise PlayError(f"there is no {target} to touch at {look.get('view')}")
        place, (left, top) = look["targets"][target], look["at"]
        await self._xdotool("mousemove", str(left + place[0]), str(top + place[1]), "click", "1")

    async def _xdotool(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "xdotool", *arguments, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, output = await process.communicate()
        if process.returncode != 0:
            raise PlayError(f"xdotool {arguments[0]}: {output.decode().strip()}")
