"""MQTT 5 session state: what this client owes the broker and the broker owes it, apart from any connection. Pure.

Rules: a publish with QoS 1 is kept until its PUBACK and sent again after a reconnection (4.4), at most as many at once as the
broker takes (Receive Maximum, 4.9); what waits beyond `most` is dropped, oldest first, since what this server says is said
again by its stations' own rules.

>>> session = Mqtt5Session(most=2)
>>> [packet] = session.publish("a/answer", b"{}")
>>> packet[4:12]
b'a/answer'
"""

from collections import deque
from dataclasses import dataclass

from fleet.mqtt5 import packets, serializer

JSON = "application/json"
MAX_ID = 65_534
"""The last one is the subscription's."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A publish before it has an identifier."""

    topic: str
    payload: bytes
    correlation: bytes | None
    expiry_s: int | None


class Mqtt5Session:
    """Publishes on their way out. Not for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = packets.MAX_RECEIVE
        self._waiting: deque[Outgoing] = deque()
        self._sent: dict[int, Outgoing] = {}
        self._last_id = 0
        self.dropped = 0

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, expiry_s: int | None = None
    ) -> list[bytes]:
        """Queue a new publish, and return what is to be written now (nothing while the broker takes no more)."""
        self._waiting.append(Outgoing(topic, payload, correlation, expiry_s))
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped += 1
        return self._admit()

    def acknowledged(self, packet_id: int) -> list[bytes]:
        """The broker has it (or does not want it): what may go out in its place."""
        self._sent.pop(packet_id, None)
        return self._admit()

    def connected(self, receive_maximum: int, *, present: bool) -> list[bytes]:
        """On a new connection: what was sent and not acknowledged, in its order, then what waits.

        Where the broker has forgotten the session, its identifiers mean nothing to it, and are given anew.
        """
        self._window = receive_maximum
        before, self._sent = self._sent, {}
        if not present:
            self._waiting.extendleft(reversed(before.values()))
            return self._admit()
        again = []
        for packet_id, outgoing in before.items():
            self._sent[packet_id] = outgoing
            again.append(_bytes(outgoing, packet_id, again=True))
        return again + self._admit()

    def lost(self) -> None:
        """The connection is gone: nothing goes out until the next one."""
        self._window = 0

    def _admit(self) -> list[bytes]:
        out = []
        while self._waiting and len(self._sent) < self._window:
            outgoing = self._waiting.popleft()
            packet_id = self._free_id()
            self._sent[packet_id] = outgoing
            out.append(_bytes(outgoing, packet_id, again=False))
        return out

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % MAX_ID + 1
            if self._last_id not in self._sent:
                return self._last_id


def _bytes(outgoing: Outgoing, packet_id: int, *, again: bool) -> bytes:
    return serializer.publish(
        outgoing.topic, outgoing.payload, packet_id, correlation=outgoing.correlation, content_type=JSON,
        expiry_s=outgoing.expiry_s, again=again,
    )  # fmt: skip
