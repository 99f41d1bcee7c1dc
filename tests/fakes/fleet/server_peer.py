"""The smallest fleet server that keeps the contract: takes each event once, answers `acked`, answers questions.

It can be told to fail the way real ones do: hold its tongue (`mute`), lose an event before its commit (`lose`). What it says is
signed with the server's key; `sealed` is how an answer becomes a message.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.messages import events, topics
from fleet.messages.link import Acked, Answer, Ask, ChainAsk, HeldChain, Presence, StationState, decode, encode
from fleet.messages.signed import ANSWER_TYP, SignedAnswer, format_time, open_ask, sign_acked
from fleet.server.keys.signing import Signer
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S

Place = tuple[int, int]


class FleetPeer:
    """Runs in paho's thread; tests wait with `wait_until`."""

    def __init__(self, authority: Authority, port: int) -> None:
        self._server = authority.directory / "server"
        self.signer = Signer.load(self._server / "signing.key")
        self._ca = authority.directory / "ca/ca.pem"
        self._port = port
        self._client: Client | None = None
        self._changed = threading.Condition()
        self.held: dict[Place, bytes] = {}
        self.order: list[Place] = []
        self.received: list[Place] = []
        self.properties: list[tuple[str, str]] = []
        self.presence: list[bool] = []
        self.taken_over: list[int] = []
        """What stations said of their sessions."""
        self.states: list[StationState] = []
        self.asked: list[Ask] = []
        self.mute = False
        self.lose: set[Place] = set()
        self.answer: Callable[[Ask], Answer | None] = lambda ask: None
        self.correlations: list[bytes] = []
        self.judge: Callable[[bytes], Answer | None] | None = None
        """Instead of `answer`, by the message as it came."""
        self.nonces: list[str] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def start(self) -> None:
        """Connect and wait until the subscriptions stand."""
        client = Client(CallbackAPIVersion.VERSION2, client_id="fleet-server", protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set(str(self._ca), str(self._server / "fleet-server.pem"), str(self._server / "fleet-server.key"))
        subscribed = threading.Event()
        client.on_message = self._take
        client.on_subscribe = lambda *_: subscribed.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        client.loop_start()
        client.subscribe([(topic, 1) for topic in (topics.EVENTS, topics.STATE, topics.PRESENCE, topics.ASK)])
        assert subscribed.wait(LIMIT_S)
        self._client = client

    def stop(self) -> None:
        """Leave; the broker keeps the session."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def publish(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        """Send something down, well-formed or not."""
        assert self._client is not None
        properties = Properties(PacketTypes.PUBLISH)
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=1, properties=properties)

    def wait_until(self, predicate: Callable[["FleetPeer"], bool], timeout_s: float = LIMIT_S) -> None:
        """Block until what the peer has seen fits. Fails the test where it does not come."""
        with self._changed:
            assert self._changed.wait_for(lambda: predicate(self), timeout_s), (
                f"held {len(self.held)}, received {len(self.received)}, presence {self.presence}, asked {self.asked}"
            )

    def _take(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        with self._changed:
            kind = message.topic.rsplit("/", 1)[1]
            if kind == "events":
                self._take_event(message)
            elif kind == "presence":
                said: Presence = decode(Presence, message.payload)
                self.presence.append(said.online)
                self.taken_over.append(said.taken_over)
            elif kind == "state":
                self.states.append(decode(StationState, message.payload))
            elif kind == "ask":
                self._take_ask(message)
            self._changed.notify_all()

    def _take_event(self, message: MQTTMessage) -> None:
        event = events.parse(bytes(message.payload))
        place = (event.epoch, event.sequence)
        self.properties = list(message.properties.UserProperty)
        self.received.append(place)
        if place in self.lose:
            self.lose.discard(place)
        elif place not in self.held:
            self.held[place] = bytes(message.payload)
            self.order.append(place)
        if not self.mute:
            self.tell(event.station, self.word(event.epoch))

    def _take_ask(self, message: MQTTMessage) -> None:
        signed = open_ask(bytes(message.payload)).signed
        ask: Ask = decode(Ask, bytes(signed.ask))
        station = topics.station_of(message.topic)
        if isinstance(ask, ChainAsk):  # of every link, before its first event
            if station is not None:
                sealed = self.sealed(station, signed.nonce, Answer(ok=True, chain=self.chain(ask)))
                self.publish(topics.Topics(station).answer, sealed, message.properties.CorrelationData)
            return
        self.asked.append(ask)
        self.nonces.append(signed.nonce)
        self.correlations.append(message.properties.CorrelationData)
        answer = self.judge(bytes(message.payload)) if self.judge is not None else self.answer(ask)
        if answer is not None and station is not None:
            self.publish(
                topics.Topics(station).answer,
                self.sealed(station, signed.nonce, answer),
                message.properties.CorrelationData,
            )

    def sealed(self, station: str, nonce: str, answer: Answer) -> bytes:
        """The answer as it travels."""
        content = SignedAnswer(station, nonce, format_time(self.clock()), answer)
        return self.signer.sign(encode(content), ANSWER_TYP).encode()

    def tell(self, station: str, acked: Acked) -> None:
        """Say what is held."""
        (payload,) = sign_acked([(station, acked)], self.clock(), self.signer.sign)
        self.publish(topics.Topics(station).acked, payload)

    def chain(self, ask: ChainAsk) -> HeldChain:
        """What is held of that chain."""
        held = {
            sequence: events.parse(wire).hash for (epoch, sequence), wire in self.held.items() if epoch == ask.epoch
        }
        end = min(ask.last, max(held, default=0))
        hashes = tuple(held.get(sequence) for sequence in range(max(1, end - ask.count + 1), end + 1))
        return HeldChain(max(held, default=0), max((epoch for epoch, _ in self.held), default=0), hashes)

    def word(self, epoch: int) -> Acked:
        """What the server holds of an epoch, and the gaps in it."""
        sequences = sorted(sequence for held, sequence in self.held if held == epoch)
        through, wanted = 0, []
        for sequence in sequences:
            if sequence == through + 1 and not wanted:
                through = sequence
            elif sequence > (last := wanted[-1][2] if wanted else through) + 1:
                wanted.append((last + 1, sequence - 1, sequence))
            elif wanted:
                wanted[-1] = (*wanted[-1][:2], sequence)
        return Acked(epoch=epoch, through=through, wanted=tuple((first, last) for first, last, _ in wanted))
