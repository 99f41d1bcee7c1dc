"""A command APDU as the card takes it apart (ISO/IEC 7816-3 12.1.3, short form only).

>>> parse(bytes.fromhex("00A4000C023F00"))
Command(cla=0, ins=164, p1=0, p2=12, le=None)
"""

from dataclasses import dataclass, field
from enum import IntEnum

from drivers.reader.virtual.status import WRONG_LENGTH, StatusError

MAX_SHORT_LE = 256


class Ins(IntEnum):
    """Instructions of the standard that the card knows (ISO/IEC 7816-4 table 5, ISO/IEC 7816-8)."""

    VERIFY = 0x20
    MANAGE_SECURITY_ENVIRONMENT = 0x22
    CHANGE_REFERENCE_DATA = 0x24
    PERFORM_SECURITY_OPERATION = 0x2A
    RESET_RETRY_COUNTER = 0x2C
    GET_CHALLENGE = 0x84
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    READ_BINARY = 0xB0
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCA


_NAMES = {int(ins): ins.name.replace("_", " ") for ins in Ins}


@dataclass(frozen=True, slots=True)
class Command:
    """`data` is None where Lc is absent; `le` is None where absent, else 1 to 256. The data never prints."""

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


def parse(apdu: bytes) -> Command:
    """Take an APDU apart. Raises StatusError(6700) where its lengths do not add up or are extended."""
    if len(apdu) < 4:
        raise StatusError(WRONG_LENGTH)
    cla, ins, p1, p2 = apdu[:4]
    rest = apdu[4:]
    if not rest:
        return Command(cla, ins, p1, p2)
    if len(rest) == 1:
        return Command(cla, ins, p1, p2, le=rest[0] or MAX_SHORT_LE)
    size, data, tail = rest[0], rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    if size == 0 or len(data) != size or len(tail) > 1:
        raise StatusError(WRONG_LENGTH)
    return Command(cla, ins, p1, p2, data, (tail[0] or MAX_SHORT_LE) if tail else None)
