"""Ingest service, from messages to the store: every event once (idempotent), acknowledged after its commit.

Group commit without a timer: each commit takes all that came while the last one ran, and follows it at once, in a thread that
does nothing else. It reads the messages too, and those of the next batch while PostgreSQL works at this one. After a commit, in
this order: the broker is told, each station whose events were in it hears `acked` (see `acking`), pages hear what has changed.
Nothing that a station sends stops the stream: what cannot be read is quarantined, and while the database cannot be written the
same batch is tried again.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from fleet.messages.signed import Sign
from fleet.server.ingest.acknowledge import Acknowledger
from fleet.server.ingest.parse import (
    Arrival,
    Committed,
    Waiting,
    unstorable,
)
from fleet.server.ingest.write import Writer
from fleet.server.platform.broker.inbox import Inbox
from fleet.server.platform.broker.transport import Incoming, Transport
from fleet.server.platform.live_feed.topics import Changes
from fleet.server.platform.process.tracing import OFF, Tracing

BATCH = 500
READ_AHEAD = BATCH // 2
"""So many at a time: PostgreSQL is waited for twice a batch."""
MAX_RETRY_DELAY_S = 5.0

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Stored = tuple[Sequence[Incoming], Sequence[Committed]]
"""The messages of a batch, and what its commits made true. What they said stays where it was read: another thread would have to
fetch it to free it."""


class Ingest:
    """Takes messages from a transport into a writer, until it is cancelled."""

    def __init__(
        self,
        transport: Transport,
        writer: Writer,
        changes: Changes,
        clock: Clock,
        inbox: Inbox[Waiting],
        sign: Sign,
        tracing: Tracing = OFF,
    ) -> None:
        """`sign`: as the server, for what it holds."""
        self._transport = transport
        self._writer = writer
        self._changes = changes
        self._clock = clock
        self._inbox = inbox
        self._tracing = tracing
        self._ahead: list[Waiting] = []
        """Read, and not stored yet. The storing thread's own."""
        self._ended = threading.Event()
        self._waits = False
        self._acking = Acknowledger(transport.publish, asyncio.get_running_loop().call_later, sign, clock)

    @property
    def trouble(self) -> str | None:
        """Why nothing is stored just now, in a word; None where all is well. For `health`."""
        return "cannot_write" if self._waits else None

    async def run(self) -> None:
        """Store what comes, batch by batch, in a thread. A commit that has begun is finished, also when cancelled."""
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "store-writer")
        storing: asyncio.Future[None] | None = None
        try:
            while True:
                await self._inbox.filled()
                done: asyncio.Queue[Stored | None] = asyncio.Queue()
                storing = loop.run_in_executor(
                    thread, self._store, lambda one, to=done: loop.call_soon_threadsafe(to.put_nowait, one)
                )
                while (stored := await done.get()) is not None:
                    self._tell(*stored)
                await storing
        finally:
            self._ended.set()
            thread.shutdown(wait=False)
            if storing is not None:  # all else of the program goes on while a commit ends
                await asyncio.gather(storing, return_exceptions=True)

    def _store(self, then: Callable[[Stored | None], object]) -> None:
        """In the thread: all that waits and comes meanwhile, batch by batch. `then` gets each, and None when no more waits."""
        batch: list[Waiting] = []
        try:
            while (batch := self._next()) and not self._ended.is_set():
                committed = self._surely([arrival for _, arrival in batch if arrival is not None])
                then(([message for message, _ in batch], committed))
        except OperationalError:
            waiting = len(batch) + len(self._ahead)
            _log.warning("this ingest ends while %d messages wait for the database: they come again", waiting)
        finally:
            then(None)

    def _next(self) -> list[Waiting]:
        """What was read ahead, and as many more as have come since and fit."""
        batch, self._ahead = self._ahead, []
        return batch + self._inbox.take_now(BATCH - len(batch))

    def _read_ahead(self) -> None:
        """While the database works: the next batch, as far as it has come. It is stored after this one in any case."""
        self._ahead += self._inbox.take_now(min(READ_AHEAD, BATCH - len(self._ahead)))

    def _surely(self, arrivals: Sequence[Arrival]) -> Sequence[Committed]:
        """Again and again while the database cannot be written, until this ingest ends."""
        delay_s = 0.1
        while True:
            try:
                with self._tracing.span("batch", {"batch.size": len(arrivals)}):
                    done = self._commit(arrivals)
                self._waits = False
                return done
            except OperationalError as error:
                self._waits = True
                _log.error("the database cannot be written, %d messages wait: %s", len(arrivals), error.orig)
                if self._ended.wait(delay_s):
                    raise
                delay_s = min(MAX_RETRY_DELAY_S, delay_s * 2)

    def _commit(self, arrivals: Sequence[Arrival]) -> list[Committed]:
        """One transaction; where something in it cannot be stored, one each, and that one is quarantined."""
        if not arrivals:
            return []
        try:
            return [self._writer.commit(arrivals, self._clock(), self._read_ahead)]
        except OperationalError:
            raise
        except (SQLAlchemyError, ValueError, ArithmeticError) as error:
            _log.error("a batch of %d cannot be stored at once: %s", len(arrivals), type(error).__name__)
        return [self._commit_alone(arrival) for arrival in arrivals]

    def _commit_alone(self, arrival: Arrival) -> Committed:
        try:
            return self._writer.commit([arrival], self._clock())
        except OperationalError:
            raise
        except (SQLAlchemyError, ValueError, ArithmeticError) as error:
            reason = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
            return self._writer.commit([unstorable(arrival, reason)], self._clock())

    def _tell(self, messages: Sequence[Incoming], committed: Sequence[Committed]) -> None:
        for message in messages:
            self._transport.acknowledge(message)
        self._acking.say([word for one in committed for word in one.acked])
        self._changes.publish(frozenset().union(*(one.topics for one in committed)))
