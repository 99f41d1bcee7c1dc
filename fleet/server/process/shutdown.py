"""Graceful shutdown of a program's parts: in their order, each in its time, and the whole in its own.

Rules: a part that does not end in time is told once more to stop, named in the log, and not waited for: what it holds is in the
store or comes again, as after a power cut. The time of the whole begins with the first part that ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

EACH_S = 5.0
ALL_S = 12.0
LEAST_S = 0.1
"""What a part is given when the time of the whole is over."""

Entered = TypeVar("Entered")
_log = logging.getLogger(__name__)


class Ending:
    """See the module. All times in seconds."""

    def __init__(self, each_s: float = EACH_S, all_s: float = ALL_S, least_s: float = LEAST_S) -> None:
        self._each_s, self._all_s, self._least_s = each_s, all_s, least_s
        self._over_at: float | None = None

    def later(self, parts: AsyncExitStack, name: str, end: Callable[..., Awaitable[object]], *args: Any) -> None:
        """End that part with `end(*args)` when its turn comes."""
        parts.push_async_callback(self._end, name, end, *args)

    async def enter(self, parts: AsyncExitStack, name: str, part: AbstractAsyncContextManager[Entered]) -> Entered:
        """Begin that part, and end it when its turn comes. Raises what its beginning raises."""
        entered = await part.__aenter__()
        self.later(parts, name, part.__aexit__, None, None, None)
        return entered

    async def _end(self, name: str, end: Callable[..., Awaitable[object]], *args: Any) -> None:
        limit_s = self._limit_s()
        ending = asyncio.ensure_future(end(*args))
        await asyncio.wait({ending}, timeout=limit_s)
        if ending.done():
            ending.result()
            return
        ending.cancel()
        _log.error("%s has not ended within %.1f s: the stop goes on without it", name, limit_s)

    def _limit_s(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._over_at is None:
            self._over_at = now + self._all_s
        return max(self._least_s, min(self._each_s, self._over_at - now))


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel it and wait until it is over, however it ends."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
