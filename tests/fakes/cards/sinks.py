"""A search for what may be in no sink: codes, personal identity numbers, and certificates that bear one, in any encoding.

A certificate is found by any run of bytes that no other certificate of the same cards has: plain, in hexadecimal digits or in
base64, wherever it begins.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from drivers.reader.certificates.identity import looks_personal

RUN = 20
"""Bytes of a certificate in a row that are found."""
_COMMON = (bytes.fromhex("03420004"), bytes.fromhex("0603551d"))
"""Before the point of a key on P-256 (RFC 5480), and of an extension's name (RFC 5280): a run with one of them may be in any
certificate, but for a byte or two."""
_HEX = re.compile(rb"[0-9a-fA-F]{%d,}" % (2 * RUN))
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % (4 * RUN // 3))


def forms(code: str) -> dict[str, bytes]:
    """The code as it might lie about: plain, hex of it, BCD, PIN blocks, base64 at each offset, UTF-16."""
    plain = code.encode()
    bcd = bytes.fromhex(code)
    block = bytes([0x20 | len(code)]) + bcd + b"\xff" * (7 - len(bcd))  # ISO 9564-1 format 2
    found = {
        "plain": plain, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode(), "bcd": bcd,
        "bcd hex": bcd.hex().encode(), "pin block": block, "pin block hex": block.hex().encode(),
        "utf-16": code.encode("utf-16-le"), "spaced": " ".join(code).encode(),
        "list of ints": ", ".join(str(byte) for byte in plain).encode(),
    }  # fmt: skip
    for offset in range(3):  # a code inside a longer base64 text, at each alignment
        text = base64.b64encode(b"\0" * offset + plain).decode().rstrip("=")
        found[f"base64+{offset}"] = text[(0, 2, 3)[offset] : -1].encode()
    return found


@dataclass(frozen=True)
class PersonalData:
    """What of some cards may be nowhere: personal identity numbers by form, and the runs of the certificates that bear one."""

    forms: Mapping[str, bytes]
    runs: frozenset[bytes]

    def traces_in(self, data: bytes) -> list[str]:
        """In which forms something of it is there."""
        readings = list(dict.fromkeys(_readings(data)))
        named = [form for form, needle in self.forms.items() if any(needle in text for text in readings)]
        parts = (part for text in readings for part in _runs(text) if part in self.runs)
        return named + [f"certificate: {part.hex()}" for part in parts][:1]


def personal_data(certificates: Iterable[x509.Certificate], known: Iterable[x509.Certificate] = ()) -> PersonalData:
    """Of those among the certificates that bear a personal identity number. `known`: of authorities, which anybody may see."""
    bearing, innocent, numbers = set[bytes](), set[bytes](), set[str]()
    for certificate in (*certificates, *known):
        serial = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        number = str(serial[0].value) if serial else ""
        if looks_personal(number):  # what stands between its two parts stands in every certificate
            bearing.update(_runs(certificate.tbs_certificate_bytes), _runs(certificate.signature))
        else:
            innocent.update(_runs(certificate.public_bytes(Encoding.DER)))
        numbers |= {number} if looks_personal(number) else set()
    spelled = {
        text
        for number in numbers
        for text in (number, number[2:], f"{number[:8]}-{number[8:]}", f"{number[2:8]}-{number[8:]}")
    }
    found = {f"number as {name}: {text}": form for text in spelled for name, form in _forms(text).items()}
    return PersonalData(found, frozenset(run for run in bearing - innocent if not any(part in run for part in _COMMON)))


def _forms(text: str) -> dict[str, bytes]:
    return forms(text) if text.isdecimal() else {"plain": text.encode()}


def _runs(data: bytes) -> Iterator[bytes]:
    return (data[at : at + RUN] for at in range(len(data) - RUN + 1))


def _readings(data: bytes, depth: int = 3) -> Iterator[bytes]:
    """The bytes, and what they say where they are hexadecimal digits or base64: a signature's header in an event has base64 of
    base64."""
    yield data
    for part in _decoded(data) if depth else ():
        yield from _readings(part, depth - 1)


def _decoded(data: bytes) -> Iterator[bytes]:
    for digits in _HEX.findall(data):
        for start in (0, 1):
            yield bytes.fromhex(digits[start : start + (len(digits) - start) // 2 * 2].decode())
    for text in _BASE64.findall(data):
        plain = text.translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = plain[start : start + (len(plain) - start) // 4 * 4]
            yield binascii.a2b_base64(part)
