"""Thread-safe inbox: a queue from any thread into one asyncio loop, that gives all that has come at once.

Rules: `put` never blocks; what a message says is read by who takes it, in its thread, because two threads that run Python at the
same time cost each other more than they spare; a wake-up is sent only where the queue was empty; the transport's Receive Maximum
bounds its length.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from fleet.server.broker.transport import Incoming

Read = TypeVar("Read")


def as_it_came(message: Incoming) -> Incoming:
    return message


class Inbox(Generic[Read]):
    """Messages that wait, and are given as `read` reads them. It must not raise."""

    def __init__(self, loop: asyncio.AbstractEventLoop, read: Callable[[Incoming], Read]) -> None:
        self._loop = loop
        self._read = read
        self._lock = threading.Lock()
        self._waiting: deque[Incoming] = deque()
        self._filled = asyncio.Event()

    def put(self, message: Incoming) -> None:
        """Add one. From any thread."""
        with self._lock:
            was_empty = not self._waiting
            self._waiting.append(message)
        if was_empty and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)

    async def filled(self) -> None:
        """Wait for at least one."""
        while True:
            await self._filled.wait()
            with self._lock:
                if self._waiting:
                    return
                self._filled.clear()

    async def take(self, limit: int) -> list[Read]:
        """Wait for at least one, and give all that have come, at most `limit`, oldest first."""
        while True:
            await self.filled()
            if batch := self.take_now(limit):
                return batch

    def take_now(self, limit: int) -> list[Read]:
        """All that have come, at most `limit`, oldest first; none where none waits. From any thread."""
        with self._lock:
            oldest = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        return [self._read(message) for message in oldest]
