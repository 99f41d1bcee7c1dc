"""A command APDU as the card takes it apart (ISO/IEC 7816-3 12.1.3).

>>> parse(bytes.fromhex("00A4000C023F00"))
ReceivedCommand(cla=0, ins=164, p1=0, p2=12, le=None)
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum

from sim.reader.status import WRONG_LENGTH, StatusError

MAX_SHORT_LE = 256
MAX_EXTENDED_LE = 65536
CHAINED = 0x10
"""Bit of CLA: more of this command follows (ISO/IEC 7816-4 5.4.1)."""


class Ins(IntEnum):
    """Instructions of the standard that the card knows (ISO/IEC 7816-4 table 5, ISO/IEC 7816-8)."""

    VERIFY = 0x20
    MANAGE_SECURITY_ENVIRONMENT = 0x22
    CHANGE_REFERENCE_DATA = 0x24
    PERFORM_SECURITY_OPERATION = 0x2A
    RESET_RETRY_COUNTER = 0x2C
    GENERATE_KEY_PAIR_OLD = 0x46
    GENERATE_KEY_PAIR = 0x47
    EXTERNAL_AUTHENTICATE = 0x82
    GET_CHALLENGE = 0x84
    GENERAL_AUTHENTICATE = 0x87
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    READ_BINARY = 0xB0
    READ_RECORD = 0xB2
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCA
    GET_DATA_BER = 0xCB
    UPDATE_BINARY = 0xD6
    PUT_DATA = 0xDA
    PUT_DATA_BER = 0xDB
    CREATE_FILE = 0xE0
    DELETE_FILE = 0xE4


_NAMES = {int(ins): ins.name.removesuffix("_BER").removesuffix("_OLD").replace("_", " ") for ins in Ins}


@dataclass(frozen=True, slots=True)
class ReceivedCommand:
    """`data` is None where Lc is absent; `le` is None where absent, else 1 to 65536. The data never prints."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes | None = field(default=None, repr=False)
    le: int | None = None

    @property
    def name(self) -> str:
        """The instruction's name in the standard, or its hex."""
        return _NAMES.get(self.ins, f"INS {self.ins:02X}")


def parse(apdu: bytes, *, extended: bool = False) -> ReceivedCommand:
    """Take an APDU apart. Raises StatusError(6700) where its lengths do not add up, or are extended and must not be."""
    if len(apdu) < 4:
        raise StatusError(WRONG_LENGTH)
    cla, ins, p1, p2 = apdu[:4]
    rest = apdu[4:]
    if not rest:
        return ReceivedCommand(cla, ins, p1, p2)
    if len(rest) == 1:
        return ReceivedCommand(cla, ins, p1, p2, le=rest[0] or MAX_SHORT_LE)
    if extended and rest[0] == 0:
        return _parse_extended(ReceivedCommand(cla, ins, p1, p2), rest[1:])
    size, data, tail = rest[0], rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    if size == 0 or len(data) != size or len(tail) > 1:
        raise StatusError(WRONG_LENGTH)
    return ReceivedCommand(cla, ins, p1, p2, data, (tail[0] or MAX_SHORT_LE) if tail else None)


def _parse_extended(header: ReceivedCommand, rest: bytes) -> ReceivedCommand:
    """Lengths of two bytes each, behind a byte 00."""
    size, body = int.from_bytes(rest[:2], "big"), rest[2:]
    if len(rest) == 2:
        return replace(header, le=size or MAX_EXTENDED_LE)
    data, tail = body[:size], body[size:]
    if len(rest) < 2 or size == 0 or len(data) != size or len(tail) not in (0, 2):
        raise StatusError(WRONG_LENGTH)
    return replace(header, data=data, le=(int.from_bytes(tail, "big") or MAX_EXTENDED_LE) if tail else None)
