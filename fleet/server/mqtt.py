"""The connection to an MQTT 5 broker: the one file of the server that imports paho.

Rules: the session is kept by the broker for a week, so that what stations send while the server is away waits;
Receive Maximum bounds what is taken and not yet stored; an acknowledgement goes out only on the connection that its
message came on, since another connection counts its messages anew.

>>> MqttTransport(Address("127.0.0.1", 8883), Credentials(ca, certificate, key))  # doctest: +SKIP
"""

import asyncio
import logging
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.messages import topics
from fleet.messages.events import EPOCH_PROPERTY, MAX_SEQUENCE, SEQUENCE_PROPERTY
from fleet.server.addresses import Address
from fleet.server.transport import Handler, Incoming

CLIENT_ID = "fleet-ingest"
SESSION_EXPIRY_S = 7 * 24 * 3600
RECEIVE_MAXIMUM = 1_000
"""Two batches: one is stored while the next one comes in."""
MAX_INFLIGHT = 200
KEEP_ALIVE_S = 30
CONNECT_TIMEOUT_S = 5.0
MAX_RECONNECT_DELAY_S = 10
START_PATIENCE_S = 5.0
STOP_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM files of mutual TLS."""

    ca: Path
    certificate: Path
    key: Path


class MqttTransport:
    """Implements `Transport` over MQTT 5 and mutual TLS. Raises OSError where a PEM file cannot be used."""

    def __init__(self, broker: Address, credentials: Credentials) -> None:
        self._broker = broker
        self._connection = 0
        self._lock = threading.Lock()
        self._handler: Handler | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.tls_set_context(_context(credentials))
        self._client.max_inflight_messages_set(MAX_INFLIGHT)
        self._client.reconnect_delay_set(1, MAX_RECONNECT_DELAY_S)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    async def start(self, handler: Handler) -> None:
        """Connect and subscribe. Where that takes long, go on trying in the background until `stop`."""
        self._handler = handler
        loop, subscribed = asyncio.get_running_loop(), asyncio.Event()

        def on_subscribe(_client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any) -> None:
            if any(code.is_failure for code in codes):
                _log.error("the broker at %s refuses a subscription: %s", self._broker, [str(code) for code in codes])
            if not loop.is_closed():
                loop.call_soon_threadsafe(subscribed.set)

        self._client.on_subscribe = on_subscribe
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(
            self._broker.host, self._broker.port, KEEP_ALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()
        try:
            await asyncio.wait_for(subscribed.wait(), START_PATIENCE_S)
        except TimeoutError:
            _log.error("no connection to the broker at %s yet: the server goes on trying", self._broker)

    async def stop(self) -> None:
        """Leave in order; what is not acknowledged comes again next time."""
        self._handler = None
        self._client.disconnect()
        try:
            await asyncio.wait_for(asyncio.to_thread(self._client.loop_stop), STOP_TIMEOUT_S)
        except TimeoutError:
            _log.warning("the connection to %s did not end in time", self._broker)

    def acknowledge(self, message: Incoming) -> None:
        """Send the PUBACK, on the connection that the message came on or not at all."""
        assert isinstance(message.token, tuple)
        connection, mid, qos = message.token
        with self._lock:
            if connection == self._connection:
                self._client.ack(mid, qos)

    def publish(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        """Send with QoS 1."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "application/json"
        if correlation is not None:
            properties.CorrelationData = correlation
        sent = self._client.publish(topic, payload, qos=1, properties=properties)
        if sent.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            _log.warning("not sent to %s: %s", topic, sent.rc.name)

    def _on_connect(self, client: Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            _log.error("the broker at %s refuses the server: %s", self._broker, code)
            return
        _log.info("connected to the broker at %s", self._broker)
        client.subscribe([(topic, 1) for topic in (topics.EVENTS, topics.STATE, topics.PRESENCE, topics.ASK)])

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        with self._lock:
            self._connection += 1
        _log.log(logging.WARNING if code.is_failure else logging.INFO, "left the broker at %s: %s", self._broker, code)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        handler = self._handler
        if handler is None:
            return
        properties = message.properties
        handler(
            Incoming(
                topic=message.topic,
                payload=bytes(message.payload),
                key=_key(getattr(properties, "UserProperty", [])),
                correlation=getattr(properties, "CorrelationData", None),
                token=(self._connection, message.mid, message.qos),
            )
        )


def _send_at_once(_client: Client, _userdata: Any, sock: Any) -> None:
    """Nagle's algorithm would hold `acked` back until the broker's delayed acknowledgement: 40 ms each."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(credentials.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    return context


def _key(properties: list[tuple[str, str]]) -> tuple[int, int] | None:
    """(epoch, sequence), where both are said and within bounds; a repeated property counts as not said."""
    names = [name for name, _ in properties]
    if names.count(EPOCH_PROPERTY) != 1 or names.count(SEQUENCE_PROPERTY) != 1:
        return None
    said = dict(properties)
    epoch, sequence = _whole(said[EPOCH_PROPERTY]), _whole(said[SEQUENCE_PROPERTY])
    return None if epoch is None or sequence is None else (epoch, sequence)


def _whole(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return None
    return int(text) if 1 <= int(text) <= MAX_SEQUENCE else None
