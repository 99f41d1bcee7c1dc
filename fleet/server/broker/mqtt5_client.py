"""MQTT 5 client of the server, on its own asyncio loop: cheaper by far than a thread and a callback a message.

Rules: the session is kept by the broker for a week, so that what stations send while the server is away waits; Receive
Maximum bounds what is taken and not yet stored, so what it does not bound (QoS 0) is not taken; PUBACKs go out in the
order in which their messages came, all of a batch in one write, and only on the connection that their messages came on
(4.6, 4.9). A lost connection is made again after a time that grows and is spread.
"""

import asyncio
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from fleet.messages.events import EPOCH_PROPERTY, MAX_SEQUENCE, SEQUENCE_PROPERTY
from fleet.messages.takeovers import MANY, SESSION_TAKEN_OVER, TakeOvers
from fleet.messages.topics import PRESENCE
from fleet.mqtt5 import packets, serializer
from fleet.server.broker.mqtt5_session import Mqtt5Session
from fleet.server.broker.shared_subscription import ALL, SharedSubscription
from fleet.server.broker.transport import Handler, Incoming
from fleet.server.process.addresses import Address

RECEIVE_MAXIMUM = 1_000
"""Two batches: one is stored while the next one comes in."""
CALM = RECEIVE_MAXIMUM // 10
"""So few messages under way show that nothing waits at the broker: it fills the window from its queue."""
ASK_AGAIN_S = 600.0
MAXIMUM_PACKET = 272 * 1024
"""More than our broker takes of a station (`broker.MAX_PACKET`): what it took it would drop without a word if it were too large
for us (3.1.2.11.4)."""
KEEP_ALIVE_S = 30
PING_EVERY_S = KEEP_ALIVE_S / 2
CONNECT_TIMEOUT_S = 5.0
END_TIMEOUT_S = 2.0
START_PATIENCE_S = 5.0
MOST_WAITING = 10_000
FIRST_DELAY_S, MAX_DELAY_S = 1.0, 10.0
_SUBSCRIBE_ID = 65_535

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM files of mutual TLS."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, authority: Path, name: str) -> "Credentials":
        """Return the credentials of that process of the server, in the folder of the authority or an export of it."""
        return cls(authority / "ca/ca.pem", authority / f"server/{name}.pem", authority / f"server/{name}.key")

    @property
    def name(self) -> str:
        """The CN of the certificate, which is the client id. Raises OSError, ValueError."""
        (name,) = x509.load_pem_x509_certificate(self.certificate.read_bytes()).subject.get_attributes_for_oid(
            NameOID.COMMON_NAME
        )
        return str(name.value)


class Mqtt5Connection(asyncio.Protocol):
    """One connection: bytes in, packets out. `ended` is done when it is over."""

    def __init__(
        self, take: Callable[["Mqtt5Connection", packets.Packet], None], part: SharedSubscription = ALL
    ) -> None:
        self._take = take
        self._part = part
        self._packets = packets.Packets(MAXIMUM_PACKET)
        self._transport: asyncio.Transport | None = None
        self._owed: list[int] = []
        self._soon: list[bytes] = []
        self.heard = False
        self.refused = False
        """Whether the broker refuses a subscription: then nothing comes, or not all."""
        self.under_way = 0
        """Messages that came and are not acknowledged."""
        self.crowded = False
        """Whether the window was full: the broker's queue may have been too, and a last will dropped. It keeps a copy of that."""
        self.catching_up = False
        """Whether what comes may have waited at the broker: a session that goes on begins with its queue (4.5)."""
        self.unasked = 0
        """Messages with QoS 0, which were not taken."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        line = transport.get_extra_info("socket")
        if line is not None:  # Nagle's algorithm would hold `acked` back until the broker's delayed acknowledgement
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        part = self._part
        self.write(
            serializer.connect(part.client_id, KEEP_ALIVE_S, part.session_expiry_s, RECEIVE_MAXIMUM, MAXIMUM_PACKET)
        )

    def data_received(self, data: bytes) -> None:
        """Hand each packet on. What is no packet ends the connection."""
        self.heard = True
        try:
            for packet in self._packets.feed(data):
                self._take(self, packet)
        except packets.MalformedError as error:
            _log.error("the broker sent what is no MQTT: %s", error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Mark the connection as ended: whoever waits for the end goes on."""
        self._transport = None
        if not self.ended.done():
            self.ended.set_result(None)

    def write(self, data: bytes) -> None:
        """Write, unless it is over."""
        if self._transport is not None and data:
            self._transport.write(data)

    def owe(self, packet_id: int) -> None:
        """Acknowledge soon: with all others of this turn of the loop, in one write."""
        self._come_to_it()
        self._owed.append(packet_id)

    def write_soon(self, data: Sequence[bytes]) -> None:
        """Write after what is owed, with all else of this turn of the loop, in one write."""
        if data:
            self._come_to_it()
            self._soon += data

    def close(self) -> None:
        """Leave: what was written still goes out."""
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """Leave, and wait until it is over; not for ever."""
        self.close()
        await asyncio.wait({self.ended}, timeout=END_TIMEOUT_S)
        if self._transport is not None:
            self._transport.abort()

    def _come_to_it(self) -> None:
        if not self._owed and not self._soon:
            asyncio.get_running_loop().call_soon(self._pay)

    def _pay(self) -> None:
        owed, self._owed = self._owed, []
        soon, self._soon = self._soon, []
        self.write(serializer.puback(owed) + b"".join(soon))


class Mqtt5Transport:
    """Implements `Transport` over MQTT 5 and mutual TLS. Raises OSError where a PEM file cannot be used."""

    def __init__(self, broker: Address, credentials: Credentials, part: SharedSubscription = ALL) -> None:
        self._broker = broker
        self._part = part
        self._tls = tls_context(credentials)
        self._session = Mqtt5Session(MOST_WAITING)
        self._session.lost()
        self._line: Mqtt5Connection | None = None
        """The connection that there is, let in by the broker or not yet."""
        self.connection: Mqtt5Connection | None = None
        """The one that the broker has let in."""
        self._handler: Handler | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._subscribed = asyncio.Event()
        self._ask_after = 0.0
        self._taken_over = TakeOvers()
        self.on_taken_over: Callable[[], None] = lambda: None
        """Told each time that another connection takes the session over."""

    async def start(self, handler: Handler) -> None:
        """Connect and subscribe. Where that takes long, go on trying in the background until `stop`."""
        self._handler = handler
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._task = asyncio.create_task(self._stay())
        try:
            await asyncio.wait_for(self._subscribed.wait(), START_PATIENCE_S)
        except TimeoutError:
            _log.error("no connection to the broker at %s yet: the server goes on trying", self._broker)

    async def stop(self) -> None:
        """Leave in order; what is not acknowledged comes again next time."""
        self._handler = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._line is not None:
            self._line.write(serializer.LEAVE)
            await self._line.end()

    @property
    def connected(self) -> bool:
        """True while the broker has let the client in and granted what it subscribes to, and is still there."""
        return self.connection is not None and not self.connection.refused

    @property
    def trouble(self) -> str | None:
        """Why it is of no use just now, in a word, for `health`: `taken_over` where another connection with the server's
        certificate has taken its session thrice of late."""
        if self._loop is not None and self._taken_over.recent(self._loop.time()) >= MANY:
            return "taken_over"
        return None if self.connected else "away"

    def acknowledge(self, message: Incoming) -> None:
        """Send the PUBACK, on the connection that the message came on or not at all."""
        assert isinstance(message.token, tuple)
        self._in_loop(self._owe, *message.token)

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, *, expiry_s: int | None = None
    ) -> None:
        """Send with QoS 1."""
        self._in_loop(self._publish, topic, payload, correlation, expiry_s)

    def _in_loop(self, call: Callable[..., None], *args: object) -> None:
        if threading.get_ident() == self._thread:
            call(*args)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    def _owe(self, connection: Mqtt5Connection, packet_id: int) -> None:
        if packet_id and connection is self.connection:
            connection.owe(packet_id)
            connection.under_way -= 1
            if connection.under_way < CALM:
                connection.catching_up = connection.catching_up and not self._subscribed.is_set()
                if connection.crowded:
                    self._ask_who_is_there(connection)

    def _ask_who_is_there(self, connection: Mqtt5Connection) -> None:
        """Subscribe to presence again: the broker tells what it has kept of each station (3.3.1.3). Now and then at most."""
        now = asyncio.get_running_loop().time()
        if now < self._ask_after:
            return
        self._ask_after, connection.crowded = now + ASK_AGAIN_S, False
        presence = [subscription for subscription in self._part.subscriptions if subscription == PRESENCE]
        if presence:
            connection.write_soon([serializer.subscribe(_SUBSCRIBE_ID, presence)])

    def _publish(self, topic: str, payload: bytes, correlation: bytes | None, expiry_s: int | None) -> None:
        out = self._session.publish(topic, payload, correlation, expiry_s)
        if self.connection is not None:
            self.connection.write_soon(out)

    async def _stay(self) -> None:
        """Connect, and connect again, until cancelled."""
        delay_s = FIRST_DELAY_S
        while True:
            self._line = await self._connect()
            if self._line is not None:
                lived = await self._keep(self._line)
                await self._line.end()
                delay_s = FIRST_DELAY_S if lived else delay_s
            await asyncio.sleep(random.uniform(delay_s / 2, delay_s))  # noqa: S311  # to spread, not to hide
            delay_s = min(MAX_DELAY_S, delay_s * 2)

    async def _connect(self) -> Mqtt5Connection | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: Mqtt5Connection(self._take, self._part), self._broker.host, self._broker.port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            _log.warning("the broker at %s cannot be reached: %s", self._broker, error or "no answer in time")
            return None
        return connection

    async def _keep(self, connection: Mqtt5Connection) -> bool:
        """Ping a silent connection until it ends, or stays silent. Whether it was ever a session."""
        try:
            while not connection.ended.done():
                connection.heard = False
                connection.write(serializer.PINGREQ)
                await asyncio.wait({connection.ended}, timeout=PING_EVERY_S)
                if not connection.ended.done() and not connection.heard:
                    _log.warning("the broker at %s has gone silent", self._broker)
                    break
        finally:
            lived = self.connection is connection
            if lived:
                self.connection = None
                self._session.lost()
        _log.warning("left the broker at %s", self._broker)
        return lived

    def _take(self, connection: Mqtt5Connection, packet: packets.Packet) -> None:
        match packet:
            case packets.Publish():
                self._deliver(connection, packet)
            case packets.Puback():
                connection.write_soon(self._session.acknowledged(packet.packet_id))
            case packets.Connack():
                self._greeted(connection, packet)
            case packets.Suback():
                if refused := [hex(reason) for reason in packet.reasons if reason >= packets.FAILURE]:
                    connection.refused = True
                    _log.error("the broker at %s refuses a subscription: %s", self._broker, refused)
                self._subscribed.set()
                connection.catching_up = connection.catching_up and connection.under_way >= CALM
            case packets.Disconnect():
                self._dismissed(packet.reason)
            case packets.Pingresp():
                pass

    def _dismissed(self, reason: int) -> None:
        if reason == SESSION_TAKEN_OVER:
            self._taken_over.note(asyncio.get_running_loop().time())
            self.on_taken_over()
            _log.error(
                "another connection with the server's certificate has taken its session over at %s", self._broker
            )
        else:
            _log.warning("the broker at %s ends the connection: reason %#04x", self._broker, reason)

    def _greeted(self, connection: Mqtt5Connection, connack: packets.Connack) -> None:
        if connack.reason >= packets.FAILURE:
            _log.error("the broker at %s refuses the server: reason %#04x", self._broker, connack.reason)
            connection.close()
            return
        _log.info("connected to the broker at %s", self._broker)
        self.connection = connection
        self._subscribed.clear()
        connection.catching_up = connack.session_present
        connection.write(serializer.subscribe(_SUBSCRIBE_ID, self._part.subscriptions))
        connection.write(b"".join(self._session.connected(connack.receive_maximum, present=connack.session_present)))

    def _deliver(self, connection: Mqtt5Connection, packet: packets.Publish) -> None:
        if packet.packet_id == 0:  # QoS 0: no Receive Maximum holds it back (4.9), and no contract of ours has it
            connection.unasked += 1
            if connection.unasked == 1:
                _log.warning("messages with QoS 0 are not taken; the first was on %s", packet.topic)
        elif self._handler is not None:
            connection.under_way += 1
            if connection.under_way >= RECEIVE_MAXIMUM and not packet.retained:
                connection.crowded = True
            self._handler(
                Incoming(
                    packet.topic,
                    packet.payload,
                    key_of(packet.user),
                    packet.correlation,
                    (connection, packet.packet_id),
                    packet.retained,
                    connection.catching_up,
                )
            )


def tls_context(credentials: Credentials) -> ssl.SSLContext:
    """For a client that shows its certificate. Raises OSError where a PEM file cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(credentials.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    return context


def key_of(properties: tuple[tuple[str, str], ...]) -> tuple[int, int] | None:
    """(epoch, sequence), where both are said and within bounds; a repeated property counts as not said."""
    if not properties:
        return None
    names = [name for name, _ in properties]
    if names.count(EPOCH_PROPERTY) != 1 or names.count(SEQUENCE_PROPERTY) != 1:
        return None
    values = dict(properties)
    epoch, sequence = _whole(values[EPOCH_PROPERTY]), _whole(values[SEQUENCE_PROPERTY])
    return None if epoch is None or sequence is None else (epoch, sequence)


def _whole(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return None
    return int(text) if 1 <= int(text) <= MAX_SEQUENCE else None
