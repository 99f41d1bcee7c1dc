"""Parsers of PIV data objects. Pure, and every byte is hostile: only TlvError comes out.

Clauses and tables are those of SP 800-73-4, part 1, where nothing else is said.

>>> parse_discovery(bytes.fromhex("7e124f0ba0000003080000100001005f2f024000")).primary
128
"""

import zlib
from dataclasses import dataclass, field

from drivers.reader import tlv
from drivers.reader.tlv import MAX_BYTES, Tlv, TlvError

RID = bytes.fromhex("A000000308")
AID = RID + bytes.fromhex("00001000")
"""The PIV application, its version left off (2.2)."""
APPLICATION_PIN, GLOBAL_PIN, PUK = 0x80, 0x00, 0x81
"""Key references of codes (table 4b)."""
_GZIP_OR_ZLIB = 47
_GZIP = b"\x1f\x8b"
"""wbits of zlib: find out by the header, largest window."""
_COMPRESSED = 0x81
"""CertInfo: compressed is bit 1 by the standard (appendix A), bit 8 by some cards."""
_BOTH_PINS, _GLOBAL_IS_PRIMARY = 0x20, 0x20


@dataclass(frozen=True, slots=True)
class KeySlot:
    """One key with the object that holds its certificate (tables 3 and 4b)."""

    key: int
    tag: int
    label: str

    @property
    def id(self) -> str:
        """Lower-case hex of the key reference: a certificate's `id`."""
        return f"{self.key:02x}"


AUTHENTICATION = KeySlot(0x9A, 0x5FC105, "PIV authentication")
SIGNATURE = KeySlot(0x9C, 0x5FC10A, "Digital signature")
KEY_MANAGEMENT = KeySlot(0x9D, 0x5FC10B, "Key management")
CARD_AUTHENTICATION = KeySlot(0x9E, 0x5FC101, "Card authentication")
FOR_PEOPLE = (AUTHENTICATION, SIGNATURE)
"""The slots that a person uses: what identification reads."""
SLOTS = (AUTHENTICATION, SIGNATURE, KEY_MANAGEMENT, CARD_AUTHENTICATION)
RETIRED = tuple(KeySlot(0x82 + n, 0x5FC10D + n, f"Retired key {n + 1}") for n in range(20))


def slot_of(key_id: str) -> KeySlot | None:
    """The slot with that id."""
    return next((slot for slot in (*SLOTS, *RETIRED) if slot.id == key_id), None)


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """Facts that SELECT tells of the application (part 2, table 3). `aid` ends with the version of the application."""

    aid: bytes
    label: str

    @property
    def version(self) -> str:
        """The last two bytes of a whole AID, such as 1.0."""
        version = self.aid[len(AID) :]
        return ".".join(map(str, version)) if len(version) == 2 else ""


@dataclass(frozen=True, slots=True)
class PivPinPolicy:
    """PIN policy of the discovery object (3.3.2). `primary` is the reference that a holder is asked for."""

    primary: int = APPLICATION_PIN
    other: int | None = None


@dataclass(frozen=True, slots=True)
class Chuid:
    """The card holder unique identifier (3.1.2), as far as it tells cards apart."""

    agency: bytes
    """FASC-N."""
    guid: bytes

    @property
    def serial(self) -> str:
        """GUID, else FASC-N, as upper-case hex; empty where both are empty or all zero."""
        identifier = next((value for value in (self.guid, self.agency) if any(value)), b"")
        return identifier.hex().upper()


@dataclass(frozen=True, slots=True)
class Metadata:
    """Answer of GET METADATA on a code or key; None where it does not say."""

    tries_left: int | None = None
    tries: int | None = None
    public_key: bytes | None = field(default=None, repr=False)
    """The public key template as GENERATE ASYMMETRIC KEY PAIR gives it (81, 82 or 86)."""
    algorithm: int | None = None


def parse_application(data: bytes) -> ApplicationInfo | None:
    """The application property template; None where it is not one of PIV."""
    node = next((n for n in tlv.parse_prefix(data) if n.tag == 0x61), None)
    if node is None:
        return None
    name = node.find(0x4F)
    aid = b"" if name is None else name.value
    if not aid.startswith(RID):  # the standard asks for the PIX alone, with the RID in another object
        aid = RID + aid
    label = node.find(0x50)
    return ApplicationInfo(aid, "" if label is None else label.text()[:64]) if aid.startswith(AID) else None


def parse_discovery(data: bytes) -> PivPinPolicy:
    """The discovery object. A policy that cannot be read means the application's PIN alone."""
    node = next((n for n in tlv.parse_prefix(data) if n.tag == 0x7E), None)
    policy = None if node is None else node.find(0x5F2F)
    if policy is None or len(policy.value) != 2 or not policy.value[0] & _BOTH_PINS:
        return PivPinPolicy()
    if policy.value[1] == _GLOBAL_IS_PRIMARY:
        return PivPinPolicy(GLOBAL_PIN, APPLICATION_PIN)
    return PivPinPolicy(APPLICATION_PIN, GLOBAL_PIN)


def content(data: bytes) -> bytes:
    """Return what is inside tag 53 of an answer to GET DATA; empty for an empty object. Raises TlvError."""
    if not data:
        return b""
    node = _first(data)
    if node.tag != 0x53:
        raise TlvError(f"data object {node.tag:X} where 53 should be")
    return node.value


def parse_chuid(data: bytes) -> Chuid:
    """Content of the CHUID. Raises TlvError."""
    nodes = tlv.parse_prefix(data) if data else ()
    return Chuid(_value(nodes, 0x30), _value(nodes, 0x34))


def parse_capability(data: bytes) -> str:
    """The card identifier of the CCC (3.1.1) as upper-case hex; empty where it is all zero. Raises TlvError."""
    identifier = _value(tlv.parse_prefix(data), 0xF0) if data else b""
    return identifier.hex().upper() if any(identifier) else ""


def parse_certificate(data: bytes) -> bytes:
    """Content of a certificate object: the DER, unpacked where it is packed; empty for an empty place.

    Raises TlvError, also for what unpacks to more than 64 KiB.
    """
    if not data:
        return b""
    nodes = tlv.parse_prefix(data)
    der, info = _value(nodes, 0x70), _value(nodes, 0x71)
    packed = der[:2] == _GZIP or bool(info and info[0] & _COMPRESSED)  # some cards leave the bit out
    if packed and der[:1] != bytes((tlv.SEQUENCE,)):
        der = unpack(der)
    first = _first(der) if der else None
    if first is not None and first.tag != tlv.SEQUENCE:
        raise TlvError("a certificate object without a certificate")
    return b"" if first is None else first.raw


def unpack(packed: bytes) -> bytes:
    """gzip (RFC 1952) or zlib (RFC 1950), of at most 64 KiB unpacked. Raises TlvError."""
    machine = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = machine.decompress(packed, MAX_BYTES)
    except zlib.error as fault:
        raise TlvError("a packed certificate that cannot be unpacked") from fault
    if not machine.eof:
        raise TlvError(f"a packed certificate that is cut short, or of more than {MAX_BYTES} bytes")
    return plain


def parse_key_history(data: bytes) -> int:
    """Return how many retired keys have their certificates on the card (3.3.3), 0 to 20. Raises TlvError."""
    on_card = _value(tlv.parse_prefix(data), 0xC1) if data else b""
    return min(on_card[0], len(RETIRED)) if on_card else 0


def parse_metadata(data: bytes) -> Metadata:
    """An answer to GET METADATA. Raises TlvError."""
    nodes = tlv.parse_prefix(data)
    retries, algorithm = _value(nodes, 0x06), _value(nodes, 0x01)
    has_tries = len(retries) == 2
    return Metadata(
        tries_left=retries[1] if has_tries else None,
        tries=retries[0] if has_tries else None,
        public_key=_value(nodes, 0x04) or None,
        algorithm=algorithm[0] if algorithm else None,
    )


def _first(data: bytes) -> Tlv:
    nodes = tlv.parse_prefix(data)
    if not nodes:
        raise TlvError("nothing but filler")
    return nodes[0]


def _value(nodes: tuple[Tlv, ...], tag: int) -> bytes:
    return next((node.value for node in nodes if node.tag == tag), b"")
