"""MQTT 5 client over TLS: one connection, in the only file that imports paho.

paho runs without a thread of its own: asyncio watches the socket and calls paho's `loop_read`, `loop_write` and
`loop_misc`. So every callback comes in the loop, in order, with no lock, and an answer that paho cannot decode ends
this connection instead of killing a thread that nobody watches. Only the blocking part (TCP and TLS handshake) is
done in a worker thread.

A connection is used once. paho keeps no message between two of them, since the outbox is the truth; the broker keeps
the session (`clean_start` false), which for QoS 1 holds only what comes down.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.agent.endpoint import TAKEN_OVER, ConnectionFailed, Endpoint, Extras, ReceivedMessage
from fleet.agent.proxy import Proxy
from fleet.messages.takeovers import SESSION_TAKEN_OVER

KEEPALIVE_S = 20
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
SESSION_EXPIRY_S = 7 * 24 * 3600
MISC_EVERY_S = 1.0
DEFAULT_RECEIVE_MAXIMUM = 65535
"""Where the broker names none (MQTT 5 section 3.2.2.3.3)."""

_DISCONNECT_WITH_WILL = "Disconnect with will message"
"""Reason code 0x04 (MQTT 5 section 3.14.2.1): the broker then publishes the will as if the station had vanished."""


class _Client(Client):
    """paho knows proxies by a library that has had no release for years, so the line is dialled here."""

    proxy: Proxy | None = None

    def _create_socket_connection(self) -> socket.socket:
        if self.proxy is None:
            return super()._create_socket_connection()
        return self.proxy.dial(self.host, self.port, self.connect_timeout)


class Connection:
    """An open connection. Make it with `open`; `closed` is done when it has ended, with the reason in words."""

    def __init__(self, endpoint: Endpoint, on_message: Callable[[ReceivedMessage], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: dict[int, asyncio.Future[None]] = {}
        self._watched: socket.socket | None = None
        self._misc: asyncio.TimerHandle | None = None
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._receive_maximum = DEFAULT_RECEIVE_MAXIMUM
        self._waiting: deque[Callable[[], MQTTErrorCode]] = deque()
        self._unacknowledged = 0
        self._client = self._make_client(endpoint)

    @classmethod
    async def open(cls, endpoint: Endpoint, on_message: Callable[[ReceivedMessage], None]) -> "Connection":
        """Connect and wait for the broker's CONNACK. Raises ConnectionFailed."""
        connection = cls(endpoint, on_message)
        try:
            await connection._dial(endpoint)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection._connected
        except ssl.SSLCertVerificationError as error:
            connection.cut()
            raise ConnectionFailed(f"the broker's certificate was not accepted: {error.verify_message}") from error
        except OSError as error:
            connection.cut()
            raise ConnectionFailed(f"no connection to {endpoint.host}:{endpoint.port}: {error}") from error
        except BaseException:
            connection.cut()
            raise
        return connection

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, extras: Extras | None = None) -> None:
        """Send a QoS 1 message, in its turn and within the broker's Receive Maximum. Lost if the connection is."""
        properties = _properties_of(extras) if extras is not None else None
        self._waiting.append(
            lambda: self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).rc
        )
        self._pump()

    @property
    def under_way(self) -> bool:
        return bool(self._waiting or self._unacknowledged)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1 and wait until the broker grants it. Raises ConnectionFailed."""
        result, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if result != MQTT_ERR_SUCCESS or mid is None:
            raise ConnectionFailed("the connection was lost before the subscription")
        granted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed[mid] = granted
        ends: list[asyncio.Future[Any]] = [granted, self.closed]
        await asyncio.wait(ends, timeout=ANSWER_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not granted.done():
            raise ConnectionFailed("the broker did not grant the subscription in time")
        granted.result()

    async def leave(self, timeout_s: float = 2.0) -> None:
        """End in order: the broker publishes the will, so that nobody takes a stopped station for a live one."""
        if self.closed.done():
            return
        reason = ReasonCode(PacketTypes.DISCONNECT, _DISCONNECT_WITH_WILL)
        self._guard(lambda: self._client.disconnect(reasoncode=reason))
        await asyncio.wait([self.closed], timeout=timeout_s)  # paho closes once the DISCONNECT is written
        self.cut()

    def cut(self) -> None:
        """End at once and without a DISCONNECT, as a pulled cable does."""
        self._finish("cut")

    def _make_client(self, endpoint: Endpoint) -> Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=endpoint.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.proxy = endpoint.proxy
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # no limit of paho's own, which could not follow the broker's
        client.tls_set_context(endpoint.tls)
        client.will_set(endpoint.will_topic, endpoint.will, qos=1, retain=True)
        client.on_connect = self._handle_connect
        client.on_disconnect = self._handle_disconnect
        client.on_subscribe = self._handle_subscribe
        client.on_publish = self._handle_publish
        client.on_message = self._handle_message
        client.on_socket_close = self._handle_close
        client.on_socket_register_write = self._handle_want_write
        client.on_socket_unregister_write = self._handle_wrote
        return client

    def _handle_connect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._finish(f"the broker refused: {reason}")
            return
        self._receive_maximum = getattr(properties, "ReceiveMaximum", DEFAULT_RECEIVE_MAXIMUM)
        if not self._connected.done():
            self._connected.set_result(None)

    def _handle_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._finish(TAKEN_OVER if reason.value == SESSION_TAKEN_OVER else f"lost: {reason}")

    def _handle_subscribe(
        self, _client: Client, _userdata: Any, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        granted = self._subscribed.pop(mid, None)
        if granted is None or granted.done():
            return
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            granted.set_exception(ConnectionFailed(f"the broker refused the subscription: {', '.join(refused)}"))
        else:
            granted.set_result(None)

    def _handle_publish(
        self, _client: Client, _userdata: Any, _mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._unacknowledged -= 1
        self._pump()

    def _pump(self) -> None:
        while self._waiting and self._unacknowledged < self._receive_maximum:
            self._unacknowledged += 1
            if not self._guard(self._waiting.popleft()):
                return

    def _handle_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        self._on_message(ReceivedMessage(message.topic, bytes(message.payload), correlation))

    def _handle_want_write(self, _client: Client, _userdata: Any, _sock: Any) -> None:
        # During the handshake this comes from the worker thread; `_watch` then asks want_write itself.
        if self._watched is not None:
            self._loop.add_writer(self._watched, self._write)

    def _handle_wrote(self, _client: Client, _userdata: Any, _sock: Any) -> None:
        if self._watched is not None:
            self._loop.remove_writer(self._watched)

    def _handle_close(self, _client: Client, _userdata: Any, _sock: Any) -> None:
        self._unwatch()

    async def _dial(self, endpoint: Endpoint) -> None:
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        connect = functools.partial(
            self._client.connect,
            endpoint.host,
            endpoint.port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=properties,
        )
        dialling = self._loop.run_in_executor(None, connect)
        try:
            await asyncio.shield(dialling)
        except asyncio.CancelledError:
            # The thread cannot be stopped: what it opens later is closed as soon as it comes.
            dialling.add_done_callback(self._drop_late)
            raise
        self._watch()

    def _drop_late(self, dialling: "asyncio.Future[Any]") -> None:
        if not dialling.cancelled():
            dialling.exception()
        self._close_socket()

    def _watch(self) -> None:
        sock = self._client.socket()
        if not isinstance(sock, socket.socket):
            raise ConnectionFailed("the connection was lost at once")
        self._watched = sock
        # Nagle's algorithm would hold an answer back until the broker's delayed acknowledgement: 40 ms each.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(sock, self._read)
        if self._client.want_write():
            self._loop.add_writer(sock, self._write)
        self._misc = self._loop.call_later(MISC_EVERY_S, self._tick)

    def _read(self) -> None:
        # TLS may hold decrypted bytes that the socket no longer announces: read until it holds none.
        while self._guard(self._client.loop_read) and isinstance(self._watched, ssl.SSLSocket):
            if not self._watched.pending():
                return

    def _write(self) -> None:
        self._guard(self._client.loop_write)

    def _tick(self) -> None:
        if self._guard(self._client.loop_misc):
            self._misc = self._loop.call_later(MISC_EVERY_S, self._tick)

    def _guard(self, step: Callable[[], MQTTErrorCode]) -> bool:
        """Let paho do one step; whatever goes wrong there ends this connection, and says so. True while it is open."""
        if self.closed.done():
            return False
        try:
            result = step()
        except Exception as error:  # paho's decoders raise what they like on bytes that are no MQTT
            self._finish(f"broken traffic: {type(error).__name__}")
            return False
        if result not in (MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN):
            self._finish(f"lost: {result.name}")
        return not self.closed.done()

    def _finish(self, reason: str) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        if self._misc is not None:
            self._misc.cancel()
        self._unwatch()
        self._close_socket()
        if not self._connected.done():
            self._connected.set_exception(ConnectionFailed(reason))
            self._connected.exception()  # seen: whoever waits gets it, and if nobody does it is no fault

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._loop.remove_writer(self._watched)
            self._watched = None

    def _close_socket(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            # The descriptor itself is shut: no TLS goodbye, no DISCONNECT.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            sock.close()


def _properties_of(extras: Extras) -> Properties:
    made = _properties(PacketTypes.PUBLISH)
    values = {
        "ContentType": extras.content_type,
        "UserProperty": list(extras.user) or None,
        "ResponseTopic": extras.response_topic,
        "CorrelationData": extras.correlation,
        "MessageExpiryInterval": extras.expiry_s,
    }
    for name, value in values.items():
        if value is not None:
            setattr(made, name, value)
    return made


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
