"""PIN commands at the reader's own pad: the rules of `drivers.reader.pin.code_commands`, without the code.

Lengths are given to the reader, which refuses what is outside; which new codes are too easy to guess it does not know.
One structure has one pair of lengths: where it asks for a PUK and a new code, both keep to what is right for both. A
time-out, the cancel key and two new codes that differ are told by status words of the reader's own: the card saw
nothing, and no try is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from drivers.reader import iso7816
from drivers.reader.apdu import CommandApdu, ResponseApdu
from drivers.reader.outcomes import Accepted, CodeOutcome, RefusalReason, Refused, Role
from drivers.reader.pin.code_commands import CodeCommands, last_try_refusal
from drivers.reader.pin.try_counter import RemainingTries
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.transport import pinpad
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import PadCode, PadText, PinPad

_NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)


@dataclass(frozen=True, slots=True)
class _Asking:
    """At which pad, for what, in which language."""

    pad: PinPad
    limits: PadCode
    text: PadText


class PinpadCommands:
    """VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER at the reader's pad. Raises as `CodeCommands`."""

    def __init__(self, channel: ApduChannel, codes: CodeCommands) -> None:
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
        outcome = self._codes.carry_out(code, role, tries, run)
        if isinstance(outcome, Accepted):
            self._codes.forget(code)
        return outcome

    def unblock_limits(self, code: CodeObject, puk: CodeObject, role: Role) -> PadCode | None:
        """Return what a new code may be that is set with the PUK at the pad; None where the pad cannot do it."""
        if self._channel.pinpad is None or not self._codes.may_unblock(code):
            return None
        match self._codes.variant:
            case "puk-and-new":
                return self._codes.pad_limits_of_both(puk, code, role)
            case "verify-then-new":
                alone = self._codes.pad_limits(puk, Role.PUK, new=True)
                return None if alone is None else self._codes.pad_limits(code, role, new=True)
            case _:
                return self._codes.pad_limits(puk, Role.PUK, new=True)

    def unblock(self, code: CodeObject, puk: CodeObject, role: Role, text: PadText) -> CodeOutcome:
        """RESET RETRY COUNTER, PUK and new code typed at the pad. Refused(NOT_AT_PAD) where the pad cannot do it."""
        pad, limits = self._channel.pinpad, self.unblock_limits(code, puk, role)
        if not self._codes.may_unblock(code):
            return _NOT_ALLOWED
        if pad is None or limits is None:
            return Refused(RefusalReason.NOT_AT_PAD)
        asking = _Asking(pad, limits, text)
        return self._codes.guarded_unblock(code, puk, lambda tries: self._reset(code, puk, tries, asking))

    def _reset(self, code: CodeObject, puk: CodeObject, tries: RemainingTries, asking: "_Asking") -> CodeOutcome:
        """The PUK is asked for once: in RESET RETRY COUNTER, or in a VERIFY of its own before it."""
        resetting, fresh = self._codes.filler(puk), self._codes.filler(code)
        match self._codes.variant:
            case "puk-and-new":
                both = iso7816.reset_retry_counter(code.reference, resetting, fresh)
                return self._codes.carry_out(puk, Role.PUK, tries, self._asked(asking, both, pinpad.modify_structure))
            case "puk":
                return self._puk_alone(puk, tries, asking, iso7816.reset_with_puk(code.reference, resetting))
            case "verify-then-new":
                new = iso7816.reset_to_new(code.reference, fresh)
                after = self._asked(asking, new, pinpad.new_code_structure)
            case _:
                after = partial(self._channel.send, iso7816.reset_verified(code.reference))
        proved = self._puk_alone(puk, tries, asking, iso7816.verify(puk.reference, resetting))
        return self._codes.after_verify(code, proved, after)

    def _puk_alone(self, puk: CodeObject, tries: RemainingTries, asking: "_Asking", apdu: CommandApdu) -> CodeOutcome:
        limits = self._codes.pad_limits(puk, Role.PUK, new=True) or asking.limits
        run = self._run(asking.pad.verify, pinpad.verify_structure(apdu, limits, asking.text), apdu.name)
        return self._codes.carry_out(puk, Role.PUK, tries, run)

    def _asked(
        self, asking: "_Asking", apdu: CommandApdu, structure: Callable[[CommandApdu, PadCode, PadText], bytes]
    ) -> Callable[[], ResponseApdu]:
        return self._run(asking.pad.modify, structure(apdu, asking.limits, asking.text), apdu.name)

    def _run(self, at_pad: Callable[[bytes], bytes], structure: bytes, name: str) -> Callable[[], ResponseApdu]:
        return lambda: self._channel.ask_at_pad(at_pad, structure, f"{name} at the pad")
