"""Bytes on the line to packets and back: COBS with a zero after each packet, CRC-16. Pure.

Rules: runs on CPython and on MicroPython 1.25 alike, so there are no dataclasses, enums or typing here. A receiver never
raises: what is no packet is dropped and counted, and the next zero begins anew. Nothing of any length is kept beyond
the limit.

>>> line = Deframer()
>>> line.feed(b"noise" + encode(b"ab") + encode(b"")[:-1])
[]
>>> line.spoilt, line.feed(bytes(1) + encode(b"ab"))
(1, [b'ab'])
"""

MAX_PACKET = 256
"""The longest packet, checksum included, in bytes."""
MAX_FRAME = MAX_PACKET + MAX_PACKET // 254 + 2
"""The same on the line: one byte for each 254, and the zero."""
CRC_BYTES = 2

_POLYNOMIAL = 0x1021


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1) ^ _POLYNOMIAL if value & 0x8000 else value << 1
        table.append(value & 0xFFFF)
    return table


_TABLE = _table()


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021, start 0xFFFF, nothing reflected (CRC-16/IBM-3740, also called CCITT-FALSE)."""
    table, value = _TABLE, 0xFFFF
    for byte in data:
        value = ((value << 8) & 0xFFFF) ^ table[(value >> 8) ^ byte]
    return value


def cobs(data: bytes) -> bytes:
    """`data` without a zero in it: consistent overhead byte stuffing (Cheshire and Baker, 1999)."""
    stuffed = bytearray()
    parts = data.split(b"\0")
    last = len(parts) - 1
    for index, part in enumerate(parts):
        while len(part) >= 254 and not (index == last and len(part) == 254):
            stuffed.append(255)
            stuffed.extend(part[:254])
            part = part[254:]
        stuffed.append(len(part) + 1)
        stuffed.extend(part)
    return bytes(stuffed)


def uncobs(data: bytes) -> "bytes | None":
    """Return what was stuffed; None where `data` is not well formed. There is no zero in `data`."""
    plain = bytearray()
    at, size = 0, len(data)
    while at < size:
        end = at + data[at]
        if end > size:
            return None
        plain.extend(data[at + 1 : end])
        if data[at] != 255 and end < size:
            plain.append(0)
        at = end
    return bytes(plain)


def encode(content: bytes) -> bytes:
    """The bytes on the line for one packet: content and CRC-16 (big endian), stuffed, and a zero."""
    return cobs(content + crc16(content).to_bytes(CRC_BYTES, "big")) + b"\0"


def decode(frame: bytes) -> "bytes | None":
    """The content of one frame without its zero; None where stuffing, length or checksum is wrong."""
    packet = uncobs(frame)
    if packet is None or not CRC_BYTES < len(packet) <= MAX_PACKET:
        return None
    content = packet[:-CRC_BYTES]
    return content if crc16(content) == int.from_bytes(packet[-CRC_BYTES:], "big") else None


class Deframer:
    """Collects bytes until a zero comes."""

    def __init__(self) -> None:
        self._held = b""
        self._overlong = False
        self.spoilt = 0
        """Frames that were dropped since the start."""

    def feed(self, data: bytes) -> list[bytes]:
        """The contents of the frames that have become whole, in their order."""
        contents = []
        parts = data.split(b"\0")
        for part in parts[:-1]:
            content = self._end(part)
            if content is not None:
                contents.append(content)
        self._hold(parts[-1])
        return contents

    def _hold(self, part: bytes) -> None:
        if self._overlong or len(self._held) + len(part) >= MAX_FRAME:
            self._overlong, self._held = True, b""
        else:
            self._held += part

    def _end(self, part: bytes) -> "bytes | None":
        self._hold(part)
        frame, overlong = self._held, self._overlong
        self._held, self._overlong = b"", False
        if not frame and not overlong:
            return None  # zeros between frames are welcome
        content = None if overlong else decode(frame)
        if content is None:
            self.spoilt += 1
        return content
