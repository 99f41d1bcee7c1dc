"""A finger on the station's window: real touches, made by xdotool on the screen that DISPLAY names."""

import asyncio
from typing import Any

from tests.fakes.screens.keying import until

GUARD_S = 0.05
"""Touches count so soon after a change: no second tap of the same finger comes here."""


async def xdotool() -> asyncio.subprocess.Process:
    """The program that moves the pointer; it waits for lines."""
    return await asyncio.create_subprocess_exec("xdotool", "-", stdin=asyncio.subprocess.PIPE)


class Finger:
    """A pointer on the display, moved by a program that waits for lines."""

    def __init__(self, screen: Any, hand: asyncio.subprocess.Process) -> None:
        self.screen, self._hand = screen, hand
        self.touches = 0

    async def tap(self, target: str) -> None:
        """One touch in the middle of a target, as soon as touches count; first to the page of large text where it is."""
        await self.screen.settle()
        places = self.screen.targets()
        while target not in places and "page:on" in places:
            before = places
            await self._tap_at(places["page:on"])
            await until(lambda before=before: self.screen.targets() != before)  # type: ignore[misc]  # bound now
            await self.screen.settle()
            places = self.screen.targets()
        assert target in places, f"there is no {target} to touch, but {sorted(places)}"
        await self._tap_at(places[target])
        self.touches += 1

    async def _tap_at(self, place: tuple[int, int]) -> None:
        left, top = self.screen.position
        x, y = place
        assert self._hand.stdin is not None
        self._hand.stdin.write(f"mousemove {left + x} {top + y} click 1\n".encode())
        await self._hand.stdin.drain()

    async def type(self, digits: str) -> None:
        """Touch the keys, each seen in the cells before the next."""
        for digit in digits:
            before = self.screen.typed()
            await self.tap(f"key:{digit}")
            await until(lambda before=before: self.screen.typed() == before + 1)  # type: ignore[misc]  # bound now
