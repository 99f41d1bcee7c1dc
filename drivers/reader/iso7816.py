"""APDUs of ISO/IEC 7816-4 and 7816-8, and the encoding of PINs.

Each function builds one `CommandApdu` and names the clause it comes from; nothing here sends anything. P2 of the code
commands is the reference as the card's own description gives it (bit 8 set: a code
of the application, not of the card).

>>> encode_code(Secret("1234"), CodeFormat(Alphabet.ASCII_NUMERIC, stored_length=8, pad=0xFF)).hex()
'31323334ffffffff'
>>> verify_empty(0x01).encode().hex()
'00200001'
"""

from dataclasses import dataclass
from enum import IntEnum

from drivers.reader.apdu import SHORT_LE, CommandApdu
from drivers.reader.secret import Secret

MF = b"\x3f\x00"
"""File identifier of the master file (ISO/IEC 7816-4 7.3.1.2)."""


class SelectBy(IntEnum):
    """P1 of SELECT (ISO/IEC 7816-4 table 63)."""

    ANY = 0x00
    DF = 0x01
    EF = 0x02
    NAME = 0x04
    PATH_FROM_MF = 0x08
    PATH_FROM_DF = 0x09


class SelectAnswer(IntEnum):
    """P2 of SELECT: the file control information that is wanted (table 64), usual form first."""

    FCI = 0x00
    NOTHING = 0x0C
    FCP = 0x04


class Alphabet(IntEnum):
    """Form of a code in bytes: PasswordType of ISO/IEC 7816-15 8.9.2."""

    BCD = 0
    ASCII_NUMERIC = 1
    """Digits. An old code may hold letters all the same: not every card looks."""
    UTF8 = 2
    HALF_NIBBLE_BCD = 3
    ISO_9564_1 = 4


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """Format in which one code goes to the card. `stored_length` in bytes; `pad` is None where the card wants none."""

    alphabet: Alphabet
    stored_length: int
    pad: int | None


def encode_code(code: Secret, how: CodeFormat) -> bytes:
    """The bytes of one field of VERIFY, CHANGE REFERENCE DATA or RESET RETRY COUNTER.

    Raises ValueError, without the code in its text, where the code does not fit the alphabet or the stored length.
    """
    raw = _written(code.reveal(), how)
    if how.stored_length and len(raw) > how.stored_length:
        raise ValueError("the code is longer than the card stores")
    if how.pad is None or how.alphabet is Alphabet.ISO_9564_1:
        return raw
    return raw.ljust(how.stored_length, bytes((how.pad,)))


def _written(code: str, how: CodeFormat) -> bytes:
    if how.alphabet is Alphabet.UTF8:
        return code.encode()
    if how.alphabet is Alphabet.ASCII_NUMERIC:
        if not code.isascii():
            raise ValueError("the code has characters that the card cannot store")
        return code.encode("ascii")
    if not (code.isascii() and code.isdigit()):
        raise ValueError("the code has characters other than digits")
    if how.alphabet is Alphabet.HALF_NIBBLE_BCD:
        return bytes(0xF0 | int(digit) for digit in code)
    if how.alphabet is Alphabet.BCD:
        filler = f"{(0xFF if how.pad is None else how.pad) & 0x0F:x}"
        return bytes.fromhex(code + filler * (len(code) % 2))
    return _pin_block(code)


def _pin_block(code: str) -> bytes:
    """ISO 9564-1 format 2: control nibble 2, length, digits, filled with F to eight bytes."""
    if not 4 <= len(code) <= 12:
        raise ValueError("an ISO 9564-1 code has 4 to 12 digits")
    return bytes.fromhex(f"2{len(code):x}{code}".ljust(16, "f"))


def select_by_name(aid: bytes) -> CommandApdu:
    """SELECT by DF name (ISO/IEC 7816-4 11.2.2, P1=04)."""
    return select(SelectBy.NAME, SelectAnswer.FCI, aid)


def select(by: SelectBy, answer: SelectAnswer, name: bytes) -> CommandApdu:
    """SELECT (11.2.2) by identifier, DF name or path; a path from the MF leaves its own identifier out."""
    return CommandApdu("SELECT", 0x00, 0xA4, by, answer, name, None if answer is SelectAnswer.NOTHING else SHORT_LE)


def read_binary(offset: int, length: int) -> CommandApdu:
    """READ BINARY of the current EF (11.3.3); offset of at most 15 bits."""
    if not 0 <= offset <= 0x7FFF:
        raise ValueError("READ BINARY reaches 32 767 bytes far")
    return CommandApdu("READ BINARY", 0x00, 0xB0, offset >> 8, offset & 0xFF, le=length)


def read_short(short_id: int, length: int = SHORT_LE) -> CommandApdu:
    """READ BINARY from the beginning of an EF of the current DF, by its short identifier (11.3.3, bit 8 of P1 set)."""
    return CommandApdu("READ BINARY", 0x00, 0xB0, 0x80 | short_id, 0x00, le=length)


def read_record(number: int) -> CommandApdu:
    """READ RECORD by number in the current EF (11.4.3, P2=04)."""
    return CommandApdu("READ RECORD", 0x00, 0xB2, number, 0x04, le=SHORT_LE)


def get_response(length: int) -> CommandApdu:
    """GET RESPONSE (12.2.1 for T=0, and for chained answers of any protocol)."""
    return CommandApdu("GET RESPONSE", 0x00, 0xC0, le=length)


def verify_empty(reference: int) -> CommandApdu:
    """VERIFY without data and without Lc: how many tries are left? (11.6.6). Only where the profile says it is safe."""
    return CommandApdu("VERIFY (empty)", 0x00, 0x20, 0x00, reference)


def get_try_counter(reference: int) -> CommandApdu:
    """GET DATA for the reference data object of a code, which holds DF21, tries left (Thales cards)."""
    request_data = bytes((0xA0, 0x03, 0x83, 0x01, reference))
    return CommandApdu("GET DATA", 0x00, 0xCB, 0x00, 0xFF, request_data, SHORT_LE)


def get_code_object(reference: int) -> CommandApdu:
    """GET DATA for the security data object of a code, which holds 9B, tries left (IAS ECC; read from OpenSC, card-iasecc.c and
    card-esteid2018.c). Five bits of the reference name it."""
    request_data = bytes.fromhex("4D08 7006 BF81") + bytes((reference & 0x1F,)) + bytes.fromhex("02 A080")
    return CommandApdu("GET DATA", 0x00, 0xCB, 0x3F, 0xFF, request_data, SHORT_LE)


def verify(reference: int, code: bytes) -> CommandApdu:
    """VERIFY (11.6.6)."""
    return CommandApdu("VERIFY", 0x00, 0x20, 0x00, reference, code)


def change_reference_data(reference: int, old: bytes, new: bytes) -> CommandApdu:
    """CHANGE REFERENCE DATA, old and new (11.6.7, P1=00)."""
    return CommandApdu("CHANGE REFERENCE DATA", 0x00, 0x24, 0x00, reference, old + new)


def change_verified(reference: int, new: bytes) -> CommandApdu:
    """CHANGE REFERENCE DATA, the new code alone after a VERIFY of the old one (11.6.7, P1=01)."""
    return CommandApdu("CHANGE REFERENCE DATA", 0x00, 0x24, 0x01, reference, new)


def reset_retry_counter(reference: int, resetting: bytes, new: bytes) -> CommandApdu:
    """RESET RETRY COUNTER with resetting code and new code (11.6.10, P1=00)."""
    return CommandApdu("RESET RETRY COUNTER", 0x00, 0x2C, 0x00, reference, resetting + new)


def reset_with_puk(reference: int, resetting: bytes) -> CommandApdu:
    """RESET RETRY COUNTER with the resetting code only; the code itself stays (11.6.10, P1=01)."""
    return CommandApdu("RESET RETRY COUNTER", 0x00, 0x2C, 0x01, reference, resetting)


def reset_to_new(reference: int, new: bytes) -> CommandApdu:
    """RESET RETRY COUNTER with a new code, after a VERIFY of the resetting one (11.6.10, P1=02)."""
    return CommandApdu("RESET RETRY COUNTER", 0x00, 0x2C, 0x02, reference, new)


def reset_verified(reference: int) -> CommandApdu:
    """RESET RETRY COUNTER without data, after a VERIFY of the resetting code (11.6.10, P1=03)."""
    return CommandApdu("RESET RETRY COUNTER", 0x00, 0x2C, 0x03, reference)


def get_challenge(length: int) -> CommandApdu:
    """GET CHALLENGE (11.6.3)."""
    return CommandApdu("GET CHALLENGE", 0x00, 0x84, le=length)


def external_authenticate(reference: int, answer: bytes) -> CommandApdu:
    """EXTERNAL AUTHENTICATE with the key of that reference, by an algorithm that the card knows (11.6.4, P1=00)."""
    return CommandApdu("EXTERNAL AUTHENTICATE", 0x00, 0x82, 0x00, reference, answer)


def set_signature_environment(template: bytes) -> CommandApdu:
    """MANAGE SECURITY ENVIRONMENT: SET, digital signature template for computing (11.5.11, P1P2=41B6)."""
    return CommandApdu("MANAGE SECURITY ENVIRONMENT", 0x00, 0x22, 0x41, 0xB6, template)


def set_authentication_environment(template: bytes) -> CommandApdu:
    """MANAGE SECURITY ENVIRONMENT: SET, authentication template for computing (11.5.11, P1P2=41A4)."""
    return CommandApdu("MANAGE SECURITY ENVIRONMENT", 0x00, 0x22, 0x41, 0xA4, template)


def compute_signature(hashed: bytes) -> CommandApdu:
    """PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE (ISO/IEC 7816-8 11.7, P1P2=9E9A)."""
    return CommandApdu("COMPUTE DIGITAL SIGNATURE", 0x00, 0x2A, 0x9E, 0x9A, hashed, SHORT_LE)


def hand_over_hash(hashed: bytes) -> CommandApdu:
    """PERFORM SECURITY OPERATION: HASH, of a hash that was made here (ISO/IEC 7816-8 11.8, P1P2=90A0, tag 90)."""
    return CommandApdu("HASH", 0x00, 0x2A, 0x90, 0xA0, bytes((0x90, len(hashed))) + hashed)


def compute_signature_of_hash() -> CommandApdu:
    """COMPUTE DIGITAL SIGNATURE over the hash that the card was handed just before: without data."""
    return CommandApdu("COMPUTE DIGITAL SIGNATURE", 0x00, 0x2A, 0x9E, 0x9A, le=SHORT_LE)


def internal_authenticate(hashed: bytes) -> CommandApdu:
    """INTERNAL AUTHENTICATE (ISO/IEC 7816-4 11.6.1)."""
    return CommandApdu("INTERNAL AUTHENTICATE", 0x00, 0x88, 0x00, 0x00, hashed, SHORT_LE)
