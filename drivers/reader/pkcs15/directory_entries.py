"""Encoder of PKCS#15 directory entries (ISO/IEC 7816-15), and where a directory changes. Pure.

A directory file keeps its length: its objects first, then filler. One change is one UPDATE BINARY, so that a card which does
a command whole or not at all has the old directory or the new one when it is torn.

>>> change(b"abc0", b"axc0")
DirectoryChange(offset=1, data=b'x')
"""

from dataclasses import dataclass

from drivers.reader import tlv
from drivers.reader.apdu import SHORT_DATA
from drivers.reader.tlv import Tlv

SIGN = bytes.fromhex("03020520")
"""KeyUsageFlags (8.4): sign."""
VERIFY = bytes.fromhex("03020102")
"""KeyUsageFlags (8.5): verify."""
MADE_ON_CARD = bytes.fromhex("030203B8")
"""KeyAccessFlags (8.4): sensitive, always sensitive, never extractable, local."""
PRIVATE = bytes.fromhex("03020780")
"""CommonObjectFlags (8.3)."""
MAX_LABEL = 32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made. `file` and `public_file` are paths from the MF, `guard` is the authId of its code."""

    id: bytes
    label: str
    guard: bytes
    reference: int
    bits: int
    elliptic: bool
    file: bytes
    public_file: bytes


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """Bytes that go into a directory file, and where."""

    offset: int
    data: bytes


def private_key(key: NewKey) -> bytes:
    """Entry of a PrKDF (8.4)."""
    common = _sequence(_label(key.label), PRIVATE, _octets(key.guard))
    own = _sequence(_octets(key.id), SIGN, MADE_ON_CARD, _integer(key.reference))
    return _key(key, common, own, key.file)


def public_key(key: NewKey) -> bytes:
    """Entry of a PuKDF (8.5)."""
    return _key(key, _sequence(_label(key.label)), _sequence(_octets(key.id), VERIFY), key.public_file)


def certificate(key_id: bytes, label: str, path: bytes) -> bytes:
    """Entry of a CDF (8.6)."""
    value = tlv.encode(0xA1, _sequence(_sequence(_octets(path))))
    return _sequence(_sequence(_label(label)), _sequence(_octets(key_id)), value)


def _key(key: NewKey, common: bytes, own: bytes, path: bytes) -> bytes:
    """An RSA key is an untagged choice, an EC key is [0]. For EC the standard has no length behind the path; cards of this
    kind carry one, as their makers' tools want it."""
    value = tlv.encode(0xA1, _sequence(_sequence(_octets(path)), _integer(key.bits)))
    return tlv.encode(0xA0 if key.elliptic else tlv.SEQUENCE, common + own + value)


def entries(content: bytes) -> tuple[Tlv, ...]:
    """The objects of a directory file; none where it is empty. Raises TlvError."""
    return tlv.parse_prefix(content)


def change(old: bytes, packed: bytes) -> DirectoryChange | None:
    """From a directory file's content to one that begins with `packed` and ends in filler; None where it does not fit, or
    does not go into one command. Nothing to change is a change of no bytes. The filler is that of the file, 00 or FF.

    >>> change(b"ab\\xff\\xff", b"a")
    DirectoryChange(offset=1, data=b'\\xff')
    """
    new = packed.ljust(len(old), b"\xff" if old.endswith(b"\xff") else b"\0")
    if len(new) > len(old):
        return None
    differing = [at for at in range(len(old)) if old[at] != new[at]]
    if not differing:
        return DirectoryChange(0, b"")
    first, last = differing[0], differing[-1]
    return DirectoryChange(first, new[first : last + 1]) if last - first < SHORT_DATA else None


def _sequence(*parts: bytes) -> bytes:
    return tlv.encode(tlv.SEQUENCE, b"".join(parts))


def _octets(value: bytes) -> bytes:
    return tlv.encode(tlv.OCTET_STRING, value)


def _integer(value: int) -> bytes:
    return tlv.encode(tlv.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _label(label: str) -> bytes:
    return tlv.encode(tlv.UTF8_STRING, label[:MAX_LABEL].encode())
