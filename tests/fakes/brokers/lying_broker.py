"""A broker that lies: it reads what stations send, keeps it from the server, and answers in the server's name what it likes.

It has all that a broker has, the server's place at the other end and its messages of yesterday, but not the server's signing key.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.messages.events import Event, parse
from fleet.messages.topics import ASK, EVENTS, Topics, station_of
from sim.stories.patience import LIMIT_S

Lie = Callable[[bytes], bytes | None]
"""What it sends down for what came up; None: nothing."""


class LyingBroker:
    """Runs in paho's thread. `on_ask` and `on_event` are its lies; `asked` and `told` what it has seen."""

    def __init__(self, server: Path, port: int) -> None:
        """`server`: the authority's folder of the server's files."""
        self.on_ask: Lie = lambda payload: None
        self.on_event: Callable[[Event], bytes | None] = lambda event: None
        self.asked: list[bytes] = []
        self.told: list[Event] = []
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, "fleet-ingest", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.tls_set(
            str(server.parent / "ca/ca.pem"), str(server / "fleet-server.pem"), str(server / "fleet-server.key")
        )
        self._client.on_message = self._take
        self._port = port

    def start(self) -> None:
        """Take the server's place."""
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._client.subscribe([(EVENTS, 1), (ASK, 1)])
        assert subscribed.wait(LIMIT_S)

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        """Anything at all."""
        properties = Properties(PacketTypes.PUBLISH)
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=1, properties=properties)

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Until what it has seen is so."""
        with self._changed:
            assert self._changed.wait_for(reached, LIMIT_S)

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        payload, station = bytes(message.payload), station_of(message.topic)
        assert station is not None
        with self._changed:
            if message.topic.endswith("/ask"):
                self.asked.append(payload)
                if (lie := self.on_ask(payload)) is not None:
                    self.send(Topics(station).answer, lie, message.properties.CorrelationData)
            else:
                event = parse(payload)
                self.told.append(event)
                if (lie := self.on_event(event)) is not None:
                    self.send(Topics(station).acked, lie)
            self._changed.notify_all()
