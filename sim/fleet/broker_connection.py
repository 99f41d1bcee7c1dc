"""One connection of a simulated station: MQTT 5 over mutual TLS as an asyncio protocol.

Rules: what is sent with QoS 1 keeps within the broker's Receive Maximum; what comes is acknowledged at once, since a
station that has lost an `acked` sends again and hears another. A connection is used once. asyncio's buffers for TLS are
made small (`spare_memory`): 71 KiB a connection instead of 310.
"""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fleet.mqtt5 import packets, serializer

KEEP_ALIVE_S = 60
SESSION_EXPIRY_S = 3600
RECEIVE_MAXIMUM = 100
MAXIMUM_PACKET = 64 * 1024
CONNECT_TIMEOUT_S = 30.0
LEAVE_TIMEOUT_S = 5.0
_SUBSCRIBE_ID = packets.MAX_RECEIVE
TLS_BUFFER = 16 * 1024
"""The most that one TLS record holds (RFC 8446 section 5.1)."""


class BrokerConnectionError(Exception):
    """Raised where there is no connection; the text says why."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Settings of one connection: broker, TLS, client id, will. `others`: more nodes of the same broker, as (host, port)."""

    host: str
    port: int
    tls: ssl.SSLContext
    client_id: str
    will: tuple[str, bytes]
    subscriptions: Sequence[str]
    others: tuple[tuple[str, int], ...] = ()

    def to_next(self) -> "ConnectionSettings":
        """The same to the next node."""
        (host, port), *later = (*self.others, (self.host, self.port))
        return replace(self, host=host, port=port, others=tuple(later))


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Message to be published with QoS 1."""

    topic: str
    payload: bytes
    user: tuple[tuple[str, str], ...] = ()
    retain: bool = False
    correlation: bytes | None = None
    expiry_s: int | None = None

    def packet(self, packet_id: int) -> bytes:
        """As MQTT 5 has it."""
        return serializer.publish(
            self.topic, self.payload, packet_id, user=self.user, retain=self.retain,
            correlation=self.correlation, expiry_s=self.expiry_s,
        )  # fmt: skip


def spare_memory() -> None:
    """Let asyncio's TLS keep one record at a time and not 256 KiB, in this process."""
    sslproto.SSLProtocol.max_size = TLS_BUFFER


async def open_connection(hello: ConnectionSettings, take: Callable[[str, bytes], None]) -> "BrokerConnection":
    """Connect, subscribe, and give the connection. Raises BrokerConnectionError."""
    loop = asyncio.get_running_loop()
    line = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, line = await loop.create_connection(
                lambda: BrokerConnection(hello, take), hello.host, hello.port, ssl=hello.tls, server_hostname=hello.host
            )
            await line.ready
    except BaseException as error:
        if line is not None:
            line.cut()
        if isinstance(error, OSError | TimeoutError | BrokerConnectionError):
            raise BrokerConnectionError(str(error) or "no answer in time") from None
        raise
    return line


class BrokerConnection(asyncio.Protocol):
    """MQTT connection, made by `open_connection`. `closed` is done when it has ended."""

    def __init__(self, hello: ConnectionSettings, take: Callable[[str, bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self._hello = hello
        self._take = take
        self._packets = packets.Packets(MAXIMUM_PACKET)
        self._transport: asyncio.Transport | None = None
        self._ping: asyncio.TimerHandle | None = None
        self._waiting: deque[OutgoingMessage] = deque()
        self._unacknowledged: set[int] = set()
        self._last_id = 0
        self._room = 1
        self._heard = False
        self._soon: list[bytes] = []
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def publish(self, message: OutgoingMessage) -> None:
        """Send it, in its turn. Lost where the connection is."""
        self._waiting.append(message)
        self._pump()

    @property
    def under_way(self) -> bool:
        """True while the broker has not acknowledged all that was published."""
        return bool(self._waiting or self._unacknowledged)

    async def leave(self) -> None:
        """End in order; the broker publishes the will."""
        self._write(serializer.LEAVE_WITH_WILL)
        self._flush()
        if self._transport is not None:
            self._transport.close()
        await asyncio.wait({self.closed}, timeout=LEAVE_TIMEOUT_S)
        self.cut()

    def cut(self) -> None:
        """End at once and without a word, as a pulled cable does."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT. See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        wire = transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = self._hello
        self._write(
            serializer.connect(
                hello.client_id, KEEP_ALIVE_S, SESSION_EXPIRY_S, RECEIVE_MAXIMUM, MAXIMUM_PACKET, hello.will
            )
        )
        self._ping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S / 2, self._keep_alive)

    def data_received(self, data: bytes) -> None:
        """Take packets; what is none ends the connection."""
        self._heard = True
        try:
            for packet in self._packets.feed(data):
                self._on_packet(packet)
        except packets.MalformedError:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all that waits for the connection. See `asyncio.Protocol`."""
        self._transport = None
        if self._ping is not None:
            self._ping.cancel()
        if not self.ready.done():
            self.ready.set_exception(BrokerConnectionError("the connection was lost before it stood"))
            self.ready.exception()
        if not self.closed.done():
            self.closed.set_result(None)

    def _on_packet(self, packet: packets.Packet) -> None:
        match packet:
            case packets.Publish():
                if packet.packet_id:
                    self._write(serializer.puback([packet.packet_id]))
                self._take(packet.topic, packet.payload)
            case packets.Puback():
                self._unacknowledged.discard(packet.packet_id)
                self._pump()
            case packets.Connack():
                self._on_connack(packet)
            case packets.Suback():
                self._on_suback(packet)
            case packets.Disconnect():
                self.cut()
            case packets.Pingresp():
                pass

    def _on_connack(self, word: packets.Connack) -> None:
        if word.reason >= packets.FAILURE:
            self._refuse(f"the broker refuses this station: reason {word.reason:#04x}")
            return
        self._room = min(word.receive_maximum, packets.MAX_RECEIVE - 1)
        self._write(serializer.subscribe(_SUBSCRIBE_ID, self._hello.subscriptions))

    def _on_suback(self, word: packets.Suback) -> None:
        if any(reason >= packets.FAILURE for reason in word.reasons):
            self._refuse("the broker refuses a subscription")
        elif not self.ready.done():
            self.ready.set_result(None)

    def _refuse(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(BrokerConnectionError(why))
        self.cut()

    def _pump(self) -> None:
        while self._waiting and len(self._unacknowledged) < self._room and self._transport is not None:
            self._last_id = self._last_id % (_SUBSCRIBE_ID - 1) + 1
            if self._last_id not in self._unacknowledged:
                self._unacknowledged.add(self._last_id)
                self._write(self._waiting.popleft().packet(self._last_id))

    def _keep_alive(self) -> None:
        if not self._heard:
            self.cut()
            return
        self._heard = False
        self._write(serializer.PINGREQ)
        self._ping = asyncio.get_running_loop().call_later(KEEP_ALIVE_S / 2, self._keep_alive)

    def _write(self, data: bytes) -> None:
        """With all else of this turn of the loop, in one piece: a record of TLS for each packet would cost both ends more."""
        if not self._soon:
            asyncio.get_running_loop().call_soon(self._flush)
        self._soon.append(data)

    def _flush(self) -> None:
        soon, self._soon = self._soon, []
        if self._transport is not None and soon:
            self._transport.write(b"".join(soon))
