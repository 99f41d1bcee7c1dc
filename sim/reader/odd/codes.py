"""The codes of an odd card: as on kind B, but for their references and for how they are written."""

from collections.abc import Callable

from sim.reader import pins, status
from sim.reader.odd.form import CodeForm
from sim.reader.pins import PIN_MAX_LENGTH, PIN_MIN_LENGTH, PUK_LENGTH, Code, Codes


class OddCodes(Codes):
    """PIN and PUK, kept as they must come. A wrong form costs no try."""

    def __init__(
        self, pin: Code, puk: Code, store: Callable[[], None], form: CodeForm, references: tuple[int, int]
    ) -> None:
        super().__init__(pin, puk, store)
        self._form = form
        self._references = references
        self.pin_length = PIN_MAX_LENGTH if form.padded else PIN_MIN_LENGTH
        """The longest PIN; one that is not padded has this length exactly."""

    def by_reference(self, reference: int) -> Code | None:
        """By P2."""
        return dict(zip(self._references, (self.pin, self.puk), strict=True)).get(reference)

    def verify(self, code: Code, entry: bytes) -> int:
        """VERIFY with data."""
        if len(entry) != self._size(code):
            return status.WRONG_LENGTH
        word = self._judge(code, entry)
        code.verified = word == status.OK
        return word

    def change(self, pin: Code, entry: bytes) -> int:
        """CHANGE REFERENCE DATA, P1=00. A locked PIN is not changed."""
        return self._set(pin, pin, entry)

    def unblock(self, pin: Code, mode: int, entry: bytes) -> int:
        """RESET RETRY COUNTER, P1=00 only."""
        return status.WRONG_P1P2 if mode else self._set(self.puk, pin, entry)

    def _set(self, judged: Code, pin: Code, entry: bytes) -> int:
        old, new = entry[: self._size(judged)], entry[self._size(judged) :]
        if len(new) != self._size(pin) or not PIN_MIN_LENGTH <= self._form.characters(new) <= self.pin_length:
            return status.WRONG_LENGTH
        word = self._judge(judged, old)
        if word == status.OK:
            self.replace(pin, new)
            pin.verified = False
        return word

    def _judge(self, code: Code, entry: bytes) -> int:
        if not code.tries_left:
            return status.LOCKED
        return status.OK if self.compare(code, entry) else code.left

    def _size(self, code: Code) -> int:
        return self._form.size(PUK_LENGTH if code is self.puk else PIN_MIN_LENGTH)


def fresh(form: CodeForm, pin: str, puk: str) -> tuple[Code, Code]:
    """PIN and PUK with all their tries."""
    return (
        Code(form.encode(pin), pins.PIN_TRIES, pins.PIN_TRIES),
        Code(form.encode(puk), pins.PUK_TRIES, pins.PUK_TRIES),
    )
