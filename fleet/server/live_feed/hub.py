"""Publish-subscribe hub of changes, from the store to every open page: at most five pushes a second, never a wait for a reader.

Rules: `publish` may be called from any thread and never blocks. The first change after a quiet moment goes out at
once; what comes within 200 ms of a push is gathered into the next one. A reader that does not keep up loses its queue
and gets one *resync* instead: the page then reads everything again, so nothing is missed. `close` ends every stream,
which lets the server stop.

Example: `hub.publish(frozenset({Topic.STATIONS}))` in the store's writer, `with hub.reading() as reader: async for change
in reader.changes(): ...` in the web.
"""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

INTERVAL_S = 0.2
"""Five pushes a second: more than a person can read, and what browsers bear with many tabs."""

HEARTBEAT_S = 15.0
BACKLOG = 16
MOST_TOPICS = 256
EVERYTHING = "*"
"""A topic like others, by which readers are told to read everything again."""
MOST_READERS = 256
MOST_OF_ONE = 8
"""Of one session or token: a browser has one for all its tabs, or one a tab where it knows no shared worker."""
MOST_OF_AN_OWNER = 32
"""Of one account, however many sessions it has."""


class FullError(Exception):
    """There are as many open streams as one server, one session or one account should have. `everybody`: one server."""

    def __init__(self, *, everybody: bool) -> None:
        super().__init__("too many open feeds" + ("" if everybody else " of this session or account"))
        self.everybody = everybody


@dataclass(frozen=True, slots=True)
class Change:
    """One push. `topics` is None for a resync: read everything again. `id` names the push, and the run of the server."""

    id: str
    topics: frozenset[str] | None


class FeedReader:
    """One open stream: a bounded queue of pushes. `key` names the session that opened it, `owner` whose it is."""

    def __init__(self, backlog: int, key: str = "", owner: str = "") -> None:
        self.key, self.owner = key, owner
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(backlog)

    def offer(self, change: Change) -> None:
        """Queue a push; where the queue is full, drop all of it and queue a resync instead."""
        if self._queue.full():
            self._drain()
            change = Change(change.id, None)
        self._queue.put_nowait(change)

    def end(self) -> None:
        if self._queue.full():
            self._drain()
        self._queue.put_nowait(None)

    async def changes(self, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[Change | None]:
        """The pushes in order; None after each `heartbeat_s` of silence."""
        while True:
            try:
                async with asyncio.timeout(heartbeat_s):
                    change = await self._queue.get()
            except TimeoutError:
                yield None
                continue
            if change is None:
                return
            yield change

    def _drain(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()


class Hub:
    """Implements `fleet.server.live_feed.topics.Changes`. One event loop reads; any thread publishes."""

    def __init__(self, *, interval_s: float = INTERVAL_S, backlog: int = BACKLOG) -> None:
        self._interval_s = interval_s
        self._backlog = backlog
        self._run = secrets.token_hex(4)
        self._count = 0
        self._lock = threading.Lock()
        self._pending: set[str] = set()
        self._scheduled = False
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pushed_at = float("-inf")
        self._readers: set[FeedReader] = set()

    @property
    def readers(self) -> int:
        """Number of open streams."""
        return len(self._readers)

    @property
    def latest(self) -> str:
        """The id of the latest push; a reader that comes back with another one has missed something."""
        return f"{self._run}-{self._count}"

    def publish(self, topics: frozenset[str]) -> None:
        """Tell all readers that these topics have changed. Thread-safe, never blocks."""
        with self._lock:
            if self._closed or not topics:
                return
            if self._loop is None:
                self._count += 1
                return
            self._pending |= topics
            if self._scheduled:
                return
            self._scheduled = self._call(self._push_when_due)

    def close(self) -> None:
        """End every stream and refuse new ones. Thread-safe; may be called twice."""
        with self._lock:
            self._closed = True
            self._pending.clear()
            if self._loop is not None:
                self._call(self._end_all)

    def end(self, key: str) -> None:
        """End the streams of that session. Thread-safe."""
        with self._lock:
            if self._loop is not None:
                self._call(lambda: self._end(key))

    def admit(self, key: str = "", owner: str = "") -> FeedReader:
        """A reader that gets every push from here on, until it is told to `leave`. Raises FullError."""
        if len(self._readers) >= MOST_READERS:
            raise FullError(everybody=True)
        of_session = sum(key != "" and other.key == key for other in self._readers)
        of_owner = sum(owner != "" and other.owner == owner for other in self._readers)
        if of_session >= MOST_OF_ONE or of_owner >= MOST_OF_AN_OWNER:
            raise FullError(everybody=False)
        reader = FeedReader(self._backlog, key, owner)
        with self._lock:
            self._loop = asyncio.get_running_loop()
            if self._closed:
                reader.end()
        self._readers.add(reader)
        return reader

    def leave(self, reader: FeedReader) -> None:
        """It reads no more. May be told twice."""
        self._readers.discard(reader)

    @contextlib.contextmanager
    def reading(self, key: str = "") -> Iterator[FeedReader]:
        """A reader, until the block ends. Raises FullError."""
        reader = self.admit(key)
        try:
            yield reader
        finally:
            self.leave(reader)

    def _call(self, callback: Callable[[], None]) -> bool:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended, and every reader with it
            self._loop.call_soon_threadsafe(callback)
            return True
        return False

    def _push_when_due(self) -> None:
        assert self._loop is not None
        wait_s = self._pushed_at + self._interval_s - self._loop.time()
        if wait_s <= 0:
            self._push()
        else:
            self._loop.call_later(wait_s, self._push)

    def _push(self) -> None:
        assert self._loop is not None
        with self._lock:
            topics = frozenset(self._pending)
            self._pending.clear()
            self._scheduled = False
            if self._closed:
                return
            self._count += 1
            too_much = EVERYTHING in topics or len(topics) > MOST_TOPICS
            change = Change(self.latest, None if too_much else topics)
        self._pushed_at = self._loop.time()
        for reader in self._readers:
            reader.offer(change)

    def _end(self, key: str) -> None:
        for reader in self._readers:
            if reader.key == key:
                reader.end()

    def _end_all(self) -> None:
        for reader in self._readers:
            reader.end()
