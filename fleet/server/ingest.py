"""From messages to the store: every event once, acknowledged after its commit.

Group commit without a timer: each commit takes all that came while the last one ran. After it, in this order: the
broker is told, each station whose events were in it hears `acked`, pages hear what has changed. Nothing that a
station sends stops the stream: what cannot be read is quarantined, and while the database cannot be written the same
batch is tried again.

>>> read(Incoming("kortkiosk/v1/entre-a/presence", b'{"online":true,"bootid":"b"}'))
PresenceSeen(station='entre-a', online=True)
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from fleet.messages.events import EventError, parse
from fleet.messages.link import MessageError, Presence, StationState, decode, encode
from fleet.messages.topics import Topics, station_of
from fleet.server.inbox import Inbox
from fleet.server.readings import Changes
from fleet.server.store.arrivals import Arrival, Arrived, Committed, PresenceSeen, Spoilt, StateSeen
from fleet.server.store.writing import Writer
from fleet.server.transport import Incoming, Transport

BATCH = 500
MAX_STATE_BYTES = 64 * 1024
MAX_REASON = 200
MAX_RETRY_DELAY_S = 5.0

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def read(message: Incoming) -> Arrival | None:
    """What one message says. None where its topic belongs to no station: such a thing cannot be kept under any name."""
    station = station_of(message.topic)
    if station is None:
        return None
    kind = message.topic.rsplit("/", 1)[1]
    try:
        if kind == "events":
            return _event(station, message)
        if kind == "state":
            return _state(station, message.payload)
        if kind == "presence":
            return PresenceSeen(station, decode(Presence, message.payload).online)
    except (EventError, MessageError) as error:
        return Spoilt(
            station, message.key if kind == "events" else None, kind, message.payload, str(error)[:MAX_REASON]
        )
    return Spoilt(station, None, kind[:16], message.payload, "no topic of ours")


def _event(station: str, message: Incoming) -> Arrived:
    event = parse(message.payload)
    if event.station != station:
        raise EventError("source names another station than the topic")
    if message.key is not None and message.key != (event.epoch, event.sequence):
        raise EventError("epoch and sequence of the message are not those of the event")
    return Arrived(station, event, message.payload)


def _state(station: str, payload: bytes) -> StateSeen:
    if len(payload) > MAX_STATE_BYTES:
        raise MessageError(f"a state has at most {MAX_STATE_BYTES} bytes")
    return StateSeen(station, encode(decode(StationState, payload)).decode())


class Ingest:
    """Takes messages from a transport into a writer, until it is cancelled."""

    def __init__(self, transport: Transport, writer: Writer, changes: Changes, clock: Clock, inbox: Inbox) -> None:
        self._transport = transport
        self._writer = writer
        self._changes = changes
        self._clock = clock
        self._inbox = inbox

    async def run(self) -> None:
        """Store what comes, batch by batch, in a thread. A commit that has begun is finished, also when cancelled."""
        with ThreadPoolExecutor(1, "store-writer") as thread:
            while True:
                await self._take(thread, await self._inbox.take(BATCH))

    async def _take(self, thread: ThreadPoolExecutor, batch: Sequence[Incoming]) -> None:
        loop = asyncio.get_running_loop()
        delay_s = 0.1
        while True:
            try:
                committed = await loop.run_in_executor(thread, self._commit, [read(message) for message in batch])
                break
            except OperationalError as error:
                _log.error("the database cannot be written, %d messages wait: %s", len(batch), error.orig)
                await asyncio.sleep(delay_s)
                delay_s = min(MAX_RETRY_DELAY_S, delay_s * 2)
        for message in batch:
            self._transport.acknowledge(message)
        self._tell(committed)

    def _commit(self, read_ones: Sequence[Arrival | None]) -> list[Committed]:
        """One transaction; where something in it cannot be stored, one each, and that one is quarantined."""
        arrivals = [arrival for arrival in read_ones if arrival is not None]
        if not arrivals:
            return []
        try:
            return [self._writer.commit(arrivals, self._clock())]
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
            return self._writer.commit([_poison(arrival, reason)], self._clock())

    def _tell(self, committed: Sequence[Committed]) -> None:
        for one in committed:
            for station, acked in one.acked:
                self._transport.publish(Topics(station).acked, encode(acked))
            self._changes.publish(one.topics)


def _poison(arrival: Arrival, reason: str) -> Spoilt:
    said = f"cannot be stored: {reason}"
    match arrival:
        case Arrived():
            return Spoilt(arrival.station, arrival.key, "events", arrival.raw, said)
        case Spoilt():
            return Spoilt(arrival.station, arrival.key, arrival.kind, arrival.raw, said)
        case StateSeen():
            return Spoilt(arrival.station, None, "state", arrival.state.encode(), said)
        case PresenceSeen():
            return Spoilt(arrival.station, None, "presence", b"", said)
