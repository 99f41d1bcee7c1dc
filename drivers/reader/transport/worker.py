"""Worker thread with a watchdog for the blocking I/O of a reader.

A mute card can keep a transmission waiting without end, and nothing can interrupt it. So the work is done in a daemon
thread, one job after the other; when a job has had no answer from the card for longer than the limit, the thread is
left behind, told (through its `Pulse`) to send nothing more, and a new one takes its place.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from drivers.reader.transport.channel import Pulse

T = TypeVar("T")
Job = Callable[[], None]


class StuckError(Exception):
    """Watchdog time-out: the job was left behind in its thread."""


class Worker:
    """Worker with one daemon thread at a time, started when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] | None = None

    async def run(self, work: Callable[[], T], pulse: Pulse, *, limit_s: float | None, last: Job | None = None) -> T:
        """Do the work in the thread and give its result, or raise its exception.

        `last` is what a thread that is left behind does first, should it ever come back. Work whose caller was cancelled before
        it began is not done.

        Raises StuckError where one exchange took longer than `limit_s` seconds, times what the pulse says (None: no limit).
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        future.add_done_callback(_looked_at)

        def job() -> None:
            _settle(loop, future, work)

        self._queue().put(job)
        try:
            return await self._outcome(future, pulse, limit_s, last)
        except asyncio.CancelledError:
            future.cancel()
            raise

    async def _outcome(self, future: "asyncio.Future[T]", pulse: Pulse, limit_s: float | None, last: Job | None) -> T:
        while limit_s is not None and not future.done():
            done, _ = await asyncio.wait({future}, timeout=_patience(pulse, limit_s))
            if not done and pulse.since is not None and time.monotonic() - pulse.since >= limit_s * pulse.times:
                pulse.abandoned = True
                if last is not None:
                    self.post(last)
                self.stop()
                future.cancel()
                raise StuckError
        return await asyncio.shield(future)

    def post(self, work: Job) -> None:
        """Do this after what is under way; nobody waits for it."""
        self._queue().put(work)

    def stop(self) -> None:
        """Let the thread end after its job; the next job starts another."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _queue(self) -> "queue.SimpleQueue[Job | None]":
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_work_off, args=(self._jobs,), name=self._name, daemon=True).start()
        return self._jobs


def _patience(pulse: Pulse, limit_s: float) -> float:
    since = pulse.since
    return limit_s if since is None else max(0.0, since + limit_s * pulse.times - time.monotonic()) + 0.001


def _work_off(jobs: "queue.SimpleQueue[Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job()


def _settle(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[T]", work: Callable[[], T]) -> None:
    """Do the work. What comes of it goes to the one who waits; where nobody does any more, nowhere. Where nobody did before
    it began, it is not done: it may be a code, which would cost a try."""
    if future.cancelled():
        return
    outcome: Callable[..., None]
    value: Any
    try:
        outcome, value = future.set_result, work()
    except BaseException as fault:
        outcome, value = future.set_exception, fault
    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
        loop.call_soon_threadsafe(lambda: None if future.done() else outcome(value))


def _looked_at(future: "asyncio.Future[Any]") -> None:
    """Look at a fault. Where the one who asked was cancelled, it is nobody's: it is not reported as forgotten."""
    if not future.cancelled():
        future.exception()
