"""PIN commands whose code is typed at the reader itself: the same rules as in `drivers.reader.codes`, without the code.

Lengths are given to the reader, which refuses what is outside; which new codes are too easy to guess it does not know.
A time-out, the cancel key and two new codes that differ are told by status words of the reader's own: the card saw
nothing, and no try is counted.

>>> PadCodes(channel, codes).verify(code, role, PadText(), consented=False)        # doctest: +SKIP
"""

from collections.abc import Callable

from drivers.reader import iso7816, pinpad
from drivers.reader.apdu import Response
from drivers.reader.channel import Channel
from drivers.reader.codes import Codes, last_try_refusal
from drivers.reader.outcomes import CodeOutcome, RefusalReason, Refused, Role
from drivers.reader.pinpad import PadText
from drivers.reader.pkcs15.values import CodeFlag, CodeObject

_NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)


class PadCodes:
    """VERIFY and CHANGE REFERENCE DATA at the reader's pad. Raises as `Codes`."""

    def __init__(self, channel: Channel, codes: Codes) -> None:
        self._channel = channel
        self._codes = codes

    def verify(self, code: CodeObject, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        """PIN_VERIFY. Refused(NOT_ALLOWED) where there is no pad, or the card's code is not for one."""
        pad, limits = self._channel.pinpad, self._codes.pad_limits(code, role, new=False)
        if pad is None or limits is None:
            return _NOT_ALLOWED
        apdu = iso7816.verify(code.reference, self._codes.filler(code))
        tries = self._codes.tries(code, role)
        stopped = last_try_refusal(tries, consented)
        if stopped is not None:
            return stopped
        run = self._run(pad.verify, pinpad.verify_structure(apdu, limits, text), apdu.name)
        return self._codes.carry_out(code, role, tries, run)

    def change(self, code: CodeObject, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        """PIN_MODIFY. Refused as `verify`; raises CardChangedError before anything was asked."""
        pad, limits = self._channel.pinpad, self._codes.pad_limits(code, role, new=True)
        if pad is None or limits is None or code.has(CodeFlag.CHANGE_DISABLED):
            return _NOT_ALLOWED
        filler = self._codes.filler(code)
        apdu = iso7816.change_reference_data(code.reference, filler, filler)
        self._codes.check_same_card()
        tries = self._codes.tries(code, role)
        stopped = last_try_refusal(tries, consented)
        if stopped is not None:
            return stopped
        run = self._run(pad.modify, pinpad.modify_structure(apdu, limits, text), apdu.name)
        return self._codes.carry_out(code, role, tries, run)

    def _run(self, at_pad: Callable[[bytes], bytes], structure: bytes, name: str) -> Callable[[], Response]:
        return lambda: self._channel.ask_at_pad(at_pad, structure, f"{name} at the pad")
