"""MQTT 5 packet parser: packets as a broker sends them to a subscriber, read into values. Pure, and bounded.

Rules: a packet above the limit that CONNECT announced, or one that breaks the form, raises `MalformedError`, whose text never
holds content; what is not of ours to read (other properties) is stepped over by its type. Section numbers are those of the
OASIS standard of 2019.

>>> reader = Packets(1024)
>>> reader.feed(bytes.fromhex("40020007"))
[Puback(packet_id=7, reason=0)]
"""

from collections.abc import Iterator
from dataclasses import dataclass

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
MESSAGE_EXPIRY, SESSION_EXPIRY, RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = 0x02, 0x11, 0x21, 0x27
CONTENT_TYPE, CORRELATION_DATA, USER_PROPERTY, SERVER_KEEP_ALIVE = 0x03, 0x09, 0x26, 0x13
MAX_RECEIVE = 65_535
FAILURE = 0x80
"""Reason codes from here on say that something was not done (2.4)."""
_FIXED = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
"""Lengths of properties of a fixed size (2.2.2.2)."""
_SIZED = frozenset({0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F})
"""Properties with two bytes of length before them."""
_VARYING = 0x0B


class MalformedError(ValueError):
    """Bytes that are no packet which this client takes."""


@dataclass(frozen=True, slots=True)
class Connack:
    """3.2. `receive_maximum`: so many publishes with QoS 1 the broker takes before it acknowledges."""

    session_present: bool
    reason: int
    receive_maximum: int = MAX_RECEIVE
    maximum_packet: int | None = None
    keep_alive_s: int | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """3.3. `packet_id` is 0 with QoS 0. `properties`: correlation data and user properties."""

    topic: str
    payload: bytes
    packet_id: int
    correlation: bytes | None = None
    user: tuple[tuple[str, str], ...] = ()
    retained: bool = False
    """Kept by the broker from before the subscription (3.3.1.3)."""


@dataclass(frozen=True, slots=True)
class Puback:
    """3.4."""

    packet_id: int
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Suback:
    """3.9: one reason for each subscription."""

    packet_id: int
    reasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pingresp:
    """3.13."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """3.14: the broker ends the connection, and says why."""

    reason: int = 0


Packet = Connack | Publish | Puback | Suback | Pingresp | Disconnect


class Packets:
    """Cuts what comes into packets. Fed in any pieces."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that are whole now. Raises MalformedError: then the connection is to be closed."""
        buffer = self._rest + data if self._rest else data
        packets: list[Packet] = []
        at = 0
        while (cut := self._cut(buffer, at)) is not None:
            start, end = cut
            packets.append(self._read(buffer[at], buffer, start, end))
            at = end
        self._rest = buffer[at:]
        return packets

    def _cut(self, buffer: bytes, at: int) -> tuple[int, int] | None:
        """Return where the body of the packet at `at` begins and ends; None while it is not whole (2.1.4)."""
        length, shift = 0, 0
        for place in range(at + 1, min(at + 5, len(buffer))):
            byte = buffer[place]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                if place + 1 - at + length > self._limit:
                    raise MalformedError(f"a packet of more than {self._limit} bytes")
                end = place + 1 + length
                return (place + 1, end) if end <= len(buffer) else None
            shift += 7
        if len(buffer) - at >= 5:
            raise MalformedError("a length of more than four bytes")
        return None

    def _read(self, first: int, buffer: bytes, start: int, end: int) -> Packet:
        kind = first >> 4
        try:
            if kind == PUBLISH:
                return self._publish(first, buffer, start, end)
            body = buffer[start:end]
            if kind == PUBACK:
                return Puback(_two(body, 0), body[2] if len(body) > 2 else 0)
            if kind == CONNACK:
                return _connack(body)
            if kind == SUBACK:
                return _suback(body)
            if kind == PINGRESP:
                return Pingresp()
            if kind == DISCONNECT:
                return Disconnect(body[0] if body else 0)
        except (IndexError, UnicodeDecodeError):
            raise MalformedError(f"a packet of type {kind} ends too early, or holds no UTF-8") from None
        raise MalformedError(f"a packet of type {kind}, which a broker does not send to us")

    def _publish(self, first: int, buffer: bytes, start: int, end: int) -> Publish:
        qos = first >> 1 & 3
        if qos > 1:
            raise MalformedError("a publish above the QoS that was subscribed")
        at = start + 2 + _two(buffer, start)
        topic = self._topic(buffer[start + 2 : at])
        packet_id = 0
        if qos:
            packet_id = _two(buffer, at)
            at += 2
            if packet_id == 0:
                raise MalformedError("a publish with QoS 1 and no packet identifier")
        size, at = _varying(buffer, at)
        payload_at = at + size
        if payload_at > end:
            raise MalformedError("the properties of a publish reach over its end")
        correlation: bytes | None = None
        user: list[tuple[str, str]] = []
        for name, value in _properties(buffer, at, payload_at):
            if name == USER_PROPERTY:
                user.append(_pair(value))
            elif name == CORRELATION_DATA:
                correlation = value
        return Publish(topic, buffer[payload_at:end], packet_id, correlation, tuple(user), bool(first & 1))

    def _topic(self, raw: bytes) -> str:
        """Few topics come again and again."""
        topic = self._topics.get(raw)
        if topic is None:
            if len(self._topics) > 50_000:
                self._topics.clear()
            topic = self._topics[bytes(raw)] = raw.decode("utf-8")
        return topic


def _two(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _varying(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer (1.5.5), and where it ends."""
    value, shift = 0, 0
    for _ in range(4):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise MalformedError("a number of more than four bytes")


def _properties(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(identifier, value) between two places; of a pair the value is both strings with their lengths (2.2.2)."""
    while at < end:
        name = data[at]
        at += 1
        if name == USER_PROPERTY:
            middle = at + 2 + _two(data, at)
            stop = middle + 2 + _two(data, middle)
            yield name, data[at:stop]
        elif name in _SIZED:
            at += 2
            stop = at + _two(data, at - 2)
            yield name, data[at:stop]
        elif name in _FIXED:
            stop = at + _FIXED[name]
            yield name, data[at:stop]
        elif name == _VARYING:
            _, stop = _varying(data, at)
        else:
            raise MalformedError(f"a property {name:#04x} that MQTT 5 does not know")
        if stop > end:
            raise MalformedError("a property reaches over the end of its packet")
        at = stop


def _pair(value: bytes) -> tuple[str, str]:
    middle = 2 + _two(value, 0)
    return value[2:middle].decode("utf-8"), value[middle + 2 :].decode("utf-8")


def _connack(body: bytes) -> Connack:
    size, at = _varying(body, 2)
    properties = dict(_properties(body, at, at + size))
    numbers = {name: int.from_bytes(value) for name, value in properties.items()}
    if at + size > len(body):
        raise IndexError
    return Connack(
        bool(body[0] & 1),
        body[1],
        numbers.get(RECEIVE_MAXIMUM, MAX_RECEIVE) or MAX_RECEIVE,
        numbers.get(MAXIMUM_PACKET_SIZE),
        numbers.get(SERVER_KEEP_ALIVE),
    )


def _suback(body: bytes) -> Suback:
    size, at = _varying(body, 2)
    return Suback(_two(body, 0), tuple(body[at + size :]))
