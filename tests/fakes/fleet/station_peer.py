"""The smallest station that keeps the contract: sends what is not acknowledged, again and again; asks and waits.

It runs on paho's thread. `start` returns once it is connected; what it sends meanwhile, and after, is its own business.
"""

import queue
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fleet.agent.identity import Identity
from fleet.agent.signatures import Signatures
from fleet.messages.events import EPOCH_PROPERTY, SEQUENCE_PROPERTY, Event
from fleet.messages.link import Acked, Answer, Ask, Presence, encode
from fleet.messages.topics import Topics
from sim.stories.patience import LIMIT_S


class FleetStation:
    """One station on a real broker, with the identity in `directory`."""

    def __init__(self, name: str, directory: Path, port: int, client_id: str = "") -> None:
        """`client_id`: another than its name, which brokers of ours do not take."""
        self.topics = Topics(name)
        self._changed = threading.Condition()
        self._answered = threading.Condition()
        self._outbox: dict[tuple[int, int], Event] = {}
        self._answers: queue.Queue[tuple[bytes, Answer]] = queue.Queue()
        self.acked: list[Acked] = []
        self.heard: list[str] = []
        self.taken: list[bool] = []
        """For each message that the broker has answered, whether it took it."""
        self.commands: queue.Queue[bytes] = queue.Queue()
        self._port = port
        self._signatures = Signatures(Identity.load(directory))
        self._nonce = ""
        self.connections = 0
        """How often it was let in."""
        client = Client(CallbackAPIVersion.VERSION2, client_id or name, protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set(*(str(directory / part) for part in ("ca.pem", "station.pem", "station.key")))
        client.reconnect_delay_set(1, 1)
        client.will_set(self.topics.presence, encode(Presence(False, "boot-1")), 1, True)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        self._client = client
        self._connected = threading.Event()

    def start(self, timeout_s: float = LIMIT_S) -> None:
        """Connect, and say that it is here. Raises AssertionError where the broker does not let it in."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", self._port, 10, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._connected.wait(timeout_s), "the station did not reach its broker"

    def stop(self) -> None:
        """Vanish, as a station without power does: the will speaks."""
        with suppress(AttributeError):  # paho's thread may end between its look at it and its join
            self._client.loop_stop()
        if (socket := self._client.socket()) is not None:
            socket.close()

    def leave(self) -> None:
        """Disconnect in order (MQTT 5, 3.14): the broker drops the will."""
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, *events: Event) -> None:
        """Put events into the outbox and on the wire."""
        with self._changed:
            self._outbox.update({(event.epoch, event.sequence): event for event in events})
        for event in events:
            self._publish(event)

    def settle(self, timeout_s: float = LIMIT_S, again_s: float = 0.5) -> None:
        """Send what is left every `again_s`, until all is acknowledged."""
        with self._changed:
            for _ in range(int(timeout_s / again_s)):
                if self._changed.wait_for(lambda: not self._outbox, again_s):
                    return
                for event in list(self._outbox.values()):
                    self._publish(event)
        raise AssertionError(f"{len(self._outbox)} events were never acknowledged")

    def ask(self, ask: Ask, timeout_s: float = LIMIT_S) -> Answer:
        """Ask as a station does, and wait for the answer with the same correlation."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = self.topics.answer
        properties.CorrelationData = secrets.token_bytes(16)
        self._nonce, payload = self._signatures.sign(ask, datetime.now(UTC))
        self._client.publish(self.topics.ask, payload, 1, properties=properties)
        correlation, answer = self._answers.get(timeout=timeout_s)
        assert correlation == properties.CorrelationData
        return answer

    def publish_raw(self, topic: str, payload: bytes, key: tuple[int, int] | None = None) -> None:
        """Anything at all."""
        properties = Properties(PacketTypes.PUBLISH)
        if key is not None:
            properties.UserProperty = [(EPOCH_PROPERTY, str(key[0])), (SEQUENCE_PROPERTY, str(key[1]))]
        self._client.publish(topic, payload, 1, properties=properties)

    def listen_to(self, topic: str) -> None:
        """Subscribe to something else; what comes is in `heard`."""
        self._client.subscribe(topic, 1)

    def _publish(self, event: Event) -> None:
        self.publish_raw(self.topics.events, event.wire, (event.epoch, event.sequence))

    def _on_connect(self, client: Client, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
        if reason.is_failure:
            return
        self.connections += 1
        client.subscribe([(topic, 1) for topic in (self.topics.acked, self.topics.answer, self.topics.commands)])
        client.publish(self.topics.presence, encode(Presence(True, "boot-1")), 1, retain=True)
        self._connected.set()

    def _on_publish(self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _more: object) -> None:
        with self._answered:  # not `_changed`, which is held while `settle` waits for paho's own lock
            self.taken.append(not reason.is_failure)
            self._answered.notify_all()

    def answered(self, count: int, timeout_s: float = LIMIT_S) -> list[bool]:
        """What the broker said of the first so many messages, the presence among them."""
        with self._answered:
            assert self._answered.wait_for(lambda: len(self.taken) >= count, timeout_s), f"{len(self.taken)} of {count}"
            return self.taken[:count]

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(message.topic)
        if message.topic == self.topics.answer:
            correlation = getattr(message.properties, "CorrelationData", b"")
            answer = self._signatures.open_answer(bytes(message.payload), self._nonce).answer
            self._answers.put((correlation, answer))
        elif message.topic == self.topics.acked:
            self._on_acked(self._signatures.open_acked(bytes(message.payload)))

        elif message.topic == self.topics.commands:
            self.commands.put(bytes(message.payload))

    def _on_acked(self, acked: Acked) -> None:
        with self._changed:
            self.acked.append(acked)
            for epoch, sequence in list(self._outbox):
                if epoch == acked.epoch and sequence <= acked.through:
                    del self._outbox[epoch, sequence]
            self._changed.notify_all()
