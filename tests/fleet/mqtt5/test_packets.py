"""MQTT 5 packets, judged by paho's own bytes and by hostile ones."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fleet.mqtt5 import packets, serializer
from fleet.mqtt5.packets import Connack, Disconnect, MalformedError, Packets, Puback, Publish, Suback

LIMIT = 4096


def properties(kind: int, **said: Any) -> bytes:
    """Properties as paho writes them."""
    made = Properties(kind)  # type: ignore[no-untyped-call]
    for name, value in said.items():
        setattr(made, name, value)
    return bytes(made.pack())


def packet(first: int, body: bytes) -> bytes:
    assert len(body) < 128 * 128
    length = len(body)
    size = bytes((length,)) if length < 128 else bytes((length & 127 | 128, length >> 7))
    return bytes((first,)) + size + body


def published(topic: str, payload: bytes, packet_id: int, **said: Any) -> bytes:
    head = len(topic.encode()).to_bytes(2) + topic.encode() + (packet_id.to_bytes(2) if packet_id else b"")
    return packet(0x32 if packet_id else 0x30, head + properties(PacketTypes.PUBLISH, **said) + payload)


EVERY = {
    "UserProperty": [("epoch", "1"), ("sequence", "17")],
    "CorrelationData": b"\x00\x01",
    "ContentType": "application/json",
    "PayloadFormatIndicator": 1,
    "MessageExpiryInterval": 60,
    "TopicAlias": 3,
    "ResponseTopic": "a/answer",
    "SubscriptionIdentifier": 268_435_455,
}


def test_a_publish_with_every_property_that_there_is() -> None:
    (found,) = Packets(LIMIT).feed(published("kortkiosk/v1/å/events", b"{}", 9, **EVERY))
    assert found == Publish("kortkiosk/v1/å/events", b"{}", 9, b"\x00\x01", (("epoch", "1"), ("sequence", "17")))


def test_a_publish_without_anything() -> None:
    assert Packets(LIMIT).feed(published("t", b"", 0)) == [Publish("t", b"", 0)]


def test_a_publish_that_the_broker_has_kept_says_so() -> None:
    raw = published("t", b"", 9)
    kept = bytes((raw[0] | 1,)) + raw[1:]
    assert [one.retained for one in Packets(LIMIT).feed(raw + kept)] == [False, True]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (packet(0x20, b"\x01\x00" + properties(PacketTypes.CONNACK, ReceiveMaximum=20, MaximumPacketSize=9000)),
         Connack(True, 0, 20, 9000)),
        (packet(0x20, b"\x00\x87\x00"), Connack(False, 0x87)),
        (packet(0x40, b"\x00\x07"), Puback(7)),
        (packet(0x40, b"\x00\x07\x10\x00"), Puback(7, 0x10)),
        (packet(0x90, b"\x00\x05\x00\x01\x87"), Suback(5, (1, 0x87))),
        (packet(0xE0, b"\x8e\x00"), Disconnect(0x8E)),
        (packet(0xE0, b""), Disconnect(0)),
    ],
)  # fmt: skip
def test_what_a_broker_says(raw: bytes, meant: packets.Packet) -> None:
    assert Packets(LIMIT).feed(raw) == [meant]


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 40))
def test_packets_in_any_pieces(payloads: list[bytes], piece: int) -> None:
    raw = b"".join(
        published("a/b", payload, at, UserProperty=[("n", str(at))]) for at, payload in enumerate(payloads, 1)
    )
    reader, found = Packets(LIMIT), list[packets.Packet]()
    for start in range(0, len(raw), piece):
        found += reader.feed(raw[start : start + piece])
    assert [one.payload for one in found if isinstance(one, Publish)] == payloads


@given(st.binary(max_size=200))
def test_only_our_own_error_comes_out_of_any_bytes(raw: bytes) -> None:
    with contextlib.suppress(MalformedError):
        Packets(LIMIT).feed(raw)


@given(st.integers(0, 5), st.binary(max_size=3), st.integers(0, 60))
def test_a_damaged_publish_is_one_or_is_malformed(at: int, damage: bytes, cut: int) -> None:
    raw = bytearray(published("a/events", b'{"x":1}', 3, **EVERY))
    place = (at * 11) % len(raw)
    raw[place : place + len(damage)] = damage
    with contextlib.suppress(MalformedError):
        Packets(LIMIT).feed(bytes(raw[: len(raw) - cut]))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\xff\x7f",  # longer than the limit
        b"\x34\x05\x00\x01a\x00\x01",  # QoS 2
        b"\x32\x06\x00\x01a\x00\x00\x00",  # QoS 1 without an identifier
        b"\x30\x05\x00\x01a\x05\x26",  # properties over the end
        b"\x30\x06\x00\x01a\x02\x7f\x00",  # a property that nobody knows
        b"\x30\x04\x00\x01\xff\x00",  # a topic that is no UTF-8
        b"\x10\x00",  # a packet that only clients send
    ],
)
def test_what_ends_a_connection(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        Packets(LIMIT).feed(raw)


def test_what_is_written_is_what_paho_would_write() -> None:
    said = properties(PacketTypes.PUBLISH, ContentType="application/json", CorrelationData=b"\x01")
    topic = b"\x00\x08a/answer"
    assert serializer.publish("a/answer", b"{}", 5, correlation=b"\x01", content_type="application/json") == packet(
        0x32, topic + b"\x00\x05" + said + b"{}"
    )
    lasting = properties(PacketTypes.PUBLISH, MessageExpiryInterval=900)
    assert serializer.publish("a/answer", b"{}", 5, expiry_s=900) == packet(0x32, topic + b"\x00\x05" + lasting + b"{}")
    known = properties(PacketTypes.CONNECT, SessionExpiryInterval=60, ReceiveMaximum=10, MaximumPacketSize=5000)
    assert serializer.connect("me", 30, 60, 10, 5000) == packet(
        0x10, b"\x00\x04MQTT\x05\x00\x00\x1e" + known + b"\x00\x02me"
    )
    assert serializer.subscribe(1, ["a/+", "b"]) == packet(0x82, b"\x00\x01\x00\x00\x03a/+\x01\x00\x01b\x01")


def test_what_a_station_writes_is_what_paho_would_write() -> None:
    said = properties(PacketTypes.PUBLISH, UserProperty=[("epoch", "1"), ("sequence", "17")])
    assert serializer.publish("a", b"{}", 5, user=[("epoch", "1"), ("sequence", "17")], retain=True) == packet(
        0x33, b"\x00\x01a\x00\x05" + said + b"{}"
    )
    known = properties(PacketTypes.CONNECT, SessionExpiryInterval=60, ReceiveMaximum=10, MaximumPacketSize=5000)
    flags = bytes((1 << 5 | 1 << 3 | 1 << 2,))  # retained, QoS 1, a will (3.1.2.3)
    assert serializer.connect("me", 30, 60, 10, 5000, ("a", b"gone")) == packet(
        0x10,
        b"\x00\x04MQTT\x05" + flags + b"\x00\x1e" + known + b"\x00\x02me" + b"\x00" + b"\x00\x01a" + b"\x00\x04gone",
    )
