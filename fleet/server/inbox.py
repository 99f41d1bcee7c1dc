"""A queue from any thread into one asyncio loop, that gives all that has come at once.

Rules: `put` never blocks; what a message says is read as it comes, while what came before is being stored; a wake-up is sent only
where the queue was empty; the transport's Receive Maximum bounds its length.

>>> inbox = Inbox(asyncio.get_running_loop(), arriving)  # doctest: +SKIP
>>> batch = await inbox.take(500)  # doctest: +SKIP
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from fleet.server.transport import Incoming

Read = TypeVar("Read")


def as_it_came(message: Incoming) -> Incoming:
    """Reads nothing."""
    return message


class Inbox(Generic[Read]):
    """Messages that wait, as `read` has read them. It must not raise."""

    def __init__(self, loop: asyncio.AbstractEventLoop, read: Callable[[Incoming], Read]) -> None:
        self._loop = loop
        self._read = read
        self._lock = threading.Lock()
        self._waiting: deque[Read] = deque()
        self._filled = asyncio.Event()

    def put(self, message: Incoming) -> None:
        """Add one. From any thread."""
        read = self._read(message)
        with self._lock:
            was_empty = not self._waiting
            self._waiting.append(read)
        if was_empty and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self, limit: int) -> list[Read]:
        """Wait for at least one, and give all that have come, at most `limit`, oldest first."""
        while True:
            await self._filled.wait()
            with self._lock:
                batch = self._oldest(limit)
                if not self._waiting:
                    self._filled.clear()
            if batch:
                return batch

    def take_now(self, limit: int) -> list[Read]:
        """All that have come, at most `limit`, oldest first; none where none waits. From any thread."""
        with self._lock:
            return self._oldest(limit)

    def _oldest(self, limit: int) -> list[Read]:
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
