"""AMQP transport: one process's connection to a RabbitMQ cluster, reconnected when lost; implements `Transport`.

Rules: two lines, one that takes and one that publishes. Each goes to any of the nodes, and to another one when its node ends.
What is published while there is no line waits, at most `MOST_WAITING`, the oldest is dropped: stations' own rules heal that.
Of a message's user properties RabbitMQ keeps the last of each name.
"""

import asyncio
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from fleet.messages.events import EPOCH_PROPERTY, SEQUENCE_PROPERTY
from fleet.server.broker.mqtt5_client import Credentials, key_of, tls_context
from fleet.server.broker.transport import Handler, Incoming
from fleet.server.cluster import layout
from fleet.server.cluster.amqp_connection import (
    AmqpConnection,
    AmqpError,
    AmqpSubscription,
    Delivered,
    open_connection,
)
from fleet.server.process.addresses import Address

SHARD_PREFETCH = 200
ASKS_PREFETCH = 256
"""More than one station may have waiting (`fleet.server.asks.fair_queue`): a flood of one must not fill it."""
START_PATIENCE_S = 10.0
STOP_TIMEOUT_S = 3.0
FIRST_DELAY_S, MAX_DELAY_S = 0.5, 5.0
MOST_WAITING = 10_000
WAITED_S = 60.0
"""What has been at the broker for longer has waited there; the clocks of broker and worker may differ a little."""
BROKER_TIME = "timestamp_in_ms"
"""When the broker took a message, in milliseconds since 1970: set by it (`message_interceptors` of rabbitmq.conf)."""

_log = logging.getLogger(__name__)

_Publish = tuple[str, bytes, bytes | None, int | None]


def intake(consumer: str) -> AmqpSubscription:
    """Return the subscription of an ingest worker. `consumer`: a name that no other worker has."""
    return AmqpSubscription(layout.SHARD_QUEUES, SHARD_PREFETCH, consumer)


def asks() -> AmqpSubscription:
    """Return the subscription of a process that answers questions."""
    return AmqpSubscription((layout.ASKS,), ASKS_PREFETCH)


class AmqpTransport:
    """See the module. Raises OSError where a PEM file cannot be used."""

    def __init__(self, brokers: Sequence[Address], credentials: Credentials, subscription: AmqpSubscription) -> None:
        self._brokers = tuple(brokers)
        self._tls = tls_context(credentials)
        self._wanted = subscription
        self._handler: Handler | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._takes = False
        self._saying: AmqpConnection | None = None
        self._waiting: deque[_Publish] = deque(maxlen=MOST_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._started = asyncio.Event()

    async def start(self, handler: Handler) -> None:
        """Connect and consume. Where that takes long, go on trying in the background until `stop`."""
        self._handler = handler
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._tasks = [
            asyncio.create_task(self._stay(self._wanted, self._now_taking), name="amqp-in"),
            asyncio.create_task(self._stay(None, self._now_saying), name="amqp-out"),
        ]
        try:
            await asyncio.wait_for(self._started.wait(), START_PATIENCE_S)
        except TimeoutError:
            _log.error("no connection to the broker yet: the server goes on trying")

    async def stop(self) -> None:
        """Leave in order; what is not acknowledged goes to another consumer."""
        self._handler = None
        await asyncio.sleep(0)  # what is owed is paid at the end of a turn
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """True while both lines are there."""
        return self._takes and self._saying is not None

    @property
    def trouble(self) -> str | None:
        """Why it is of no use just now, in a word, for `health`."""
        return None if self.connected else "away"

    def acknowledge(self, message: Incoming) -> None:
        """On the line that it came on, or not at all."""
        assert isinstance(message.token, tuple)
        line, tag = message.token
        self._in_loop(line.acknowledge, tag)

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, *, expiry_s: int | None = None
    ) -> None:
        """Send, for subscribers with QoS 1."""
        self._in_loop(self._publish, (layout.routing_key(topic), payload, correlation, expiry_s))

    def _in_loop(self, call: Callable[..., None], *args: object) -> None:
        if threading.get_ident() == self._thread:
            call(*args)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    def _publish(self, message: _Publish) -> None:
        self._waiting.append(message)
        self._flush()

    def _flush(self) -> None:
        line = self._saying
        while self._waiting and line is not None and not line.blocked:
            line.publish(*self._waiting.popleft())

    async def _stay(self, subscription: AmqpSubscription | None, now: Callable[[AmqpConnection | None], None]) -> None:
        """Connect, and connect again, until cancelled; another node each time."""
        nodes = random.sample(self._brokers, len(self._brokers))
        delay_s, tried = FIRST_DELAY_S, 0
        while True:
            broker = nodes[tried % len(nodes)]
            tried += 1
            try:
                await self._live(await open_connection(broker, self._tls, subscription, self._deliver), now)
                delay_s = FIRST_DELAY_S
            except (AmqpError, OSError) as error:
                _log.warning("the broker at %s cannot be used: %s", broker, error)
            await asyncio.sleep(random.uniform(0, delay_s))  # noqa: S311  # to spread, not to hide
            delay_s = delay_s if tried % len(nodes) else min(MAX_DELAY_S, delay_s * 2)

    async def _live(self, line: AmqpConnection, now: Callable[[AmqpConnection | None], None]) -> None:
        now(line)
        try:
            _log.warning("left the broker: %s", await asyncio.shield(line.ended))
        finally:
            now(None)
            line.close()
            await asyncio.wait({line.ended}, timeout=STOP_TIMEOUT_S)

    def _now_taking(self, line: AmqpConnection | None) -> None:
        self._takes = line is not None
        if self._takes:
            self._started.set()

    def _now_saying(self, line: AmqpConnection | None) -> None:
        self._saying = line
        self._flush()

    def _deliver(self, line: AmqpConnection, message: Delivered) -> None:
        if self._handler is not None:
            self._handler(
                Incoming(
                    layout.topic(message.key), message.body, _key(message.headers), message.correlation,
                    (line, message.tag), waited=_waited(message.headers, time.time()),
                )
            )  # fmt: skip


def _key(headers: dict[str, Any]) -> tuple[int, int] | None:
    properties = [(name, headers[name]) for name in (EPOCH_PROPERTY, SEQUENCE_PROPERTY) if name in headers]
    return key_of(tuple(properties)) if all(isinstance(value, str) for _, value in properties) else None


def _waited(headers: dict[str, Any], now_s: float) -> bool:
    """Return whether nobody took the message for long. Without the broker's time of arrival it counts as handed on at once."""
    came_ms = headers.get(BROKER_TIME)
    return isinstance(came_ms, int) and now_s - came_ms / 1000 > WAITED_S
