"""The codes of a kind B card: one PIN or two, and one PUK that unlocks them.

Rules, as measured on such cards:
- A code is compared without its filler (FF), so padded and unpadded entries are the same.
- The counter goes down and is made durable *before* the comparison is told, and is restored after a right entry:
  pulling the card never gives a free guess.
- 63Cx counts what is left; a code without tries answers 6983, also to the entry that used the last one.
- CHANGE REFERENCE DATA with the right old PIN works on a locked card too and unlocks it; a quirk of the kind.
- A new PIN outside 6 to 8 characters is refused as a wrong length (6700) before any try is used.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.reader import status
from sim.reader.pki import KeyPurpose

PIN_REFERENCE = 1
PUK_REFERENCE = 2
SIGNATURE_PIN_REFERENCE = 3
STORED_LENGTH = 8
FILLER = 0xFF
PIN_MIN_LENGTH = 6
PIN_MAX_LENGTH = 8
PUK_LENGTH = 8
PIN_TRIES = 3
PUK_TRIES = 10
NEW_ONLY = 0x02
"""P1 of RESET RETRY COUNTER."""


@dataclass(slots=True)
class StoredCode:
    """One code in the card's memory. `verified` is the security status and is lost with the power."""

    value: bytes = field(repr=False)
    tries_left: int
    tries_max: int
    verified: bool = False

    @property
    def left(self) -> int:
        """The status word that says how many tries remain."""
        return status.tries(self.tries_left) if self.tries_left else status.LOCKED


class CountedCodes:
    """PIN and PUK, and how they are compared and counted on every kind of card. `store` makes the counters durable."""

    def __init__(self, pin: StoredCode, puk: StoredCode, store: Callable[[], None]) -> None:
        self.pin = pin
        self.puk = puk
        self._store = store
        self.midway: Callable[[], None] = _nothing
        """Called between the counting and the comparison: where a test tears the card."""

    def forget(self) -> None:
        """Lose the security status (power, reset, another application)."""
        self.pin.verified = self.puk.verified = False

    def state(self, code: StoredCode) -> int:
        """Answer to a VERIFY without data (ISO/IEC 7816-4 11.6.6): uses no try."""
        return status.OK if code.verified else code.left

    def compare(self, code: StoredCode, entry: bytes) -> bool:
        """Count a try, then compare with an entry without filler; all tries are back where it is right."""
        return self.tried(code, right=hmac.compare_digest(entry, code.value))

    def tried(self, code: StoredCode, *, right: bool) -> bool:
        """Count a try before it is told whether it was right."""
        code.tries_left = max(0, code.tries_left - 1)
        self._store()
        self.midway()
        if not right:
            code.verified = False
            return False
        code.tries_left = code.tries_max
        self._store()
        return True

    def replace(self, code: StoredCode, new: bytes) -> None:
        """Set a code, without filler, and give it all its tries."""
        code.value = new
        code.tries_left = code.tries_max
        self._store()


class Pkcs15Codes(CountedCodes):
    """The codes of kind B, and every rule about them."""

    answers_lc_zero = False
    """Whether VERIFY with Lc=00 counts as one without data; else it is a wrong length."""

    def __init__(
        self, pin: StoredCode, puk: StoredCode, store: Callable[[], None], signature_pin: StoredCode | None = None
    ) -> None:
        super().__init__(pin, puk, store)
        self.signature_pin = signature_pin
        self.pin_min_length = PIN_MIN_LENGTH
        """Of a new PIN."""
        self.administrator: StoredCode | None = None
        """The administrative key, where the card has one."""

    def forget(self) -> None:
        """Lose the security status of all codes."""
        super().forget()
        for other in (self.signature_pin, self.administrator):
            if other is not None:
                other.verified = False

    def guard(self, purpose: KeyPurpose) -> StoredCode:
        """The code that a key of that purpose wants."""
        return self.signature_pin if self.signature_pin is not None and purpose == "signature" else self.pin

    def by_reference(self, reference: int) -> StoredCode | None:
        """The code of that P2, or None."""
        codes = {PIN_REFERENCE: self.pin, PUK_REFERENCE: self.puk, SIGNATURE_PIN_REFERENCE: self.signature_pin}
        return codes.get(reference)

    def verify(self, code: StoredCode, entry: bytes) -> int:
        if not 0 < len(entry) <= (self._puk_room if code is self.puk else STORED_LENGTH):
            return status.WRONG_LENGTH
        if not code.tries_left:
            return status.LOCKED
        word = self._compare(code, entry)
        code.verified = word == status.OK
        return word

    def change(self, pin: StoredCode, entry: bytes) -> int:
        """CHANGE REFERENCE DATA of a PIN, P1=00 (ISO/IEC 7816-4 11.6.7): `old new`, eight bytes each."""
        if len(entry) != 2 * STORED_LENGTH or not self._fits(entry[STORED_LENGTH:]):
            return status.WRONG_LENGTH
        old, new = entry[:STORED_LENGTH], entry[STORED_LENGTH:]
        word = self._compare(pin, old)
        if word == status.OK:
            self.replace(pin, _bare(new))
        pin.verified = False
        return word

    def unblock(self, pin: StoredCode, mode: int, entry: bytes) -> int:
        """RESET RETRY COUNTER of a PIN (ISO/IEC 7816-4 11.6.10). `mode` is P1.

        00: `puk new`, eight bytes each (a longer PUK as many as it has); 01: PUK only; 02: new PIN, and 03: nothing, after
        VERIFY of the PUK. For 02 the administrative key does as well, once.
        """
        with_puk, with_new = mode in (0, 1), mode in (0, 2)
        if len(entry) != self._puk_room * with_puk + STORED_LENGTH * with_new:
            return status.WRONG_LENGTH
        new = entry[-STORED_LENGTH:] if with_new else pin.value
        if with_new and not self._fits(new):
            return status.WRONG_LENGTH
        administered = mode == NEW_ONLY and self._administered()
        word = status.OK if administered else self._puk_word(entry[: self._puk_room] if with_puk else None)
        if word == status.OK:
            self.replace(pin, _bare(new))
            pin.verified = False
        return word

    @property
    def _puk_room(self) -> int:
        return max(STORED_LENGTH, len(self.puk.value))

    def _fits(self, new: bytes) -> bool:
        return self.pin_min_length <= len(_bare(new)) <= PIN_MAX_LENGTH

    def _administered(self) -> bool:
        """Has the administrative key been proved? It is good for one new PIN."""
        key = self.administrator
        proved = key is not None and key.verified
        if key is not None:
            key.verified = False
        return proved

    def _puk_word(self, entry: bytes | None) -> int:
        if entry is None:
            return status.OK if self.puk.verified else status.SECURITY_STATUS
        return self._compare(self.puk, entry) if self.puk.tries_left else status.LOCKED

    def _compare(self, code: StoredCode, entry: bytes) -> int:
        return status.OK if self.compare(code, _bare(entry)) else code.left


def _bare(entry: bytes) -> bytes:
    return entry.rstrip(bytes([FILLER]))


def _nothing() -> None: ...
