"""The codes of a kind A card: one PIN, and a PUK that only RESET RETRY COUNTER takes.

Rules, as measured on such applets:
- Both are sixteen bytes, filled up with 00; a PIN may also come without filler.
- A VERIFY without data always answers 63Cx, also once the PIN is verified, and 63C0 when no try is left: never 6983.
- A new PIN may be as short as one character.
"""

from sim.reader import status
from sim.reader.pkcs15_codes import PIN_REFERENCE, Pkcs15Codes, StoredCode
from sim.reader.status import StatusError

STORED_LENGTH = 16
FILLER = 0x00
PIN_TRIES = 3
PUK_TRIES = 5
PIN_MIN_LENGTH, PIN_MAX_LENGTH = 4, 16
"""As the card describes its PIN; it does not keep to the minimum itself."""


class AppletCodes(Pkcs15Codes):
    """PIN and PUK of kind A, and every rule about them."""

    answers_lc_zero = True

    def by_reference(self, reference: int) -> StoredCode | None:
        """The PIN; the PUK has no reference that a command could name."""
        return self.pin if reference == PIN_REFERENCE else None

    def state(self, code: StoredCode) -> int:
        """Answer to a VERIFY without data: what is left, whatever else is known."""
        return status.tries(code.tries_left)

    def verify(self, code: StoredCode, entry: bytes) -> int:
        if not 0 < len(entry) <= STORED_LENGTH:
            return status.WRONG_LENGTH
        word = self._judge(code, entry)
        code.verified = word == status.OK
        return word

    def change(self, pin: StoredCode, entry: bytes) -> int:
        """CHANGE REFERENCE DATA, P1=00: `old new`, sixteen bytes each."""
        old, new = _halves(entry)
        word = self._judge(pin, old)
        if word == status.OK:
            self.replace(pin, new)
        return word

    def unblock(self, pin: StoredCode, mode: int, entry: bytes) -> int:
        """RESET RETRY COUNTER, P1=00 only: `puk new`, sixteen bytes each."""
        if mode:
            return status.WRONG_P1P2
        puk, new = _halves(entry)
        word = self._judge(self.puk, puk)
        if word == status.OK:
            self.replace(pin, new)
            pin.verified = False
        return word

    def _judge(self, code: StoredCode, entry: bytes) -> int:
        if code.tries_left and self.compare(code, _bare(entry)):
            return status.OK
        return status.tries(code.tries_left)


def _halves(entry: bytes) -> tuple[bytes, bytes]:
    """The first as it came, the second without filler. Raises StatusError(6700)."""
    new = _bare(entry[STORED_LENGTH:])
    if len(entry) != 2 * STORED_LENGTH or not new:
        raise StatusError(status.WRONG_LENGTH)
    return entry[:STORED_LENGTH], new


def _bare(entry: bytes) -> bytes:
    return entry.rstrip(bytes([FILLER]))
