"""A station of the attacker's own making: its key, one MQTT 5 connection, asks, events."""

import json
import queue
import secrets
import ssl
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.attacks.running.cards import Card, Mandate
from tests.attacks.running.wire import EventChain, b64url, compact, jws, now_text, payload_of, raw_signature

LIMIT_S = 20.0


@dataclass(frozen=True)
class Identity:
    """Where the key and certificate of a station lie (PEM; the chain behind the leaf)."""

    name: str
    key_file: Path
    certificate_file: Path
    ca_file: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class NoAnswerError(Exception):
    """Nobody has answered within the time."""


class Station:
    """A connection, once `connect` has been called."""

    def __init__(self, identity: Identity, port: int, client_id: str = "") -> None:
        self.identity, self.name, self._port = identity, identity.name, port
        self.chain = EventChain(self.name)
        self.acked: queue.Queue[Any] = queue.Queue()
        self._answers: dict[bytes, queue.Queue[bytes]] = {}
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id or self.name, protocol=mqtt.MQTTv5)
        files = identity.certificate_file, identity.key_file
        self.client.tls_set(str(identity.ca_file), *map(str, files), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._on_message

    def connect(self, limit_s: float = LIMIT_S) -> bool:
        """Whether the broker let it in and it may hear its own topics."""
        try:
            self.client.connect("localhost", self._port)
        except OSError:
            return False
        self.client.loop_start()
        return self._ready.wait(limit_s)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, *_: Any) -> None:
        self.client.subscribe([(f"kortkiosk/v1/{self.name}/{topic}", 1) for topic in ("answer", "acked", "commands")])

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/answer"):
            waiting = self._answers.get(message.properties.CorrelationData)
            if waiting is not None:
                waiting.put(message.payload)
        elif message.topic.endswith("/acked"):
            self.acked.put(message.payload)

    def publish(self, topic: str, payload: bytes, **properties: Any) -> None:
        told = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(told, name, value)
        self.client.publish(f"kortkiosk/v1/{self.name}/{topic}", payload, 1, properties=told)

    def send(self, payload: bytes, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The answer to a signed ask. Raises NoAnswerError."""
        correlation = secrets.token_bytes(8)
        answer = self._answers[correlation] = queue.Queue()
        self.publish("ask", payload, CorrelationData=correlation)
        try:
            said: dict[str, Any] = payload_of(answer.get(timeout=limit_s))["answer"]
        except queue.Empty:
            raise NoAnswerError(self.name) from None
        finally:
            del self._answers[correlation]
        return said

    def signed(self, ask: dict[str, Any], station: str = "", moment: datetime | None = None) -> bytes:
        """The payload of an ask."""
        named = station or self.name
        content = {"station": named, "nonce": secrets.token_hex(16), "time": now_text(moment), "ask": ask}
        return jws(self.identity.key, self.identity.certificate, "kortkiosk.ask+jws", compact(content))

    def ask(self, ask: dict[str, Any], limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The `result` of a question to issuer or register; `{"outcome": "error", ...}` where the answer is an error."""
        said = self.send(self.signed(ask), limit_s)
        if said.get("jws"):
            word = payload_of(said["jws"])
            return dict(word.get("result", word))
        return {"outcome": "error", **said}

    def want(self, tag: str, *mandates: Mandate, id: str = "", wish_for: str = "", **members: Any) -> dict[str, Any]:
        """Ask something in the name of those who signed. `members` in the order of docs/asyncapi.json."""
        question = {"ask": tag, "id": id or uuid.uuid4().hex, "proofs": [], **members}
        return self.ask({**question, "proofs": [one.proof(question, wish_for) for one in mandates]})

    def state(self, number: str) -> dict[str, Any]:
        """What the register tells of a card, and the nonce."""
        return self.ask({"ask": "card.state", "id": uuid.uuid4().hex, "card_number": number})

    def nonce(self, number: str) -> str:
        """A nonce for that card; empty where the server gives none."""
        return str(self.state(number).get("nonce", ""))

    def mandate(self, card: Card, *means: str, about: str = "") -> Mandate:
        """The card signs for these, under a nonce that the server gave for the card `about` (its own without)."""
        return card.mandate(self.name, self.nonce(about or card.number) or "0" * 32, means)

    def tell(self, kind: str, data: dict[str, Any], subject: str | None = None, moment: datetime | None = None) -> None:
        """Publish the next event."""
        payload = self.chain.seal(kind, data, subject, moment)
        key = [("epoch", "1"), ("sequence", str(self.chain.sequence))]
        self.publish("events", payload, UserProperty=key, ContentType="application/cloudevents+json")

    def is_held(self, limit_s: float = LIMIT_S) -> bool:
        """Whether the server has said that it holds all events."""
        try:
            while json.loads(self.acked.get(timeout=limit_s))["acked"]["through"] < self.chain.sequence:
                pass
        except queue.Empty:
            return False
        return True

    def sync(self, limit_s: float = LIMIT_S) -> list[dict[str, Any]]:
        """All pages of its lists. Raises NoAnswerError."""
        pages: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.ask({"ask": "sync", "cursor": cursor, "leavers": True}, limit_s)
            pages.append(page)
            cursor = page.get("next")
            if not cursor:
                return pages


def receipt_text(identity: Identity, statement: dict[str, str]) -> str:
    """The text of a receipt's QR code (docs/receipts.md)."""
    signed = f"KK1.{b64url(compact(statement))}"
    return f"{signed}.{b64url(raw_signature(identity.key, signed.encode()))}"
