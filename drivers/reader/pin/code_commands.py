"""VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER with all their checks: the only way a code reaches a card.

Order of the checks, each of which ends the command before the card sees a code: is it allowed (profile, flags); does
the code fit (length, alphabet, rules for new ones); is the card still the same one (for what cannot be undone); how
many tries remain (read just before, or counted by the station); has the card called the code wrong in this visit, in the
same form. Reliability I1 and I2. Where the card does not tell its tries, VERIFY comes before CHANGE: what the card refuses
then is the new code.

Status words as ISO/IEC 7816-4 tables 6 and 7 and as real cards differ from them; see `outcome_of_status`.

>>> outcome_of_status(ResponseApdu(b"", 0x63C2)).tries_left
2
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import TypeVar

from drivers.reader import iso7816
from drivers.reader.apdu import CommandApdu, ResponseApdu, StatusWord
from drivers.reader.errors import CardAnswerError, CardGoneError, CommandRefusedError
from drivers.reader.iso7816 import Alphabet, CodeFormat, encode_code
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.pin.new_code_rules import broken_pin_rules
from drivers.reader.pin.try_counter import LOCKED_WORDS, KeyTryCounter, RemainingTries, TryCounter, ledger_key_of
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import CodeRules, Profile, UnblockVariant
from drivers.reader.secret import CodeDigests, Secret
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import NOT_ENTERED, NOT_UNDERSTOOD, PadCode

T = TypeVar("T")
KEEPING_THE_CODE = ("puk", "verify-then-reset")
"""Variants of unblocking that leave the code itself as it was."""
VERIFYING_FIRST = ("verify-then-new", "verify-then-reset")
"""Variants in which the PUK goes out in a VERIFY of its own, which has to name it."""
STRICTER = 1
"""Extra margin of the floor where the station counts instead of the card."""
_NEW_REFUSED = (StatusWord.CONDITIONS_NOT_SATISFIED, StatusWord.WRONG_DATA)
"""Of CHANGE REFERENCE DATA with the right old code: the card has had the new one before, or calls it too easy."""


def outcome_of_status(response: ResponseApdu) -> CodeOutcome:
    """Outcome of a PIN or PUK command by its status word; x of 63Cx counts the code that was wrong."""
    if response.ok:
        return Accepted()
    if response.sw in LOCKED_WORDS:
        return Locked()
    if response.tries_left is not None:
        return WrongCode(response.tries_left)
    if (
        response.sw & 0xFFF0 == StatusWord.WRONG_CODE_NO_COUNTER
    ):  # some cards tell the tries here, others something else
        return WrongCode(None)
    if response.sw in NOT_ENTERED:
        return Refused(RefusalReason.POLICY, response.sw)
    if response.sw == NOT_UNDERSTOOD:
        return Refused(RefusalReason.NOT_AT_PAD, response.sw)
    return Refused(RefusalReason.CARD, response.sw)


class CodeCommands:
    """The codes of one card on one connection. Synchronous; runs in the reader's thread.

    `same_card` raises CardChangedError; `enter` makes the DF of a local code the current one; `born` are the dates that
    a new code may not hold. Every command raises LedgerError where only the station could count the tries and cannot:
    nothing was sent then.
    """

    def __init__(
        self,
        channel: ApduChannel,
        profile: Profile,
        counter: TryCounter,
        same_card: Callable[[], None],
        enter: Callable[[CodeObject], None],
        born: tuple[date, ...] = (),
    ) -> None:
        self._channel = channel
        self._enter = enter
        self._profile = profile
        self._counter = counter
        self._same_card = same_card
        self.born = born
        self._wrong: defaultdict[str, CodeDigests] = defaultdict(CodeDigests)
        """By name of the code: what the card has called wrong in this visit."""
        self._right: defaultdict[str, CodeDigests] = defaultdict(CodeDigests)
        self._other_pads: dict[str, int | None] = {}
        """By name of the code: the filler of the other form, once it was tried; None where the card refused it too."""

    @property
    def taken_pad(self) -> int | None:
        """The filler with which the card has taken a code in another form than it describes."""
        return next((pad for pad in self._other_pads.values() if pad is not None), None)

    def inherit(self, former: "CodeCommands") -> None:
        """Go on with what the same card refused before it was put back."""
        self._wrong = former._wrong

    def tries(self, code: CodeObject, role: Role) -> RemainingTries:
        """Return how many tries remain, without using one."""
        self._enter(code)
        return self._counter.tries(code, role)

    def tries_to_show(self, code: CodeObject, role: Role, *, ask: bool = True) -> RemainingTries:
        """The same for no command that follows: a card that tells no tries, or is not to be asked, is sent nothing."""
        if not ask:
            return self._counter.known(code, role)
        asks_card = code.has_reference and self._profile.counter(role) != "none"
        return self.tries(code, role) if asks_card else self._counter.tries(code, role)

    def verify(
        self, code: CodeObject, role: Role, pin: Secret, *, consented: bool, other_form: bool = False
    ) -> CodeOutcome:
        """VERIFY. Raises CardGoneError before, never after, the code went out."""
        refusal = self._entry_refusal(code, pin)
        if refusal is not None:
            return refusal
        tries = self.tries(code, role)
        if other_form:
            return self._verify_otherwise(code, role, tries, pin)
        outcome = last_try_refusal(tries, consented) or self._verify(code, role, tries, self._field(code, pin))
        if isinstance(outcome, Refused) and outcome.status == StatusWord.WRONG_LENGTH:  # it may want its codes filled
            return replace(outcome, tries_left=tries.shown, other_form=self._other_pad(code, tries) is not None)
        return outcome

    def _verify(self, code: CodeObject, role: Role, tries: RemainingTries, sent: bytes) -> CodeOutcome:
        return self._send(code, role, tries, sent, iso7816.verify(code.reference, sent))

    def _verify_otherwise(self, code: CodeObject, role: Role, tries: RemainingTries, pin: Secret) -> CodeOutcome:
        """VERIFY with the other filler, once in a visit. What the card takes holds for all that follows."""
        pad = self._other_pad(code, tries)
        if pad is None:
            return Refused(RefusalReason.NOT_ALLOWED)
        outcome = self._verify(code, role, tries, encode_code(pin, replace(self._format(code), pad=pad)))
        self._other_pads[ledger_key_of(code)] = pad if isinstance(outcome, Accepted) else None
        return outcome

    def _other_pad(self, code: CodeObject, tries: RemainingTries) -> int | None:
        """The other filler of a code of which nothing but the card's own description is known. None where there is none, it was
        tried, or a wrong code could use the last try."""
        how = self._format(code)
        plain = how.alphabet in (Alphabet.ASCII_NUMERIC, Alphabet.UTF8) and how.stored_length > 0
        if not plain or not self._profile.self_described or ledger_key_of(code) in self._other_pads:
            return None
        return None if last_try_refusal(tries, consented=False) else 0x00 if how.pad == 0xFF else 0xFF

    def change(self, code: CodeObject, role: Role, old: Secret, new: Secret, *, consented: bool) -> CodeOutcome:
        """CHANGE REFERENCE DATA. Raises CardGoneError, CardChangedError before the codes went out."""
        if self._profile.read_only:
            return Refused(RefusalReason.NOT_PROVED)
        if code.has(CodeFlag.CHANGE_DISABLED):
            return Refused(RefusalReason.NOT_ALLOWED)
        refusal = self._entry_refusal(code, old) or self.refusal_of_new_code(code, role, new, old)
        if refusal is not None:
            return refusal
        self.check_same_card()
        tries = self.tries(code, role)
        stopped = last_try_refusal(tries, consented)
        if stopped is not None:
            return stopped
        sent = self._field(code, old)
        if not self._counter.tells(code) and sent not in self._right[ledger_key_of(code)]:
            proved = self._verify(code, role, tries, sent)
            if not isinstance(proved, Accepted):
                return proved
            tries = self._counter.known(code, role)
        return self._set(code, role, tries, sent, self._field(code, new))

    def _set(self, code: CodeObject, role: Role, tries: RemainingTries, sent: bytes, fresh: bytes) -> CodeOutcome:
        """Old and new code; where the card has called the old one right and takes no such command, a VERIFY and the new one."""
        proved = sent in self._right[ledger_key_of(code)]
        command = iso7816.change_reference_data(code.reference, sent, fresh)
        outcome = self._send(code, role, tries, sent, command, proved=proved)
        if proved and isinstance(outcome, Refused) and outcome.status == StatusWord.WRONG_P1P2:
            alone = iso7816.change_verified(code.reference, fresh)
            outcome = self._verify(code, role, tries, sent)
            if isinstance(outcome, Accepted):
                outcome = self._send(code, role, tries, sent, alone, proved=proved)
        if isinstance(outcome, Accepted):
            self.forget(code)
        return outcome

    def believe(self, profile: Profile) -> None:
        """Go on by that profile, of the same card."""
        self._profile = profile

    def forget(self, code: CodeObject) -> None:
        """The code is another from now on: what was wrong may be right."""
        self._wrong[ledger_key_of(code)].clear()
        self._right[ledger_key_of(code)].clear()

    def unblock(
        self, code: CodeObject, puk: CodeObject, role: Role, entry: Secret, new: Secret, *, attended: bool = False
    ) -> CodeOutcome:
        """RESET RETRY COUNTER in the profile's variant. Raises as `change`. All tries that are told are the PUK's."""
        if not self.may_unblock(code, attended=attended):
            return Refused(RefusalReason.NOT_ALLOWED)
        refusal = (
            _length_refusal(entry, self._profile.puk)
            or self._entry_refusal(puk, entry)
            or self.refusal_of_new_code(code, role, new)
        )
        if refusal is not None:
            return refusal
        return self.guarded_unblock(code, puk, lambda tries: self._reset(code, puk, tries, entry, new))

    def guarded_unblock(
        self, code: CodeObject, puk: CodeObject, reset: Callable[[RemainingTries], CodeOutcome]
    ) -> CodeOutcome:
        """Checks before every RESET RETRY COUNTER with a PUK, and its bookkeeping after it. Raises as `change`."""
        self.check_same_card()
        tries = self.tries(puk, Role.PUK)
        stopped = self.floor_refusal(tries)
        if stopped is not None:
            return stopped
        if self.variant not in VERIFYING_FIRST:
            self._enter(code)
        self._counter.spend_puk(code, puk)
        outcome = reset(tries)
        if isinstance(outcome, Accepted):
            self._counter.reset_count(code)
            self.forget(code)
            return Accepted(new_code_set=self._profile.commands.unblock not in KEEPING_THE_CODE)
        return self._with_entries_left(outcome, puk)

    def _reset(
        self, code: CodeObject, puk: CodeObject, tries: RemainingTries, entry: Secret, new: Secret
    ) -> CodeOutcome:
        """The PUK goes out once: within RESET RETRY COUNTER, or in a VERIFY of its own before it."""
        resetting, fresh = self._field(puk, entry), self._field(code, new)
        match self._profile.commands.unblock:
            case "puk":
                alone = iso7816.reset_with_puk(code.reference, resetting)
                return self._send(puk, Role.PUK, tries, resetting, alone)
            case "verify-then-new":
                after = iso7816.reset_to_new(code.reference, fresh)
            case "verify-then-reset":
                after = iso7816.reset_verified(code.reference)
            case _:
                both = iso7816.reset_retry_counter(code.reference, resetting, fresh)
                return self._send(puk, Role.PUK, tries, resetting, both)
        proved = self._verify(puk, Role.PUK, tries, resetting)
        return self.after_verify(code, proved, lambda: self._channel.send(after))

    def after_verify(self, code: CodeObject, proved: CodeOutcome, exchange: Callable[[], ResponseApdu]) -> CodeOutcome:
        """RESET RETRY COUNTER in the DF of the code, once the PUK was verified in its own."""
        if not isinstance(proved, Accepted):
            return proved
        self._enter(code)
        return self.send_irreversible(exchange)

    def set_new(self, code: CodeObject, new: Secret) -> Accepted | Refused | Unknown:
        """RESET RETRY COUNTER with a new code alone, for whoever has proved another right to it. Raises as `change`."""
        self.check_same_card()
        self._enter(code)
        command = iso7816.reset_to_new(code.reference, self._field(code, new))
        outcome = self.send_irreversible(lambda: self._channel.send(command))
        if isinstance(outcome, WrongCode | Locked):  # of which code there is none in it
            return Refused(RefusalReason.CARD)
        if isinstance(outcome, Accepted):
            self._counter.reset_count(code)
            self.forget(code)
        return outcome

    def pair(self, pin: CodeObject, puk: CodeObject) -> None:
        """Note that this PIN is unlocked by that PUK."""
        self._counter.pair(pin, puk)

    def clear_counts(self, codes: Iterable[CodeObject], keys: Iterable[str] = ()) -> bool:
        """The station counts from the beginning again; whether it had counted anything. Raises LedgerError."""
        return self._counter.clear(codes, keys)

    def rename(self, card: str) -> None:
        """The name under which the card's tries are counted from now on. Raises LedgerError."""
        self._counter.rename(card)

    def count_of_key(self, name: str, start: int) -> KeyTryCounter:
        """The station's count of the tries of a key of this card."""
        return self._counter.of_key(name, start)

    def check_same_card(self) -> None:
        """The same-card check, and all that follows goes to that card. Raises CardChangedError, CardGoneError."""
        self._same_card()

    @property
    def variant(self) -> UnblockVariant:
        """Variant by which this product is unlocked."""
        return self._profile.commands.unblock

    def may_unblock(self, code: CodeObject, *, attended: bool = False) -> bool:
        """Does the product let its holder unlock that code, or (`attended`) an administrator who is there? What is printed on
        the card the caller has asked for."""
        return (
            self._profile.unblocking.by in ("holder", "printed", *(("administrator",) if attended else ()))
            and self._profile.commands.unblock != "none"
            and not code.has(CodeFlag.UNBLOCK_DISABLED)
        )

    def _entry_refusal(self, code: CodeObject, entry: Secret) -> Refused | None:
        """A code that the card could not even hold costs no try: it stays here."""
        if not max(1, code.min_length) <= len(entry) <= code.max_length or not self._encodable(code, entry):
            return Refused(RefusalReason.POLICY)
        return None

    def refusal_of_new_code(
        self, code: CodeObject, role: Role, new: Secret, old: Secret | None = None
    ) -> Refused | None:
        """Why that may not be a new code; None where it may. Two of four cards accept one of one character, so the station
        holds the limits itself."""
        rules = self._profile.new_rules(role)
        if code.alphabet is not Alphabet.UTF8:
            rules = rules.model_copy(update={"charset": "digits"})
        refusal = self._entry_refusal(code, new) or _length_refusal(new, rules)
        if refusal is None and broken_pin_rules(new, self._profile.pin.forbidden, old=old, born=self.born):
            return Refused(RefusalReason.POLICY)
        return refusal

    def _floor(self, puk: RemainingTries) -> int:
        return self._profile.puk.floor + (STRICTER if puk.counted else 0)

    def floor_refusal(self, puk: RemainingTries) -> Locked | Refused | None:
        """Why no PUK goes to the card; None where one may."""
        if puk.used_up:
            return Locked()
        return Refused(RefusalReason.BELOW_FLOOR, tries_left=puk.shown) if puk.left < self._floor(puk) else None

    def _with_entries_left(self, outcome: CodeOutcome, puk: CodeObject) -> CodeOutcome:
        """Counted by the card's own word, else by the station. Of a card that tells when it is asked, but not in its answer to
        a wrong code, nothing is said: it is asked before the next one.
        """
        if not isinstance(outcome, WrongCode) or (outcome.tries_left is None and self._counter.tells(puk)):
            return outcome
        left = self._counter.known(puk, Role.PUK) if outcome.tries_left is None else RemainingTries(outcome.tries_left)
        return replace(outcome, entries_left=max(0, left.left - self._floor(left) + 1))

    def _send(
        self,
        code: CodeObject,
        role: Role,
        tries: RemainingTries,
        sent: bytes,
        command: CommandApdu,
        *,
        proved: bool = False,
    ) -> CodeOutcome:
        """The command that holds a code, `sent`, unless the card has called it wrong; `proved`: it has called it right."""
        name = ledger_key_of(code)
        if sent in self._wrong[name]:
            other = self._other_pad(code, tries) is not None
            return Refused(RefusalReason.SAME_CODE, tries_left=tries.shown, other_form=other)
        outcome = self.carry_out(code, role, tries, lambda: self._channel.send(command), proved=proved)
        if isinstance(outcome, Accepted):
            self._right[name].add(sent)
        elif isinstance(outcome, WrongCode):
            self._right[name].clear()
            self._wrong[name].add(sent)
        return outcome

    def carry_out(
        self,
        code: CodeObject,
        role: Role,
        tries: RemainingTries,
        exchange: Callable[[], ResponseApdu],
        *,
        proved: bool = False,
    ) -> CodeOutcome:
        """Run an exchange that may cost a try of the code, counted before it; of a `proved` one a refusal is of the new code.
        Raises LedgerError: nothing went out."""
        self._counter.spend(code)
        outcome = self.send_irreversible(exchange)
        if proved and isinstance(outcome, Refused) and outcome.status in _NEW_REFUSED:
            outcome = replace(outcome, reason=RefusalReason.NEW_CODE)
        self._counter.settle(code, role, tries, outcome)
        return outcome

    def send_irreversible(self, exchange: Callable[[], ResponseApdu]) -> CodeOutcome:
        """Send a command that cannot be undone: a fault from here on is `Unknown`."""
        self._channel.committed = True
        try:
            response = exchange()
        except (CardGoneError, CardAnswerError):
            return Unknown()
        self._channel.committed = False
        return outcome_of_status(response)

    def pad_limits(self, code: CodeObject, role: Role, *, new: bool) -> PadCode | None:
        """Return what a reader's own pad may take for that code; None where no pad can do it."""
        rules = self._profile.new_rules(role)
        shortest = max(1, code.min_length, rules.min_length if new else 1)
        longest = min(code.max_length, rules.max_length if new else code.max_length)
        limits = PadCode(shortest, longest, code.stored_length, code.alphabet)
        return limits if limits.fits and shortest <= longest and self._format(code).pad is not None else None

    def pad_limits_of_both(self, puk: CodeObject, code: CodeObject, role: Role) -> PadCode | None:
        """Return what a pad may take where one structure asks for the PUK and a new code: what is right for both, because
        it has one pair of limits and one block. None where nothing is."""
        first, second = self.pad_limits(puk, Role.PUK, new=True), self.pad_limits(code, role, new=True)
        if first is None or second is None or (first.block, first.alphabet) != (second.block, second.alphabet):
            return None
        shortest = max(first.min_length, second.min_length)
        longest = min(first.max_length, second.max_length)
        return replace(first, min_length=shortest, max_length=longest) if shortest <= longest else None

    def filler(self, code: CodeObject) -> bytes:
        """The field of a code with nothing in it but padding: the reader's pad fills it."""
        return bytes((self._format(code).pad or 0,)) * code.stored_length

    def _format(self, code: CodeObject) -> CodeFormat:
        own = self._profile.puk.pad if code.has(CodeFlag.UNBLOCKING) else None
        forced = self._profile.commands.pad if own is None else own
        forced = self._other_pads.get(ledger_key_of(code), forced)
        return CodeFormat(code.alphabet, code.stored_length, code.pad if forced is None else forced)

    def _field(self, code: CodeObject, entry: Secret) -> bytes:
        return encode_code(entry, self._format(code))

    def _encodable(self, code: CodeObject, entry: Secret) -> bool:
        try:
            self._field(code, entry)
        except ValueError:
            return False
        return True


def last_try_refusal(tries: RemainingTries, consented: bool) -> CodeOutcome | None:
    """Refusal of the last try without the holder's consent; also where nobody knows that it is not the last. With consent a code
    that was locked in an earlier visit may be tried: it costs nothing, or it has been unlocked elsewhere."""
    if tries.used_up and not (consented and tries.counted):
        return Locked()
    if tries.left <= (1 + STRICTER if tries.counted else 1) and not consented:
        return Refused(RefusalReason.LAST_TRY, tries_left=tries.shown)
    return None


def _length_refusal(code: Secret, rules: CodeRules) -> Refused | None:
    fits = rules.min_length <= len(code) <= rules.max_length
    digits = rules.charset != "digits" or all(char.isascii() and char.isdigit() for char in code.characters())
    return None if fits and digits else Refused(RefusalReason.POLICY)


def refuse_on_fault(command: Callable[[], T]) -> T | Refused:
    """Run a command; what the card refuses before the code goes out (to select its DF) is the refusal."""
    try:
        return command()
    except CommandRefusedError as fault:
        return Refused(RefusalReason.CARD, fault.status)
