"""Status words that the virtual cards answer (ISO/IEC 7816-4 table 6)."""

OK = 0x9000
END_OF_FILE = 0x6282
WRONG_LENGTH = 0x6700
SECURITY_STATUS = 0x6982
LOCKED = 0x6983
CONDITIONS = 0x6985
WRONG_STRUCTURE = 0x6981
NO_CURRENT_EF = 0x6986
BAD_DATA = 0x6A80
NO_FILE = 0x6A82
NO_RECORD = 0x6A83
NO_SPACE = 0x6A84
WRONG_P1P2 = 0x6A86
NO_REFERENCE = 0x6A88
FILE_EXISTS = 0x6A89
BEYOND_END = 0x6B00
UNKNOWN_INS = 0x6D00
UNKNOWN_CLA = 0x6E00


def tries(left: int) -> int:
    """63Cx: wrong, or not verified; x tries are left."""
    return 0x63C0 | min(left, 15)


class StatusError(Exception):
    """A command ends here with this status word, and no data."""

    def __init__(self, word: int) -> None:
        super().__init__(f"{word:04X}")
        self.word = word
