"""The codes of an odd card: as on kind B, but for their references and for how they are written."""

from collections.abc import Callable

from sim.reader import pkcs15_codes as pins
from sim.reader import status
from sim.reader.odd.form import CodeForm
from sim.reader.pkcs15_codes import PIN_MAX_LENGTH, PIN_MIN_LENGTH, PUK_LENGTH, Pkcs15Codes, StoredCode


class OddCodes(Pkcs15Codes):
    """PIN and PUK, kept as they must come. A wrong form costs no try."""

    def __init__(
        self, pin: StoredCode, puk: StoredCode, store: Callable[[], None], form: CodeForm, references: tuple[int, int]
    ) -> None:
        super().__init__(pin, puk, store)
        self._form = form
        self._references = references
        self.pin_length = PIN_MAX_LENGTH if form.padded else PIN_MIN_LENGTH
        """The longest PIN; one that is not padded has this length exactly."""

    def by_reference(self, reference: int) -> StoredCode | None:
        """The code that P2 names."""
        return dict(zip(self._references, (self.pin, self.puk), strict=True)).get(reference)

    def verify(self, code: StoredCode, entry: bytes) -> int:
        if len(entry) != self._size(code):
            return status.WRONG_LENGTH
        word = self._judge(code, entry)
        code.verified = word == status.OK
        return word

    def change(self, pin: StoredCode, entry: bytes) -> int:
        """CHANGE REFERENCE DATA, P1=00. A locked PIN is not changed."""
        return self._set(pin, pin, entry)

    def unblock(self, pin: StoredCode, mode: int, entry: bytes) -> int:
        """RESET RETRY COUNTER, P1=00 only."""
        return status.WRONG_P1P2 if mode else self._set(self.puk, pin, entry)

    def _set(self, judged: StoredCode, pin: StoredCode, entry: bytes) -> int:
        old, new = entry[: self._size(judged)], entry[self._size(judged) :]
        if len(new) != self._size(pin) or not PIN_MIN_LENGTH <= self._form.characters(new) <= self.pin_length:
            return status.WRONG_LENGTH
        word = self._judge(judged, old)
        if word == status.OK:
            self.replace(pin, new)
            pin.verified = False
        return word

    def _judge(self, code: StoredCode, entry: bytes) -> int:
        if not code.tries_left:
            return status.LOCKED
        return status.OK if self.compare(code, entry) else code.left

    def _size(self, code: StoredCode) -> int:
        return self._form.size(PUK_LENGTH if code is self.puk else PIN_MIN_LENGTH)


def fresh(form: CodeForm, pin: str, puk: str) -> tuple[StoredCode, StoredCode]:
    """PIN and PUK with all their tries."""
    return (
        StoredCode(form.encode(pin), pins.PIN_TRIES, pins.PIN_TRIES),
        StoredCode(form.encode(puk), pins.PUK_TRIES, pins.PUK_TRIES),
    )
