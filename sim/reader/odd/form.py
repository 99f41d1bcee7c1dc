"""Encodings of a code in bytes, by its password type (ISO/IEC 7816-15 8.9.2), as the card sees it.

Written apart from the reader's own encoding on purpose: the two check each other.

>>> CodeForm(PasswordType.BCD, 8, padded=True).encode("1234567").hex()
'1234567fffffffff'
"""

from dataclasses import dataclass
from enum import IntEnum


class PasswordType(IntEnum):
    """Password types by their number in ISO/IEC 7816-15 8.9.2."""

    BCD = 0
    ASCII = 1
    UTF8 = 2
    HALF_NIBBLE_BCD = 3
    ISO_9564_1 = 4


@dataclass(frozen=True, slots=True)
class CodeForm:
    """`stored` is the length in bytes of a padded code. A code that is not padded has one length only."""

    kind: PasswordType
    stored: int
    padded: bool
    pad: int = 0xFF

    def size(self, characters: int) -> int:
        """Return how many bytes a code of so many characters is."""
        return self.stored if self.padded else characters

    def encode(self, code: str) -> bytes:
        """A code as it must come."""
        if self.kind is PasswordType.ISO_9564_1:
            return bytes.fromhex(f"2{len(code):X}{code}".ljust(16, "F"))
        if self.kind is PasswordType.BCD:
            raw = bytes.fromhex(code + "F" * (len(code) % 2))
        elif self.kind is PasswordType.HALF_NIBBLE_BCD:
            raw = bytes(0xF0 + int(digit) for digit in code)
        else:
            raw = code.encode()
        return raw + bytes([self.pad]) * (self.stored - len(raw)) if self.padded else raw

    def characters(self, entry: bytes) -> int:
        """Return how many characters an entry has."""
        if self.kind is PasswordType.ISO_9564_1:
            return entry[0] & 0x0F
        if self.kind is PasswordType.BCD:
            return len(entry.hex().rstrip("f"))
        return len(entry.rstrip(bytes([self.pad]))) if self.padded else len(entry)
