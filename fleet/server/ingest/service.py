"""Ingest service, from messages to the store: every event once (idempotent), acknowledged after its commit.

Group commit without a timer: each commit takes all that came while the last one ran, and follows it at once, in a thread that
does nothing else. It reads the messages too, and those of the next batch while PostgreSQL works at this one. After a commit, in
this order: the broker is told, each station whose events were in it hears `acked`, pages hear what has changed.
Nothing that a station sends stops the stream: what cannot be read is quarantined. Only what is proved to be the fault of a row is
the row's fault: a constraint or a value (`ROW_FAULTS`), of that row alone, in a store that is sound. Whatever else the database
says (damage, a column or a right that is missing), and the same fault in the events of two stations, is the store's: all wait,
the same batch is tried again, and `health` says so.

Of the `acked` of one chain the latest counts, so an older one that waits is dropped; none waits longer than `EVERY_S`. While a
backlog drains this spares the broker a message for each event. What goes out together is signed together, once.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from fleet.messages.link import Acked
from fleet.messages.signed import Sign, sign_acked
from fleet.messages.topics import Topics
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.transport import Incoming, Transport
from fleet.server.database.database import StoredRowError
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.database.postgres import is_read_only
from fleet.server.ingest.parse import (
    Arrival,
    Committed,
    UnreadableMessage,
    Waiting,
    unstorable,
)
from fleet.server.ingest.write import Writer
from fleet.server.live_feed.topics import Changes

BATCH = 500
READ_AHEAD = BATCH // 2
"""So many at a time: PostgreSQL is waited for twice a batch."""
MAX_RETRY_DELAY_S = 5.0
ROW_FAULTS = (IntegrityError, DataError, ValueError, ArithmeticError)
"""What a row itself can be the cause of (PEP 249): a constraint, a value out of its range or of a wrong form."""

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Stored = tuple[Sequence[Incoming], Sequence[Committed]]
"""The messages of a batch, and what its commits made true. What they said stays where it was read: another thread would have to
fetch it to free it."""


EVERY_S = 0.05

Told = tuple[str, Acked]
"""A station, and what it is told."""

Later = Callable[[float, Callable[[], None]], object]
"""Call something after so many seconds."""


class Acknowledger:
    """Publishes `acked` of many stations. Not for several threads."""

    def __init__(
        self,
        publish: Callable[[str, bytes], None],
        later: Later,
        sign: Sign,
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
    ) -> None:
        self._publish, self._later, self._sign, self._clock = publish, later, sign, clock
        self._every_s = every_s
        self._answered: set[tuple[str, int]] = set()
        """Chains that were told something since the timer began."""
        self._waiting: dict[tuple[str, int], Acked] = {}

    def say(self, words: Sequence[Told]) -> None:
        """Acknowledge what one commit has stored: now, or with the next turn where a chain has just been told something."""
        now: dict[tuple[str, int], Acked] = {}
        for station, acked in words:
            chain = (station, acked.epoch)
            (self._waiting if chain in self._answered else now)[chain] = acked
        if now and not self._answered:
            self._later(self._every_s, self._turn)
        self._answered.update(now)
        self._send([(station, acked) for (station, _), acked in now.items()])

    def _turn(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._answered = set(waiting)
        if waiting:
            self._later(self._every_s, self._turn)
        self._send([(station, acked) for (station, _), acked in waiting.items()])

    def _send(self, words: Sequence[Told]) -> None:
        payloads = sign_acked(words, self._clock().astimezone(UTC), self._sign)
        for (station, _), payload in zip(words, payloads, strict=True):
            self._publish(Topics(station).acked, payload)


class StoreFaultError(Exception):
    """The store takes nothing just now, and no message is the cause. `trouble`: why, in a word."""

    def __init__(self, trouble: str, cause: Exception) -> None:
        super().__init__(str(cause.orig if isinstance(cause, DBAPIError) else cause) or type(cause).__name__)
        self.trouble = trouble


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
        check: DatabaseCheck | None = None,
    ) -> None:
        """`sign`: as the server, for what it holds. `check`: what is known of the store's soundness."""
        self._transport = transport
        self._writer = writer
        self._changes = changes
        self._clock = clock
        self._inbox = inbox
        self._check = check
        self._ahead: list[Waiting] = []
        """Read, and not stored yet. The storing thread's own."""
        self._ended = threading.Event()
        self.trouble: str | None = None
        """Why nothing is stored just now, in a word; None where all is well. For `health`."""
        self._acking = Acknowledger(transport.publish, asyncio.get_running_loop().call_later, sign, clock)

    async def run(self) -> None:
        """Store what comes, batch by batch, in a thread. A commit that has begun is finished, also when cancelled."""
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "store-writer")
        storing: asyncio.Future[None] | None = None
        try:
            while True:
                await self._inbox.filled()
                done: asyncio.Queue[Stored | None] = asyncio.Queue()
                storing = loop.run_in_executor(
                    thread, self._store, lambda batch, to=done: loop.call_soon_threadsafe(to.put_nowait, batch)
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
                committed = self._commit_or_retry([arrival for _, arrival in batch if arrival is not None])
                then(([message for message, _ in batch], committed))
        except StoreFaultError:
            waiting = len(batch) + len(self._ahead)
            _log.warning("this ingest ends while %d messages wait for the database: they come again", waiting)
        finally:
            then(None)

    def _next(self) -> list[Waiting]:
        """Return the messages that were read ahead, and as many more as have come since and fit."""
        batch, self._ahead = self._ahead, []
        return batch + self._inbox.take_now(BATCH - len(batch))

    def _read_ahead(self) -> None:
        """While the database works: the next batch, as far as it has come. It is stored after this one in any case."""
        self._ahead += self._inbox.take_now(min(READ_AHEAD, BATCH - len(self._ahead)))

    def _commit_or_retry(self, arrivals: Sequence[Arrival]) -> Sequence[Committed]:
        """Again and again while the database cannot be written, until this ingest ends."""
        delay_s = 0.1
        while True:
            try:
                done = self._commit(arrivals)
                self.trouble = None
                return done
            except StoreFaultError as error:
                self.trouble = error.trouble
                _log.error("the database takes nothing (%s), %d messages wait: %s", error.trouble, len(arrivals), error)
                if self._ended.wait(delay_s):
                    raise
                delay_s = min(MAX_RETRY_DELAY_S, delay_s * 2)

    def _commit(self, arrivals: Sequence[Arrival]) -> list[Committed]:
        """One transaction; where something in it cannot be stored, one each, and that one is quarantined. Raises
        StoreFaultError: the batch comes again whole, and what was stored of it is a repetition then."""
        if not arrivals:
            return []
        if self._check is not None and self._check.trouble is not None:
            raise StoreFaultError("store_damaged", ValueError("the store was found damaged"))
        done = self._take(arrivals, self._read_ahead)
        if isinstance(done, Committed):
            return [done]
        _log.error("a batch of %d cannot be stored at once: %s", len(arrivals), fault_name(done))
        alone = [(arrival, self._take([arrival])) for arrival in arrivals]
        refused = [(arrival, taken) for arrival, taken in alone if not isinstance(taken, Committed)]
        _check_only_theirs(refused)
        if refused and self._check is not None and not self._check.is_sound():
            raise StoreFaultError("store_damaged", refused[0][1])
        aside = [self._set_aside(unstorable(arrival, fault_name(fault))) for arrival, fault in refused]
        return [*(taken for _, taken in alone if isinstance(taken, Committed)), *aside]

    def _take(
        self, arrivals: Sequence[Arrival], meanwhile: Callable[[], object] | None = None
    ) -> Committed | Exception:
        """One transaction, or the fault of a row in it. Raises StoreFaultError."""
        try:
            return self._writer.commit(arrivals, self._clock(), meanwhile)
        except ROW_FAULTS as fault:
            return fault
        except OperationalError as fault:
            raise StoreFaultError("cannot_write", fault) from fault
        except (SQLAlchemyError, StoredRowError) as fault:
            raise StoreFaultError("cannot_write" if is_read_only(fault) else "store_damaged", fault) from fault

    def _set_aside(self, spoilt: UnreadableMessage) -> Committed:
        """Raises StoreFaultError: what cannot even be set aside waits."""
        taken = self._take([spoilt])
        if isinstance(taken, Exception):
            raise StoreFaultError("store_damaged", taken) from taken
        return taken

    def _tell(self, messages: Sequence[Incoming], committed: Sequence[Committed]) -> None:
        for message in messages:
            self._transport.acknowledge(message)
        self._acking.say([word for commit in committed for word in commit.acked])
        self._changes.publish(frozenset().union(*(commit.topics for commit in committed)))


def fault_name(fault: Exception) -> str:
    """The kind of a fault, without its text, which may hold data."""
    return type(fault.orig if isinstance(fault, DBAPIError) else fault).__name__


def _check_only_theirs(refused: Sequence[tuple[Arrival, Exception]]) -> None:
    """Raises StoreFaultError where two stations fail alike: no station can be the cause of what happens to another."""
    stations: dict[str, set[str]] = {}
    for arrival, fault in refused:
        alike = stations.setdefault(fault_name(fault), set())
        alike.add(arrival.station)
        if len(alike) > 1:
            raise StoreFaultError("rows_refused", fault) from fault
