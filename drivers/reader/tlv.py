"""BER-TLV as cards write it, read as hostile input: bounded in size, depth and number, with one error type.

Rules: at most 64 KiB, eight levels deep, 4 096 objects; definite lengths only (ISO/IEC 7816-4 5.2.2 allows no other);
nothing but `TlvError` ever comes out. `00` and `FF` between objects are filler (6.3 of the same standard)
and end nothing.

>>> node, = parse(bytes.fromhex("6105 4f03 a0b0c0".replace(" ", "")))
>>> node.tag, node.child(0x4F).value.hex()
(97, 'a0b0c0')
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.reader.errors import CardAnswerError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_OBJECTS = 4096

INTEGER, BIT_STRING, OCTET_STRING, OID = 0x02, 0x03, 0x04, 0x06
ENUMERATED, UTF8_STRING, BOOLEAN, GENERALIZED_TIME = 0x0A, 0x0C, 0x01, 0x18
SEQUENCE, SET = 0x30, 0x31
_FILLER = (0x00, 0xFF)


class TlvError(CardAnswerError, ValueError):
    """The bytes are not the TLV that they should be."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object. `tag` holds all its tag bytes as one number; `raw` is the object with tag and length.

    Children are read when they are asked for, so a value that is a certificate costs nothing here.
    """

    tag: int
    value: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    depth: int = 1

    @property
    def constructed(self) -> bool:
        """Bit 6 of the first tag byte: the value is data objects."""
        first = self.tag >> (8 * ((self.tag.bit_length() - 1) // 8))
        return bool(first & 0x20)

    @property
    def children(self) -> tuple["Tlv", ...]:
        """The data objects inside; none where the object is primitive. Raises TlvError."""
        return tuple(_each(self.value, self.depth + 1)) if self.constructed else ()

    def find(self, tag: int) -> "Tlv | None":
        """The first child with that tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def child(self, tag: int) -> "Tlv":
        """As `find`. Raises TlvError where there is none."""
        child = self.find(tag)
        if child is None:
            raise TlvError(f"data object {self.tag:X} has no {tag:X} in it")
        return child

    def integer(self) -> int:
        """A signed INTEGER or ENUMERATED of at most 32 bytes."""
        if not 1 <= len(self.value) <= 32:
            raise TlvError(f"a number of {len(self.value)} bytes")
        return int.from_bytes(self.value, "big", signed=True)

    def small(self, most: int) -> int:
        """A number from 0 to `most`. Raises TlvError outside."""
        number = self.integer()
        if not 0 <= number <= most:
            raise TlvError("a number outside its range")
        return number

    def text(self) -> str:
        """A string; what is not UTF-8 is shown as replacement characters, control characters are dropped."""
        return "".join(c for c in self.value.decode("utf-8", "replace") if c.isprintable()).strip()

    def bits(self) -> frozenset[int]:
        """Numbers of the bits that are set in a BIT STRING, ASN.1 bit 0 first."""
        if not 1 <= len(self.value) <= 9:
            raise TlvError("a BIT STRING outside its range")
        body = self.value[1:]
        return frozenset(n for n in range(8 * len(body)) if body[n // 8] & (0x80 >> n % 8))


def parse(data: bytes) -> tuple[Tlv, ...]:
    """Every data object of `data`. Raises TlvError."""
    return tuple(_each(_bounded(data), 1))


def parse_prefix(data: bytes) -> tuple[Tlv, ...]:
    """Like `parse`, but ends quietly at the first byte that is not TLV once an object was read: files have tails."""
    objects: list[Tlv] = []
    try:
        for node in _each(_bounded(data), 1):
            objects.append(node)
    except TlvError:
        if not objects:
            raise
    return tuple(objects)


def end_of_objects(data: bytes, most: int = MAX_OBJECTS) -> int:
    """Return where the first `most` objects of `data` end: behind its own end where the last is cut off; 0 for mere filler.

    Raises TlvError where it is no TLV, or too little of it to say.

    >>> end_of_objects(bytes.fromhex("0401AA0000")), end_of_objects(bytes.fromhex("0410AA"))
    (3, 18)
    """
    at = end = count = 0
    while at < len(data) and count < most:
        if data[at] in _FILLER:
            at += 1
            continue
        _tag, begin = _read_tag(data, at)
        length, begin = _read_length(data, begin)
        at = end = begin + length
        count += 1
    return end


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise TlvError(f"more than {MAX_BYTES} bytes")
    return bytes(data)


def _each(data: bytes, depth: int) -> Iterator[Tlv]:
    if depth > MAX_DEPTH:
        raise TlvError(f"more than {MAX_DEPTH} levels deep")
    at = count = 0
    while at < len(data):
        if data[at] in _FILLER:
            at += 1
            continue
        count += 1
        if count > MAX_OBJECTS:
            raise TlvError(f"more than {MAX_OBJECTS} data objects")
        tag, begin = _read_tag(data, at)
        length, begin = _read_length(data, begin)
        if begin + length > len(data):
            raise TlvError("a data object ends after its container")
        yield Tlv(tag, data[begin : begin + length], data[at : begin + length], depth)
        at = begin + length


def _read_tag(data: bytes, at: int) -> tuple[int, int]:
    """Tag field, ISO/IEC 7816-4 5.2.2.1: one to three bytes."""
    tag = data[at]
    at += 1
    if tag & 0x1F != 0x1F:
        return tag, at
    for _ in range(2):
        if at >= len(data):
            break
        byte = data[at]
        tag, at = tag << 8 | byte, at + 1
        if not byte & 0x80:
            return tag, at
    raise TlvError("a tag that does not end")


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """Length field, 5.2.2.2: one to five bytes, never indefinite."""
    if at >= len(data):
        raise TlvError("a data object without a length")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    size = first & 0x7F
    if not 1 <= size <= 4 or at + size > len(data):
        raise TlvError("a length that cannot be read")
    return int.from_bytes(data[at : at + size], "big"), at + size


def encode(tag: int, value: bytes) -> bytes:
    """One data object in DER."""
    head = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")
    if len(value) < 0x80:
        return head + bytes((len(value),)) + value
    size = (len(value).bit_length() + 7) // 8
    return head + bytes((0x80 | size,)) + len(value).to_bytes(size, "big") + value
