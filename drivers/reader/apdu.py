"""Command and response APDUs: encoding, decoding and status words, without I/O.

ISO/IEC 7816-3 clause 12 (the four cases, short and extended length) and ISO/IEC 7816-4 clause 5 (status words).
A command that carries a code must not show it: `repr` gives the header and the length of the data, never the data.

>>> CommandApdu("READ BINARY", 0x00, 0xB0, le=256).encode().hex()
'00b0000000'
>>> ResponseApdu.decode(bytes.fromhex("63c2")).tries_left
2
"""

from dataclasses import dataclass, field

SHORT_DATA = 255
"""Most bytes of data in a short command."""
SHORT_LE = 256
"""Most bytes of answer that a short command may ask for (coded 00)."""
CHAINING = 0x10
"""Bit 5 of CLA: this is not the last command of the chain (ISO/IEC 7816-4 5.4.1)."""
EXTENDED_LE = 65536
"""Most bytes of answer that an extended command may ask for (coded 0000)."""


class StatusWord:
    """Status words by name (ISO/IEC 7816-4 tables 6 and 7)."""

    OK = 0x9000
    WRONG_CODE_NO_COUNTER = 0x6300
    WRONG_LENGTH = 0x6700
    WRONG_STRUCTURE = 0x6981
    SECURITY_NOT_SATISFIED = 0x6982
    AUTHENTICATION_BLOCKED = 0x6983
    REFERENCE_DATA_UNUSABLE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_FILE = 0x6986
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    WRONG_P1P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    OUTSIDE_FILE = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """One command APDU. `le` is the number of bytes wanted in the answer, None for none at all."""

    name: str
    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = field(default=b"", repr=False)
    le: int | None = None

    def __post_init__(self) -> None:
        if not all(0 <= part <= 0xFF for part in (self.cla, self.ins, self.p1, self.p2)):
            raise ValueError(f"{self.name}: a header byte is outside 00..FF")
        if len(self.data) > 0xFFFF or (self.le is not None and not 1 <= self.le <= EXTENDED_LE):
            raise ValueError(f"{self.name}: data or Le is too long for an APDU")

    @property
    def extended(self) -> bool:
        """True where short length fields are too short."""
        return len(self.data) > SHORT_DATA or (self.le or 0) > SHORT_LE

    def encode(self, *, t0: bool = False) -> bytes:
        """The command as it goes to the card, cases 1 to 4 (ISO/IEC 7816-3 12.1.3).

        `t0`: as T=0 can carry it (12.2), since most readers hand it on as it is. Its one length byte is always there, and is
        Lc where there are data: what they are answered with has to be fetched.
        """
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        if t0 and not self.extended:
            return header + (self.with_le(None)._short_body() if self.data else bytes(((self.le or 0) & 0xFF,)))
        return header + (self._extended_body() if self.extended else self._short_body())

    def with_le(self, le: int | None) -> "CommandApdu":
        """The same command with another Le, or none."""
        return CommandApdu(self.name, self.cla, self.ins, self.p1, self.p2, self.data, le)

    def chained(self) -> list["CommandApdu"]:
        """Command chaining: links of at most 255 bytes, all but the last marked in CLA (ISO/IEC 7816-4 5.3.3)."""
        parts = [self.data[at : at + SHORT_DATA] for at in range(0, len(self.data), SHORT_DATA)] or [b""]
        links = [CommandApdu(self.name, self.cla | CHAINING, self.ins, self.p1, self.p2, part) for part in parts[:-1]]
        return [*links, CommandApdu(self.name, self.cla, self.ins, self.p1, self.p2, parts[-1], self.le)]

    def _short_body(self) -> bytes:
        body = bytes((len(self.data),)) + self.data if self.data else b""
        return body if self.le is None else body + bytes((self.le & 0xFF,))

    def _extended_body(self) -> bytes:
        body = b"\x00"
        if self.data:
            body += len(self.data).to_bytes(2, "big") + self.data
        return body if self.le is None else body + (self.le & 0xFFFF).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """One response APDU: `data` and the status word `sw`."""

    data: bytes = field(repr=False)
    sw: int

    @classmethod
    def decode(cls, raw: bytes) -> "ResponseApdu":
        """Raises ValueError where there are not even two status bytes."""
        if len(raw) < 2:
            raise ValueError("an answer of fewer than two bytes")
        return cls(bytes(raw[:-2]), int.from_bytes(raw[-2:], "big"))

    @property
    def ok(self) -> bool:
        """Success (9000)."""
        return self.sw == StatusWord.OK

    @property
    def more(self) -> int | None:
        """Length of the rest that waits for GET RESPONSE (61xx; 00 means 256 or more). None for every other status."""
        return (self.sw & 0xFF or SHORT_LE) if self.sw >> 8 == 0x61 else None

    @property
    def right_le(self) -> int | None:
        """The right Le (6Cxx). None for every other status."""
        return (self.sw & 0xFF or SHORT_LE) if self.sw >> 8 == 0x6C else None

    @property
    def tries_left(self) -> int | None:
        """Remaining tries (63Cx: the code was wrong, or was asked about). None for every other status."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == 0x63C0 else None
