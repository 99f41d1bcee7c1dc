"""MQTT 5 packet serializer: packets that a client of ours writes, as bytes. Pure.

>>> puback([7]).hex()
'40020007'
"""

from collections.abc import Iterable, Sequence

from fleet.mqtt5.packets import (
    CONTENT_TYPE,
    CORRELATION_DATA,
    MAXIMUM_PACKET_SIZE,
    MESSAGE_EXPIRY,
    RECEIVE_MAXIMUM,
    SESSION_EXPIRY,
    USER_PROPERTY,
)

WILL_FLAGS = 0x2C
"""In CONNECT (3.1.2.3): there is a will, with QoS 1, retained."""


def _number(value: int) -> bytes:
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | 0x80 if value else byte)
        if not value:
            return bytes(out)


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(2) + value


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _number(len(body)) + body


def connect(
    client_id: str,
    keep_alive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    maximum_packet: int,
    will: tuple[str, bytes] | None = None,
) -> bytes:
    """3.1: MQTT 5, the session of before where the broker has one. `will`: topic and payload, QoS 1, retained."""
    properties = (
        bytes((SESSION_EXPIRY,)) + session_expiry_s.to_bytes(4)
        + bytes((RECEIVE_MAXIMUM,)) + receive_maximum.to_bytes(2)
        + bytes((MAXIMUM_PACKET_SIZE,)) + maximum_packet.to_bytes(4)
    )  # fmt: skip
    head = _sized(b"MQTT") + bytes((5, WILL_FLAGS if will else 0)) + keep_alive_s.to_bytes(2)
    rest = _sized(client_id.encode())
    if will is not None:
        rest += b"\x00" + _sized(will[0].encode()) + _sized(will[1])
    return _packet(0x10, head + _number(len(properties)) + properties + rest)


def subscribe(packet_id: int, topics: Sequence[str]) -> bytes:
    """3.8: each with QoS 1."""
    subscriptions = b"".join(_sized(topic.encode()) + b"\x01" for topic in topics)
    return _packet(0x82, packet_id.to_bytes(2) + b"\x00" + subscriptions)


def publish(
    topic: str,
    payload: bytes,
    packet_id: int,
    *,
    correlation: bytes | None = None,
    content_type: str = "",
    expiry_s: int | None = None,
    user: Sequence[tuple[str, str]] = (),
    again: bool = False,
    retain: bool = False,
) -> bytes:
    """3.3: QoS 1. `again`: it was sent before on another connection. After `expiry_s` the broker hands it out no more."""
    properties = b"" if expiry_s is None else bytes((MESSAGE_EXPIRY,)) + expiry_s.to_bytes(4)
    properties += bytes((CONTENT_TYPE,)) + _sized(content_type.encode()) if content_type else b""
    if correlation is not None:
        properties += bytes((CORRELATION_DATA,)) + _sized(correlation)
    for name, value in user:
        properties += bytes((USER_PROPERTY,)) + _sized(name.encode()) + _sized(value.encode())
    head = _sized(topic.encode()) + packet_id.to_bytes(2) + _number(len(properties)) + properties
    return _packet(0x32 | again << 3 | retain, head + payload)


def puback(packet_ids: Iterable[int]) -> bytes:
    """3.4: all of them, in their order, at once."""
    return b"".join(b"\x40\x02" + packet_id.to_bytes(2) for packet_id in packet_ids)


PINGREQ = b"\xc0\x00"
LEAVE = b"\xe0\x00"
"""DISCONNECT without a reason: in order."""
LEAVE_WITH_WILL = b"\xe0\x01\x04"
"""DISCONNECT (3.14.2.1): in order, and the broker is to publish the will."""
