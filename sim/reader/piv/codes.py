"""PIN and PUK of a PIV card (SP 800-73-4 part 2, 3.2): eight bytes each, filled up with FF.

Rules: a code that is not eight bytes long, or (on the applet) not of digits, costs no try. The counter goes down and is
durable before the comparison. A locked PIN is not changed, even with the right old one.
"""

from collections.abc import Callable

from sim.reader import status
from sim.reader.piv.references import CODE_LENGTH, FILLER, GLOBAL_REFERENCE, PIN_REFERENCE, PUK_REFERENCE
from sim.reader.piv.traits import PivTraits
from sim.reader.pkcs15_codes import CountedCodes, StoredCode
from sim.reader.status import StatusError


class PivCodes(CountedCodes):
    """The two codes and every rule about them. `fresh` says that the PIN was verified and no key used since. With a PIN of the
    application's own (`local`), `pin` is the card's global one; either opens the keys."""

    def __init__(
        self, pin: StoredCode, puk: StoredCode, store: Callable[[], None], traits: PivTraits,
        local: StoredCode | None = None,
    ) -> None:  # fmt: skip
        super().__init__(pin, puk, store)
        self.local = local or pin
        self.fresh = False
        self._traits = traits

    def forget(self) -> None:
        super().forget()
        self.fresh = self.local.verified = False

    @property
    def verified(self) -> bool:
        """A PIN was verified."""
        return self.pin.verified or self.local.verified

    def by_reference(self, reference: int) -> StoredCode:
        """PIN or PUK. Raises StatusError(6A88)."""
        codes = {GLOBAL_REFERENCE: self.pin, PIN_REFERENCE: self.local, PUK_REFERENCE: self.puk}
        code = codes.get(reference)
        if code is None or (reference == GLOBAL_REFERENCE and code is self.local):
            raise StatusError(status.NO_REFERENCE)
        return code

    def verify(self, code: StoredCode, entry: bytes) -> int:
        self._check(entry, new=False)
        word = self._judge(code, entry)
        code.verified = self.fresh = word == status.OK
        return word

    def change(self, code: StoredCode, entry: bytes) -> int:
        """CHANGE REFERENCE DATA (part 2, 3.2.2): old and new, eight bytes each, of PIN or PUK."""
        return self._set(code, code, entry)

    def unblock(self, entry: bytes) -> int:
        """RESET RETRY COUNTER (part 2, 3.2.3): PUK and new PIN, eight bytes each."""
        return self._set(self.puk, self.local, entry)

    def _set(self, judged: StoredCode, changed: StoredCode, entry: bytes) -> int:
        if len(entry) != 2 * CODE_LENGTH:
            raise StatusError(self._traits.wrong_length)
        old, new = entry[:CODE_LENGTH], entry[CODE_LENGTH:]
        self._check(old, new=False)
        self._check(new, new=True)
        word = self._judge(judged, old)
        if word == status.OK:
            self.replace(changed, _bare(new))
        if judged is not self.puk and word != status.OK:
            self.forget()
        return word

    def _judge(self, code: StoredCode, entry: bytes) -> int:
        if not code.tries_left:
            return status.LOCKED
        if self.compare(code, _bare(entry)):
            return status.OK
        locked = not code.tries_left and not self._traits.locks_with_c0
        return status.LOCKED if locked else status.tries(code.tries_left)

    def _check(self, entry: bytes, *, new: bool) -> None:
        if len(entry) != CODE_LENGTH:
            raise StatusError(self._traits.wrong_length)
        if new and len(_bare(entry)) < self._traits.pin_min_length:
            raise StatusError(status.BAD_DATA)
        if self._traits.digits_only and not _bare(entry).isdigit():
            raise StatusError(status.BAD_DATA)


def _bare(entry: bytes) -> bytes:
    return entry.rstrip(bytes([FILLER]))
