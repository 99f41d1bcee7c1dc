"""Barcode parsing: a printed card number, the code of an order, the code of an envelope, or an unknown code. Pure.

Rules: what does not check is refused with its reason, never guessed at; what is read is bounded; no envelope's code holds a
PUK, and nothing that was scanned is ever in a reason. The forms of the codes are in docs/hardware.md.

>>> parse_scan("9999 0000 2026 0001")
CardNumber(number='9999000020260001')
>>> parse_scan(order_code("2026-0001"))
OrderCode(order='2026-0001')
>>> parse_scan("KK1:O:2026-0001:0000")
UnknownCode(why='checksum')
"""

import binascii
import re
from dataclasses import dataclass
from typing import Literal

LONGEST = 128
"""Characters of the longest code that means something, with room to spare."""
CardCheck = Literal["none", "luhn"]
RefusalReason = Literal["empty", "too_long", "not_text", "version", "kind", "content", "checksum", "luhn", "unknown"]

_CARD_NUMBER = re.compile(r"[0-9A-Z]{4,40}")
_ORDER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""What some scanners put first: the AIM symbology identifier (ISO/IEC 15424)."""
_OURS = re.compile(r"KK(\d{1,3}):([^:]*):([^:]*):([^:]*)")
VERSION = "1"


@dataclass(frozen=True, slots=True)
class CardNumber:
    """The number that is printed on a card, without its spaces."""

    number: str


@dataclass(frozen=True, slots=True)
class OrderCode:
    """The QR code of an order: its number."""

    order: str


@dataclass(frozen=True, slots=True)
class EnvelopeCode:
    """The QR code outside an envelope: which card's code letter is in it."""

    card_number: str


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """Nothing that we know; `why` is a stable code."""

    why: RefusalReason


ScannedCode = CardNumber | OrderCode | EnvelopeCode | UnknownCode


def parse_scan(text: str, check: CardCheck = "none") -> ScannedCode:
    """Parse the text of a scan. `check` is the check of the region's card numbers."""
    if len(text) > LONGEST:
        return UnknownCode("too_long")
    text = _SYMBOLOGY.sub("", text.strip(), count=1) if text.lstrip().startswith("]") else text.strip()
    if not text:
        return UnknownCode("empty")
    if not (text.isascii() and text.isprintable()):
        return UnknownCode("not_text")
    if text.startswith("KK") and ":" in text:
        return _ours(text)
    return _card(text, check)


def order_code(order: str) -> str:
    """Return the content of an order's QR code. Raises ValueError for what is no order's number."""
    return _code("O", order, _ORDER)


def envelope_code(card_number: str) -> str:
    """Return the content of an envelope's QR code. Raises ValueError for what is no card number."""
    return _code("E", card_number, _CARD_NUMBER)


def luhn(digits: str) -> bool:
    """Return whether the last digit checks the others (ISO/IEC 7812-1 annex B)."""
    odd = sum(int(digit) for digit in digits[-1::-2])
    return (odd + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0


def _ours(text: str) -> ScannedCode:
    match = _OURS.fullmatch(text)
    if match is None:
        return UnknownCode("content")
    version, kind, content, check = match.groups()
    if version != VERSION:
        return UnknownCode("version")
    if check != _check(text.rpartition(":")[0]):
        return UnknownCode("checksum")
    match kind:
        case "O":
            return OrderCode(content) if _ORDER.fullmatch(content) else UnknownCode("content")
        case "E":
            return EnvelopeCode(content) if _CARD_NUMBER.fullmatch(content) else UnknownCode("content")
        case _:
            return UnknownCode("kind")


def _card(text: str, check: CardCheck) -> ScannedCode:
    number = text.replace(" ", "").replace("-", "")
    if not _CARD_NUMBER.fullmatch(number) or not any(character.isdigit() for character in number):
        return UnknownCode("unknown")
    if check == "luhn" and not (number.isdigit() and luhn(number)):
        return UnknownCode("luhn")
    return CardNumber(number)


def _code(kind: str, content: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(content):
        raise ValueError(f"{len(content)} characters that fit no such code")
    text = f"KK{VERSION}:{kind}:{content}"
    return f"{text}:{_check(text)}"


def _check(text: str) -> str:
    """CRC-16/CCITT-FALSE over all before the last colon, as four hexadecimal digits."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"
