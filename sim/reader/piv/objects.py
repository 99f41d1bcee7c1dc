"""Data objects of a PIV card as they are issued (SP 800-73-4 part 1, appendix A).

A card of no federal agency: its FASC-N is that of agency 9999, and what tells cards apart is the GUID.
"""

import gzip
from datetime import datetime
from uuid import UUID, uuid5

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sim.reader.der import octets, utf8
from sim.reader.file_traits import Serial
from sim.reader.persona import Persona
from sim.reader.piv import references as names

CERTIFICATE, CERTIFICATE_INFO, PLAIN, GZIP, ERROR_DETECTION = 0x70, 0x71, 0x00, 0x01, 0xFE
PIN_POLICY, ONLY_THE_PIN, GLOBAL_PREFERRED = 0x5F2F, bytes([0x40, 0x00]), bytes([0x60, 0x20])
_NAMESPACE = UUID("99990000-0000-4000-8000-000000009999")
_AGENCY, _SYSTEM = "9999", "9999"


def guid(persona: Persona) -> UUID:
    """The card's universally unique identifier, made of its serial number."""
    return uuid5(_NAMESPACE, persona.serial)


def issued_objects(persona: Persona, expires: datetime, retired: int, serial: Serial = "own") -> dict[int, bytes]:
    """All objects but the certificates; `retired` is how many keys of the past have theirs on the card."""
    number = {"own": guid(persona), "batch": uuid5(_NAMESPACE, serial), "none": UUID(int=0)}[serial]
    return {
        names.DISCOVERY: discovery(ONLY_THE_PIN),
        names.CAPABILITIES: _capabilities(number),
        names.CHUID: _chuid(persona, number, expires),
        names.PRINTED: _printed_information(persona, expires),
        names.KEY_HISTORY: octets(bytes([retired]), 0xC1) + octets(b"\x00", 0xC2) + octets(b"", ERROR_DETECTION),
    }


def discovery(policy: bytes) -> bytes:
    """Discovery object (part 1, 3.3.2) with a PIN usage policy."""
    return octets(names.AID, 0x4F) + octets(policy, PIN_POLICY)


def certificate_object(certificate: x509.Certificate, *, compressed: bool, shows_gzip: bool = True) -> bytes:
    """`70` certificate, `71` how it is kept, `FE` (part 1 table 10; gzip by RFC 1952)."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    if compressed:
        der = gzip.compress(der, mtime=0)
    info = octets(bytes([GZIP if compressed and shows_gzip else PLAIN]), CERTIFICATE_INFO)
    return octets(der, CERTIFICATE) + info + octets(b"", ERROR_DETECTION)


def _chuid(persona: Persona, number: UUID, expires: datetime) -> bytes:
    """Card holder unique identifier, without an issuer's signature (part 1 table 9)."""
    parts = (
        octets(fascn(int(persona.card_number[-6:])), 0x30),
        octets(number.bytes, 0x34),
        octets(expires.strftime("%Y%m%d").encode(), 0x35),
        octets(b"", 0x3E),
        octets(b"", ERROR_DETECTION),
    )
    return b"".join(parts)


def _capabilities(number: UUID) -> bytes:
    """Card capability container (part 1 table 8): a card identifier, versions 2.1, data model 10."""
    card_id = bytes.fromhex("A000000116") + bytes([0xFF, 0x02]) + number.bytes[:14] if number.int else b""
    values = {0xF0: card_id, 0xF1: b"\x21", 0xF2: b"\x21", 0xF4: b"\x00", 0xF5: b"\x10"}
    tags = (0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, ERROR_DETECTION)
    return b"".join(octets(values.get(tag, b""), tag) for tag in tags)


def _printed_information(persona: Persona, expires: datetime) -> bytes:
    """Printed information (part 1 table 14): what the plastic says."""
    name = persona.hsa_id if persona.protected_identity else persona.name
    parts = (
        utf8(name, 0x01),
        utf8(expires.strftime("%Y%b%d").upper(), 0x04),
        utf8(persona.number_on_card, 0x05),
        octets(b"", ERROR_DETECTION),
    )
    return b"".join(parts)


def fascn(credential: int) -> bytes:
    """Federal agency smart credential number: 40 digits of five bits, odd parity, low bit first (TIG SCEPACS 2.1)."""
    start, separator, end = 0xB, 0xD, 0xF
    fields = [f"{_AGENCY}", f"{_SYSTEM}", f"{credential:06d}", "0", "1"]
    digits = [start]
    for text in fields:
        digits += [*(int(c) for c in text), separator]
    digits += [int(c) for c in f"{0:010d}3{9999}1"] + [end]
    check = 0
    for digit in digits:
        check ^= digit
    bits = "".join(_five_bits(digit) for digit in [*digits, check])
    return int(bits, 2).to_bytes(25, "big")


def _five_bits(digit: int) -> str:
    low_first = f"{digit:04b}"[::-1]
    return low_first + str(1 - low_first.count("1") % 2)
