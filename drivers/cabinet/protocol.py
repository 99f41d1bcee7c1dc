"""Messages of cabinet and station: every one, once, for both sides. Pure. See docs/cabinet-protocol.md.

Rules: runs on CPython and on MicroPython 1.25 alike (no dataclasses, enums or typing). A packet is `version, kind,
sequence, about`, the fields of its kind, 16 bytes of HMAC-SHA-256 under the session's key, and the CRC of the framing.
Kinds below 0x80 are the host's, the others the board's, so that no side can be given its own words back. Each side
counts its messages and takes no number twice. What is wrong with a packet is raised as ProtocolError with its code.

>>> host, board = Channel(b"made-up session key"), Channel(b"made-up session key")
>>> (packet,) = framing.Deframer().feed(host.frame(OPEN_SLOT, slot=3))
>>> board.accept(parse(packet)).number("slot")
3
"""

import hashlib
import hmac
import struct

from drivers.cabinet import framing
from drivers.cabinet.messages import *  # noqa: F403 - the names of messages are part of this module
from drivers.cabinet.messages import (
    BAD_PAYLOAD,
    MAX_WIRING,
    MESSAGES,
    NO_SUCH_MESSAGE,
    NOT_AUTHENTICATED,
    VERSION,
    WIRING_PART,
    WRONG_VERSION,
)

KEY_BYTES = 32
"""The key of a cabinet, set at pairing."""
NONCE_BYTES = 16
MAC_BYTES = 16
"""HMAC-SHA-256 cut to half (RFC 2104, section 5: not less than half)."""
NO_MAC = bytes(MAC_BYTES)
HEADER = ">BBII"
HEADER_BYTES = 10
MAX_SEQUENCE = 0xFFFFFFFF

NEW, REPEATED, OLD = "new", "repeated", "old"


class ProtocolError(Exception):
    """A packet that is not taken. `code` is one of the result codes; `kind` and `version` are what the packet says."""

    def __init__(self, code: int, kind: int = 0, version: int = VERSION) -> None:
        super().__init__(f"packet not taken: code {code}, kind {kind}, version {version}")
        self.code = code
        self.kind = kind
        self.version = version


class Message:
    """One packet taken apart; its MAC has not been looked at yet, unless it came out of `Channel.accept`."""

    def __init__(self, kind: int, sequence: int, about: int, values: "dict[str, int | bytes | str]") -> None:
        self.kind = kind
        self.sequence = sequence
        self.about = about
        """Host: number of the last event it has taken. Board: the command answered, or the number of the event."""
        self.values = values
        self.signed = b""
        self.mac = NO_MAC

    def number(self, name: str) -> int:
        """The field of that name. Raises KeyError or TypeError for one that this kind has not."""
        value = self.values[name]
        if not isinstance(value, int):
            raise TypeError(name)
        return value

    def octets(self, name: str) -> bytes:
        """Likewise, where it is bytes."""
        value = self.values[name]
        if not isinstance(value, bytes):
            raise TypeError(name)
        return value

    def text(self, name: str) -> str:
        """Likewise, where it is text."""
        value = self.values[name]
        if not isinstance(value, str):
            raise TypeError(name)
        return value


def parse(packet: bytes) -> Message:
    """A packet of the deframer as a message. Raises ProtocolError; WRONG_VERSION before anything else is read."""
    if len(packet) < HEADER_BYTES + MAC_BYTES:
        raise ProtocolError(BAD_PAYLOAD)
    version, kind, sequence, about = struct.unpack(HEADER, packet[:HEADER_BYTES])
    if version != VERSION:
        raise ProtocolError(WRONG_VERSION, kind, version)
    if kind not in MESSAGES:
        raise ProtocolError(NO_SUCH_MESSAGE, kind)
    signed = packet[:-MAC_BYTES]
    message = Message(kind, sequence, about, _unpack(kind, signed[HEADER_BYTES:]))
    message.signed, message.mac = signed, packet[-MAC_BYTES:]
    return message


def plain(kind: int, about: int = 0, **values: "int | bytes | str") -> bytes:
    """The frame of a message outside a session: sequence 0 and no MAC. Raises as `Channel.frame` does."""
    return framing.encode(_signed(kind, 0, about, values) + NO_MAC)


def sealed(key: bytes, kind: int, sequence: int, about: int, values: "dict[str, int | bytes | str]") -> bytes:
    """The frame of a message with its MAC under `key`."""
    signed = _signed(kind, sequence, about, values)
    return framing.encode(signed + mac(key, signed))


def mac(key: bytes, signed: bytes) -> bytes:
    """MAC_BYTES over all of a packet before its MAC."""
    return hmac.new(key, signed, hashlib.sha256).digest()[:MAC_BYTES]


def same(left: bytes, right: bytes) -> bool:
    """Compare without telling by time where they differ (micropython-lib's hmac has no compare_digest)."""
    if len(left) != len(right):
        return False
    difference = 0
    for mine, theirs in zip(left, right):
        difference |= mine ^ theirs
    return difference == 0


def session_key(key: bytes, host_nonce: bytes, board_nonce: bytes, board_id: bytes) -> bytes:
    """The key of one session, 32 bytes: both sides have put something fresh into it, and it fits one board alone."""
    return hmac.new(key, b"kortkiosk cabinet session" + host_nonce + board_nonce + board_id, hashlib.sha256).digest()


class Channel:
    """One side of one session: counts what it sends, and takes only what is signed and has not been taken before."""

    def __init__(self, key: bytes) -> None:
        """`key` is that of the session."""
        self._key = key
        self._sent = 0
        self._taken = 0
        self.last = OLD
        """What the last accepted message was: NEW, or REPEATED where it was the newest one once more, or OLD."""

    def frame(self, kind: int, about: int = 0, **values: "int | bytes | str") -> bytes:
        """The frame of this side's next message. A frame that is sent again is sent as it was.

        Raises ValueError for a kind or fields that are not in MESSAGES, or when a session's numbers are used up.
        """
        if self._sent >= MAX_SEQUENCE:
            raise ValueError("the session's numbers are used up: begin another")
        content = sealed(self._key, kind, self._sent + 1, about, values)
        self._sent += 1
        return content

    def accept(self, message: Message) -> Message:
        """The same message, now known to be the peer's; `last` says whether it is new.

        Raises ProtocolError: NOT_AUTHENTICATED for a wrong MAC. An OLD or REPEATED one must have no effect.
        """
        if not same(mac(self._key, message.signed), message.mac):
            raise ProtocolError(NOT_AUTHENTICATED, message.kind)
        if message.sequence > self._taken:
            self._taken, self.last = message.sequence, NEW
        else:
            self.last = REPEATED if message.sequence == self._taken else OLD
        return message


def slot_bits(slots: "list[int] | set[int]") -> bytes:
    """Eight bytes with a bit for each of those slots: slot 1 is the lowest bit of the first byte."""
    bits = bytearray(8)
    for slot in slots:
        bits[(slot - 1) // 8] |= 1 << (slot - 1) % 8
    return bytes(bits)


def slots_of(bits: bytes) -> list[int]:
    """The slots whose bits are set, lowest first."""
    return [slot for slot in range(1, 65) if bits[(slot - 1) // 8] >> (slot - 1) % 8 & 1]


def wiring_parts(content: bytes) -> "list[dict[str, int | bytes | str]]":
    """The fields of the WIRING messages that bring these wiring data (JSON). Raises ValueError for too many bytes."""
    if not 0 < len(content) <= MAX_WIRING:
        raise ValueError(f"wiring data are 1 to {MAX_WIRING} bytes")
    starts = range(0, len(content), WIRING_PART)
    return [{"size": len(content), "at": at, "part": content[at : at + WIRING_PART]} for at in starts]


def _signed(kind: int, sequence: int, about: int, values: "dict[str, int | bytes | str]") -> bytes:
    packed = struct.pack(HEADER, VERSION, kind, sequence, about) + _pack(kind, values)
    if len(packed) + MAC_BYTES + framing.CRC_BYTES > framing.MAX_PACKET:
        raise ValueError("a message is too long")
    return packed


def _pack(kind: int, values: "dict[str, int | bytes | str]") -> bytes:
    if kind not in MESSAGES:
        raise ValueError(f"no message of kind {kind}")
    name, fields = MESSAGES[kind]
    if len(values) != len(fields):
        raise ValueError(f"{name} has {len(fields)} fields")
    return b"".join([_packed(values[field], layout, field) for field, layout in fields])


def _packed(value: "int | bytes | str", layout: str, field: str) -> bytes:
    if layout == "text" or layout == "*":
        octets = value.encode() if isinstance(value, str) else value
        if isinstance(octets, int):
            raise ValueError(f"{field} takes no number")
        return bytes(octets)
    size = struct.calcsize(">" + layout)
    if isinstance(value, int) and 0 <= value < 1 << 8 * size:
        return value.to_bytes(size, "big")
    if isinstance(value, bytes) and len(value) == size:
        return value
    raise ValueError(f"{field} does not fit its {size} bytes")


def _unpack(kind: int, payload: bytes) -> "dict[str, int | bytes | str]":
    values: dict[str, int | bytes | str] = {}
    at = 0
    for field, layout in MESSAGES[kind][1]:
        size = len(payload) - at if layout in ("*", "text") else struct.calcsize(">" + layout)
        part = payload[at : at + size]
        if len(part) != size or size < 0:
            raise ProtocolError(BAD_PAYLOAD, kind)
        values[field] = _value(kind, layout, part)
        at += size
    if at != len(payload):
        raise ProtocolError(BAD_PAYLOAD, kind)
    return values


def _value(kind: int, layout: str, part: bytes) -> "int | bytes | str":
    if layout == "text":
        if any(byte < 0x20 or byte > 0x7E for byte in part):
            raise ProtocolError(BAD_PAYLOAD, kind)
        return part.decode()
    if layout == "*" or layout.endswith("s"):
        return part
    return int.from_bytes(part, "big")
