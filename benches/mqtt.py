"""A small MQTT client that notes when something comes, with a certificate of its own."""

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benches.figures import CannotMeasureError
from tests.fakes.fleet.region import Region

WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Pem:
    """Files of mutual TLS."""

    ca: Path
    certificate: Path
    key: Path


def of_process(region: Region, name: str) -> Pem:
    """One of the bench's own clients (`benches.broker`)."""
    folder = region.places.authority
    return Pem(folder / "ca" / "ca.pem", folder / "server" / f"{name}.pem", folder / "server" / f"{name}.key")


def signing_key(region: Region) -> Path:
    """The key under which the server signs what stations are told."""
    folder: Path = region.places.authority
    return folder / "server" / "signing.key"


def _send_at_once(_client: Client, _data: Any, line: Any) -> None:
    # Else a message waits up to 40 ms for the broker to acknowledge the packet before.
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Ear:
    """Listens to one topic, and may speak. Messages are kept with the time at which they came."""

    def __init__(self, name: str, pem: Pem, port: int, topic: str) -> None:
        self.topic = topic
        self._came: list[tuple[float, bytes]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set(str(pem.ca), str(pem.certificate), str(pem.key))
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._take
        client.on_socket_open = _send_at_once
        self._client = client
        self._port = port

    def __enter__(self) -> "Ear":
        self._client.connect("localhost", self._port)
        self._client.loop_start()
        if not self._subscribed.wait(WAIT_S):
            raise CannotMeasureError("the broker does not take the bench's subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1, and wait for the broker's word only where it is to be kept."""
        sent = self._client.publish(topic, payload, 1, retain=retain)
        if retain:
            sent.wait_for_publish(WAIT_S)

    def forget(self) -> None:
        with self._changed:
            self._came.clear()

    def wait_for(self, content: bytes) -> float:
        """Return when the first message with these bytes in it came. Raises CannotMeasureError where it never does."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._time_of(content) is not None, WAIT_S):
                raise CannotMeasureError(f"nothing came on {self.topic}")
            came_at = self._time_of(content)
        assert came_at is not None
        return came_at

    def _time_of(self, content: bytes) -> float | None:
        return next((at for at, payload in self._came if content in payload), None)

    def _connected(self, client: Client, *_: Any) -> None:
        client.subscribe(self.topic, 1)

    def _take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        at = time.perf_counter()
        with self._changed:
            self._came.append((at, bytes(message.payload)))
            self._changed.notify_all()
