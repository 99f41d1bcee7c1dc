"""PIN unblock without the PUK, by challenge and response with the card's administrative key.

The key never enters this layer: the card gives a challenge, somebody else (a server) answers it, and the card then takes a new
PIN (ISO/IEC 7816-4: GET CHALLENGE, EXTERNAL AUTHENTICATE, RESET RETRY COUNTER with P1=02). Rules: what may be refused is
refused before the card gives its challenge; an answer goes out only above the floor of the key's tries, which the station counts,
durably, because no card tells them; between challenge and answer nothing else is sent; the same-card check stands before
the challenge and again before the new PIN.
"""

from drivers.reader import iso7816
from drivers.reader.apdu import ResponseApdu, StatusWord
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.outcomes import (
    Accepted,
    AdminOutcome,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Unknown,
    WrongAnswer,
)
from drivers.reader.pin.code_commands import STRICTER, CodeCommands
from drivers.reader.pin.try_counter import LOCKED_WORDS, KeyTryCounter, cost_no_try
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Unblocking
from drivers.reader.profiles.tables import least_floor
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel

COUNTED_AS = "administrator"
"""The name under which the station counts the tries of the key."""


class AdministratorUnblock:
    """See the module. Raises CardGoneError, CardChangedError and LedgerError before anything was changed, CardAnswerError."""

    def __init__(self, channel: ApduChannel, codes: CodeCommands, rules: Unblocking) -> None:
        self._channel = channel
        self._codes = codes
        self._rules = rules
        self._given_at: int | None = None
        """How many exchanges there had been when the card gave its challenge; None once an answer to it went out."""

    def challenge(self, code: CodeObject, role: Role, new: Secret) -> bytes | AdminOutcome:
        """The card's challenge, or why there is none. No try was used."""
        if self._rules.admin == "none" or code.has(CodeFlag.UNBLOCK_DISABLED):
            return Refused(RefusalReason.NOT_ALLOWED)
        refusal = self._codes.refusal_of_new_code(code, role, new)
        if refusal is not None:
            return refusal
        self._codes.check_same_card()
        if not self.answers_left:
            return Refused(RefusalReason.BELOW_FLOOR)
        response = self._channel.send(iso7816.get_challenge(self._rules.admin_challenge))
        if not response.ok:
            return Refused(RefusalReason.CARD, response.sw)
        if len(response.data) != self._rules.admin_challenge:
            raise CardAnswerError("a challenge of another length", reader=self._channel.reader)
        self._given_at = self._channel.exchange.apdus
        return response.data

    def complete_with_answer(self, code: CodeObject, new: Secret, answer: bytes) -> AdminOutcome:
        """Give the answer, and where the card takes it, set the new PIN. Refused(NOT_ALLOWED) where something else was sent
        meanwhile: the challenge is no longer the card's, and the right answer would count as a wrong one.
        """
        if len(answer) != self._rules.admin_challenge:
            return Refused(RefusalReason.POLICY)
        given_at, self._given_at = self._given_at, None
        if given_at != self._channel.exchange.apdus:
            return Refused(RefusalReason.NOT_ALLOWED)
        proved = self._prove(answer)
        return self._codes.set_new(code, new) if isinstance(proved, Accepted) else proved

    @property
    def answers_left(self) -> int:
        """Number of answers that still go out, were each wrong. Raises LedgerError."""
        return max(0, self._count.left - least_floor(self._rules.admin_tries) - STRICTER + 1)

    @property
    def _count(self) -> KeyTryCounter:
        return self._codes.count_of_key(COUNTED_AS, self._rules.admin_tries)

    def _prove(self, answer: bytes) -> AdminOutcome:
        count = self._count
        before = count.left
        count.spend()
        self._channel.committed = True
        try:
            response = self._channel.send(iso7816.external_authenticate(self._rules.admin_reference, answer))
        except (CardGoneError, CardAnswerError):
            return Unknown()
        self._channel.committed = False
        outcome = _outcome_of(response)
        match outcome:
            case Accepted():
                count.settle(self._rules.admin_tries)
            case WrongAnswer(tries_left=int(left)):
                count.settle(left)
            case Locked():
                count.settle(0)
            case Refused(status=word) if cost_no_try(word):
                count.settle(before)
        return outcome


def _outcome_of(response: ResponseApdu) -> AdminOutcome:
    if response.ok:
        return Accepted()
    if response.sw in LOCKED_WORDS:
        return Locked()
    if response.tries_left is not None or response.sw == StatusWord.WRONG_CODE_NO_COUNTER:
        return WrongAnswer(response.tries_left)
    return Refused(RefusalReason.CARD, response.sw)
