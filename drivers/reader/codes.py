"""PIN and PUK commands, with every rule that stands before them: the only way a code reaches a card.

Order of the checks, each of which ends the command before the card sees a code: is it allowed (profile, flags); does
the code fit (length, alphabet); how many tries remain (read just before, or counted by the station); is the card
still the same one (for what cannot be undone). Reliability I1 and I2.

Status words as ISO/IEC 7816-4 tables 6 and 7 and as real cards differ from them; see `outcome_of`.

>>> outcome_of(Response(b"", 0x63C2))
WrongCode(tries_left=2)
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import Command, Response, Status
from drivers.reader.channel import Channel
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.iso7816 import CodeFormat, encode_code
from drivers.reader.ledger import TryLedger
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Unknown,
    WrongCode,
)
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.objects import CodeFlag, CodeObject
from drivers.reader.profiles import CodeRules, Profile
from drivers.secret import Secret

_LOCKED = (Status.AUTHENTICATION_BLOCKED, Status.REFERENCE_DATA_UNUSABLE, 0x63C0)
_TRIES_LEFT = 0xDF21
STRICTER = 1
"""So much higher is the floor where the station counts instead of the card."""


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries of a code. `left` None: cannot be known. `counted`: by the station, not by the card."""

    left: int | None
    counted: bool = False


def outcome_of(response: Response) -> CodeOutcome:
    """What an answer to a code command means; x of 63Cx counts the code that was wrong."""
    if response.ok:
        return Accepted()
    if response.sw in _LOCKED:
        return Locked()
    if response.tries_left is not None:
        return WrongCode(response.tries_left)
    if response.sw == Status.WRONG_CODE_NO_COUNTER:
        return WrongCode(None)
    return Refused(RefusalReason.CARD, response.sw)


class Codes:
    """The codes of one card on one connection. Synchronous; runs in the reader's thread.

    `same_card` raises CardChangedError; `card` is the name under which the ledger counts.
    """

    def __init__(
        self,
        channel: Channel,
        files: CardFiles,
        profile: Profile,
        ledger: TryLedger,
        *,
        card: str,
        same_card: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._files = files
        self._profile = profile
        self._ledger = ledger
        self._card = card
        self._same_card = same_card

    def tries(self, code: CodeObject, role: Role) -> Tries:
        """How many tries remain, read without using one, else as the station has counted."""
        left = self._read_tries(code, role)
        if left is not None:
            return Tries(left)
        used = self._ledger.used(self._card, code.auth_id.hex())
        return Tries(max(0, self._profile.rules(role).tries - used), counted=True)

    def verify(self, code: CodeObject, role: Role, pin: Secret, *, consented: bool) -> CodeOutcome:
        """VERIFY. Raises CardGoneError before, never after, the code went out."""
        refusal = self._entry_refusal(code, pin) or self._tries_refusal(code, role, consented)
        if refusal is not None:
            return refusal
        return self._send(code, role, iso7816.verify(code.reference, self._field(code, pin)))

    def change(self, code: CodeObject, role: Role, old: Secret, new: Secret, *, consented: bool) -> CodeOutcome:
        """CHANGE REFERENCE DATA. Raises CardGoneError, CardChangedError before the codes went out."""
        if code.has(CodeFlag.CHANGE_DISABLED):
            return Refused(RefusalReason.NOT_ALLOWED)
        refusal = (
            self._entry_refusal(code, old)
            or self._new_refusal(code, role, new)
            or self._tries_refusal(code, role, consented)
        )
        if refusal is not None:
            return refusal
        self._same_card()
        self._enter(code)
        fields = self._field(code, old), self._field(code, new)
        return self._send(code, role, iso7816.change_reference_data(code.reference, *fields))

    def unblock(self, code: CodeObject, puk: CodeObject, role: Role, entry: Secret, new: Secret) -> CodeOutcome:
        """RESET RETRY COUNTER, PUK and new code in one. Raises as `change`. All tries that are told are the PUK's."""
        if not self._may_unblock(code):
            return Refused(RefusalReason.NOT_ALLOWED)
        refusal = (
            _length_refusal(entry, self._profile.puk)
            or self._entry_refusal(puk, entry)
            or self._new_refusal(code, role, new)
            or self._floor_refusal(puk)
        )
        if refusal is not None:
            return refusal
        self._same_card()
        self._enter(code)
        fields = self._field(puk, entry), self._field(code, new)
        outcome = self._send(puk, Role.PUK, iso7816.reset_retry_counter(code.reference, *fields))
        if isinstance(outcome, Accepted):
            self._ledger.settle(self._card, code.auth_id.hex(), 0)
        return outcome

    def _may_unblock(self, code: CodeObject) -> bool:
        return (
            self._profile.unblocking.by == "holder"
            and self._profile.commands.unblock == "puk-and-new"
            and not code.has(CodeFlag.UNBLOCK_DISABLED)
        )

    def _entry_refusal(self, code: CodeObject, entry: Secret) -> Refused | None:
        """A code that the card could not even hold costs no try: it stays here."""
        if not max(1, code.min_length) <= len(entry) <= code.max_length or not self._encodable(code, entry):
            return Refused(RefusalReason.POLICY)
        return None

    def _new_refusal(self, code: CodeObject, role: Role, new: Secret) -> Refused | None:
        """Two of four cards accept a new code of one character, so the station holds the limits itself."""
        return self._entry_refusal(code, new) or _length_refusal(new, self._profile.rules(role))

    def _tries_refusal(self, code: CodeObject, role: Role, consented: bool) -> CodeOutcome | None:
        """The last try needs the holder's consent; so does a try of which nobody knows that it is not the last."""
        tries = self.tries(code, role)
        if tries.left == 0 and not tries.counted:
            return Locked()
        if (tries.left or 0) <= (1 + STRICTER if tries.counted else 1) and not consented:
            return Refused(RefusalReason.LAST_TRY, tries_left=None if tries.counted else tries.left)
        return None

    def _floor_refusal(self, puk: CodeObject) -> CodeOutcome | None:
        tries = self.tries(puk, Role.PUK)
        if tries.left == 0 and not tries.counted:
            return Locked()
        floor = self._profile.puk.floor + (STRICTER if tries.counted else 0)
        if (tries.left or 0) < floor:
            return Refused(RefusalReason.BELOW_FLOOR, tries_left=None if tries.counted else tries.left)
        return None

    def _send(self, code: CodeObject, role: Role, command: Command) -> CodeOutcome:
        """The command that holds a code. From here on a fault means that nobody knows what the card did."""
        name, tries = code.auth_id.hex(), self._profile.rules(role).tries
        before = self._ledger.used(self._card, name)
        self._ledger.spend(self._card, name)
        self._channel.committed = True
        try:
            response = self._channel.send(command)
        except (CardGoneError, CardAnswerError):
            return Unknown()
        self._channel.committed = False
        outcome = outcome_of(response)
        match outcome:
            case Accepted():
                self._ledger.settle(self._card, name, 0)
            case WrongCode(tries_left=int(left)):
                self._ledger.settle(self._card, name, max(0, tries - left))
            case Locked():
                self._ledger.settle(self._card, name, tries)
            case Refused():
                self._ledger.settle(self._card, name, before)
        return outcome

    def _read_tries(self, code: CodeObject, role: Role) -> int | None:
        self._enter(code)
        match self._profile.counter(role):
            case "empty-verify":
                return self._empty_verify(code, role)
            case "df21":
                return self._tries_object(code)
            case "none":
                return None

    def _empty_verify(self, code: CodeObject, role: Role) -> int | None:
        response = self._channel.send(iso7816.verify_empty(code.reference))
        if response.ok:  # verified in this session: the counter was restored by that
            return self._profile.rules(role).tries
        return 0 if response.sw in _LOCKED else response.tries_left

    def _tries_object(self, code: CodeObject) -> int | None:
        response = self._channel.send(iso7816.get_try_counter(code.reference))
        if not response.ok:
            return None
        for outer in tlv.parse_prefix(response.data):
            for node in (outer, *outer.children):
                if node.tag == _TRIES_LEFT and len(node.value) == 1:
                    return node.value[0]
        return None

    def _enter(self, code: CodeObject) -> None:
        """A local code belongs to its DF: make that the current one (ISO/IEC 7816-15 8.9.2)."""
        if code.has(CodeFlag.LOCAL):
            self._files.enter(code.path)

    def _format(self, code: CodeObject) -> CodeFormat:
        forced = self._profile.commands.pad
        return CodeFormat(code.alphabet, code.stored_length, code.pad if forced is None else forced)

    def _field(self, code: CodeObject, entry: Secret) -> bytes:
        return encode_code(entry, self._format(code))

    def _encodable(self, code: CodeObject, entry: Secret) -> bool:
        try:
            self._field(code, entry)
        except ValueError:
            return False
        return True


def _length_refusal(code: Secret, rules: CodeRules) -> Refused | None:
    fits = rules.min_length <= len(code) <= rules.max_length
    digits = rules.charset != "digits" or (code.reveal().isascii() and code.reveal().isdigit())
    return None if fits and digits else Refused(RefusalReason.POLICY)
