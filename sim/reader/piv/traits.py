"""Traits of the two kinds of virtual PIV cards. Both are PIV; a station has to cope with either."""

from dataclasses import dataclass

from sim.reader import status
from sim.reader.der import constructed, octets, tlv, utf8
from sim.reader.piv.references import PIX, RID, AlgorithmReference


@dataclass(frozen=True, slots=True)
class PivTraits:
    """Differences between the kinds of virtual PIV cards."""

    pin_tries: int
    puk_tries: int
    pin_min_length: int
    wrong_length: int
    """Answer to a code that is not padded to eight bytes."""
    locks_with_c0: bool
    """The wrong try that was the last answers 63C0, and only what follows 6983."""
    digits_only: bool
    """Codes of other characters, and new ones that are too short, are refused as bad data."""
    keeps_status: bool
    """Selecting the application again keeps the verified PIN (SP 800-73-4 part 2, 3.1.1)."""
    version: bytes
    """Answer to the instruction FD, by which common tools decide what else a card can do."""
    metadata: bool
    """The maker's further instructions: metadata (F7), serial number (F8), and a key moved or deleted (F6)."""
    management: AlgorithmReference
    property_template: bytes
    """Answer to SELECT (part 2 table 3)."""
    compressed: frozenset[int]
    """Slots whose certificate is kept gzip'd."""
    tells_serial: bool = True
    """A token's serial number (F8) is not refused."""
    guards_certificates: bool = False
    """They are read once the PIN was verified."""


_ALGORITHMS = (
    AlgorithmReference.TRIPLE_DES,
    AlgorithmReference.AES_128,
    AlgorithmReference.RSA_2048,
    AlgorithmReference.P256,
    AlgorithmReference.P384,
)
APPLET = PivTraits(
    pin_tries=5,
    puk_tries=3,
    pin_min_length=6,
    wrong_length=status.BAD_DATA,
    locks_with_c0=True,
    digits_only=True,
    keeps_status=True,
    version=bytes([3, 5, 0]),
    metadata=False,
    management=AlgorithmReference.TRIPLE_DES,
    property_template=tlv(
        0x61,
        octets(PIX, 0x4F),
        tlv(0x79, octets(RID, 0x4F)),
        utf8("Kortkiosk test PIV applet", 0x50),
        constructed(0x0C, *(octets(bytes([a]), 0x80) for a in _ALGORITHMS), octets(b"\x00", 0x06)),
    ),
    compressed=frozenset({0x9D, 0x83}),
)
TOKEN = PivTraits(
    pin_tries=3,
    puk_tries=3,
    pin_min_length=1,
    wrong_length=status.WRONG_LENGTH,
    locks_with_c0=False,
    digits_only=False,
    keeps_status=False,
    version=bytes([5, 7, 1]),
    metadata=True,
    management=AlgorithmReference.AES_192,
    property_template=tlv(0x61, octets(PIX, 0x4F), tlv(0x79, octets(RID, 0x4F))),
    compressed=frozenset({0x83}),
)
TRAITS = {"C": APPLET, "D": TOKEN}
