"""AMQP 0-9-1 connection to RabbitMQ with one channel, on the running asyncio loop. The one file that imports pika.

Rules: who takes declares the layout each time, which changes nothing where it is there. A line either takes or publishes: a
broker that is short of memory stops reading from who publishes, and acknowledgements would wait behind. In queues with an
order, what is acknowledged is always all up to a delivery: a commit is one acknowledgement, nothing is let go before its turn.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.credentials import ExternalCredentials

from fleet.server.cluster import layout
from fleet.server.process.addresses import Address

HEARTBEAT_S = 15
CONNECT_TIMEOUT_S = 15.0
OPEN_TIMEOUT_S = 60.0
"""A broker that is busy with a backlog takes its time over consumers; who gives up sooner never gets to work it off."""
PERSISTENT = 2
JSON = "application/json"
logging.getLogger("pika").setLevel(logging.CRITICAL)  # what it says is said here, in one line
LONG_CORRELATION = "x-correlation-id"
"""Where RabbitMQ puts correlation data that are not UTF-8."""


class AmqpError(Exception):
    """No connection. The text says why."""


@dataclass(frozen=True, slots=True)
class AmqpSubscription:
    """Queues to take from, of each at most `prefetch` messages that are not acknowledged. `consumer` bids for queues with an
    order; empty: the queues have none, and are shared."""

    queues: tuple[str, ...]
    prefetch: int
    consumer: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message from a queue."""

    key: str
    body: bytes
    headers: dict[str, Any]
    correlation: bytes | None
    tag: int


Take = Callable[["AmqpConnection", Delivered], None]


async def open_connection(
    broker: Address, tls: ssl.SSLContext, subscription: AmqpSubscription | None, take: Take
) -> "AmqpConnection":
    """Connect, declare, and consume what is wanted (None: nothing). Raises AmqpError."""
    line = AmqpConnection(broker, tls, subscription, take)
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            await line.ready
    except TimeoutError:
        line.close()
        raise AmqpError("no answer in time") from None
    except BaseException:
        line.close()
        raise
    return line


class AmqpConnection:
    """Made by `open_connection`. `ended` is done when it is over, with the reason."""

    def __init__(self, broker: Address, tls: ssl.SSLContext, subscription: AmqpSubscription | None, take: Take) -> None:
        loop = asyncio.get_running_loop()
        self._wanted = subscription
        self._take = take
        self._channel: Any = None
        self._owed: set[int] = set()
        self._through = 0
        self._paying = False
        self.blocked = False
        """The broker is short of memory or disk: nothing is to be published just now."""
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        parameters = pika.ConnectionParameters(
            broker.host,
            broker.port,
            ssl_options=pika.SSLOptions(tls, broker.host),
            credentials=ExternalCredentials(),
            heartbeat=HEARTBEAT_S,
            socket_timeout=CONNECT_TIMEOUT_S,
            stack_timeout=CONNECT_TIMEOUT_S,
            client_properties={
                "connection_name": f"kortkiosk {subscription.consumer or 'asks' if subscription else 'out'}"
            },
        )
        self._connection: Any = AsyncioConnection(parameters, self._connected, self._over, self._over, loop)

    def acknowledge(self, tag: int) -> None:
        """Soon, with all others of this turn of the loop."""
        self._owed.add(tag)
        if not self._paying:
            self._paying = True
            asyncio.get_running_loop().call_soon(self._pay)

    def publish(self, key: str, body: bytes, correlation: bytes | None, expiry_s: int | None) -> None:
        """Hand it to the broker."""
        if self.ended.done() or not self._channel.is_open:
            return
        expiration = None if expiry_s is None else str(1000 * expiry_s)
        about = pika.BasicProperties(
            content_type=JSON, correlation_id=correlation, delivery_mode=PERSISTENT, expiration=expiration
        )
        self._channel.basic_publish(layout.TOPICS, key, body, about)

    def close(self) -> None:
        if self._connection.is_open:
            self._connection.close()

    def _connected(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._block(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._block(blocked=False))
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._over)
        channel.add_on_cancel_callback(lambda _: self._over(None, "a queue is gone"))
        if self._wanted is not None:
            _declare(channel)
            self._consume(channel, self._wanted)
        channel.basic_qos(callback=lambda _: self._stands())

    def _consume(self, channel: Any, subscription: AmqpSubscription) -> None:
        channel.basic_qos(prefetch_count=subscription.prefetch)
        for queue in subscription.queues:
            bid = {"x-priority": layout.priority(subscription.consumer, queue)} if subscription.consumer else {}
            channel.basic_consume(queue, self._delivered, arguments=bid)

    def _stands(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _delivered(self, _channel: Any, method: Any, about: Any, body: bytes) -> None:
        headers = about.headers or {}
        correlation_id = headers.get(LONG_CORRELATION, about.correlation_id)
        correlation = correlation_id.encode() if isinstance(correlation_id, str) else correlation_id
        self._take(self, Delivered(method.routing_key, body, headers, correlation, method.delivery_tag))

    def _pay(self) -> None:
        self._paying = False
        if self.ended.done() or not self._channel.is_open:
            return
        if self._wanted is not None and self._wanted.consumer:
            self._pay_in_order()
            return
        for tag in self._owed:
            self._channel.basic_ack(tag)
        self._owed.clear()

    def _pay_in_order(self) -> None:
        through = self._through
        while through + 1 in self._owed:
            through += 1
            self._owed.discard(through)
        if through > self._through:
            self._through = through
            self._channel.basic_ack(through, multiple=True)

    def _block(self, *, blocked: bool) -> None:
        self.blocked = blocked

    def _over(self, _what: Any, why: Any) -> None:
        reason = _reason(why)
        if not self.ready.done():
            self.ready.set_exception(AmqpError(reason))
            self.ready.exception()
        if not self.ended.done():
            self.ended.set_result(reason)
        self.close()


def _reason(why: Any) -> str:
    """pika wraps what went wrong into what it was doing."""
    while isinstance(why, Exception) and (inner := getattr(why, "exceptions", why.args)):
        if not isinstance(inner[-1], Exception):
            break
        why = inner[-1]
    return str(why) or type(why).__name__


def _declare(channel: Any) -> None:
    channel.exchange_declare(layout.STATIONS, "x-consistent-hash", durable=True)
    for queue in layout.SHARD_QUEUES:
        channel.queue_declare(queue, durable=True, arguments=layout.SHARD_QUEUE)
        channel.queue_bind(queue, layout.STATIONS, routing_key="1")
    for kind in layout.KINDS:
        channel.exchange_bind(layout.STATIONS, layout.TOPICS, routing_key=layout.binding(kind))
    channel.queue_declare(layout.ASKS, durable=True, arguments=layout.QUEUE)
    channel.queue_bind(layout.ASKS, layout.TOPICS, routing_key=layout.binding("ask"))
