"""Fair queue: round robin by station, bounded for each, with a share of the places at which asks are answered.

Rules: a station has at most `SHARE` asks under way and `MOST_WAITING` waiting; among stations that wait the one whose turn is
longest ago comes first. So one that floods waits for itself.

>>> queue = FairQueue(at_once=4, share=2, most_waiting=8)
>>> [queue.put(*one) for one in (("a", 1), ("a", 2), ("b", 3))]
[True, True, True]
>>> [queue.take_now() for _ in range(4)]
[('a', 1), ('b', 3), ('a', 2), None]
"""

import asyncio
from collections import Counter, deque
from typing import Generic, TypeVar

AT_ONCE = 16
SHARE = 4
MOST_WAITING = 32

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    def __init__(self, at_once: int = AT_ONCE, share: int = SHARE, most_waiting: int = MOST_WAITING) -> None:
        self._at_once, self._share, self._most_waiting = at_once, share, most_waiting
        self._waiting: dict[str, deque[Item]] = {}
        self._turns: deque[str] = deque()
        """Stations that wait and may have one more under way; each is in it once."""
        self._under_way: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def put(self, station: str, item: Item) -> bool:
        """Let it wait for its turn. False where the station has too many waiting."""
        waiting = self._waiting.setdefault(station, deque())
        if len(waiting) >= self._most_waiting:
            return False
        waiting.append(item)
        if len(waiting) == 1 and self._under_way[station] < self._share:
            self._turns.append(station)
        self._changed.set()
        return True

    async def take(self) -> tuple[str, Item]:
        """The next one, once there is one and a place for it; `done` gives the place back."""
        while (taken := self.take_now()) is None:
            self._changed.clear()
            await self._changed.wait()
        return taken

    def take_now(self) -> tuple[str, Item] | None:
        """The next one; None where none waits that may be served now."""
        if not self._turns or self._under_way.total() >= self._at_once:
            return None
        station = self._turns.popleft()
        waiting = self._waiting[station]
        item = waiting.popleft()
        self._under_way[station] += 1
        if not waiting:
            del self._waiting[station]
        elif self._under_way[station] < self._share:
            self._turns.append(station)
        return station, item

    def done(self, station: str) -> None:
        """An ask of that station is not under way any more."""
        had_all = self._under_way[station] >= self._share
        self._under_way[station] -= 1
        if not self._under_way[station]:
            del self._under_way[station]
        if had_all and station in self._waiting:
            self._turns.append(station)
        self._changed.set()
