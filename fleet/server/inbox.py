"""A queue from any thread into one asyncio loop, that gives all that has come at once.

Rules: `put` never blocks; a wake-up is sent only where the queue was empty; the transport's Receive Maximum bounds
its length.

>>> inbox = Inbox(asyncio.get_running_loop())  # doctest: +SKIP
>>> batch = await inbox.take(500)  # doctest: +SKIP
"""

import asyncio
import threading
from collections import deque

from fleet.server.transport import Incoming


class Inbox:
    """Messages that wait to be stored."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
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

    async def take(self, limit: int) -> list[Incoming]:
        """Wait for at least one, and give all that have come, at most `limit`, oldest first."""
        while True:
            await self._filled.wait()
            with self._lock:
                batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
                if not self._waiting:
                    self._filled.clear()
            if batch:
                return batch
