"""Remaining tries of a code: read from the card without using one, else counted by the station.

Where the card tells, its word stands. Where it does not, the station's count stands in (reliability I1): it grows,
durably, before a code goes out, and what the card answers corrects it. A count that cannot be kept stops the code.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import ResponseApdu, StatusWord
from drivers.reader.errors import CommandRefusedError, LedgerError
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, Refused, Role, Unknown, WrongCode
from drivers.reader.pin.try_ledger import TryLedger
from drivers.reader.piv.apdus import get_metadata
from drivers.reader.piv.objects import parse_metadata
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Profile
from drivers.reader.tlv import Tlv, TlvError
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import STOPPED_AT_PAD

LOCKED_WORDS = (StatusWord.AUTHENTICATION_BLOCKED, StatusWord.REFERENCE_DATA_UNUSABLE, 0x63C0)
"""All three mean that no tries are left; which of them a card says differs."""
_TRIES_LEFT_DF21, _CHANGED_DF2F = 0xDF21, 0xDF2F
_TRIES_LEFT_IAS_ECC = 0x9B
_NOT_LOOKED_AT = (
    StatusWord.WRONG_LENGTH,
    StatusWord.WRONG_P1P2,
    StatusWord.REFERENCE_NOT_FOUND,
    StatusWord.OUTSIDE_FILE,
    StatusWord.INS_NOT_SUPPORTED,
    StatusWord.CLA_NOT_SUPPORTED,
    *STOPPED_AT_PAD,
)
"""Of a refused command: the card did not come as far as to compare the code. Any other word may be a card's way to say
that it was wrong (6982 and 6A80 are on some)."""


@dataclass(frozen=True, slots=True)
class RemainingTries:
    """Remaining tries of a code. `counted`: by the station, because the card does not tell."""

    left: int
    counted: bool = False
    must_change: bool = False
    """The card wants the code changed before it lets anybody use it, and says so."""

    @property
    def shown(self) -> int | None:
        """Tries as shown to a person: only what the card itself says."""
        return None if self.counted else self.left


@dataclass(frozen=True, slots=True)
class KeyTryCounter:
    """Tries of a key of the card, counted by the station alone; `start` of them at first. Raises LedgerError."""

    ledger: TryLedger
    card: str
    name: str
    start: int

    @property
    def left(self) -> int:
        """Upper bound of the remaining tries."""
        return max(0, self.start - self.ledger.used(self.card, self.name))

    def spend(self) -> None:
        """An answer is about to go out."""
        self.ledger.spend(self.card, self.name)

    def settle(self, left: int) -> None:
        """What the card has said. What cannot be put down stays counted as used."""
        with contextlib.suppress(LedgerError):
            self.ledger.settle(self.card, self.name, max(0, self.start - left))


def cost_no_try(status: int | None) -> bool:
    """Whether a refusal cannot have cost a try, whatever card it comes from. None: the station itself refused."""
    return status is None or status in _NOT_LOOKED_AT


def ledger_key_of(code: CodeObject) -> str:
    """Ledger key of a code: no two codes of a card share it, even where they share an authId."""
    kind = "puk" if code.has(CodeFlag.UNBLOCKING) else "pin"
    return f"{code.auth_id.hex()}-{kind}-{code.reference:02x}"


class TryCounter:
    """The counters of one card. `card` is the name under which the ledger counts."""

    def __init__(self, channel: ApduChannel, profile: Profile, ledger: TryLedger, card: str) -> None:
        self._channel = channel
        self._profile = profile
        self._ledger = ledger
        self._card = card
        self._told: set[str] = set()
        """Names of the codes whose tries this card has told in this visit."""

    def tries(self, code: CodeObject, role: Role) -> RemainingTries:
        """Tries left. The code's own DF must be current.

        Raises CardGoneError, CardAnswerError, LedgerError, and CommandRefusedError where a card that has told the tries
        does not tell them any more: it was reset, or is another, and the station's count knows nothing of other desks.
        """
        told = self._read(code, role)
        if told is not None:
            return told
        used = self._ledger.used(self._card, ledger_key_of(code))
        return RemainingTries(max(0, self._profile.rules(role).tries - used), counted=True)

    def spend(self, code: CodeObject, tries: RemainingTries) -> None:
        """A code is about to go out. Raises LedgerError where only the station counts and cannot: send nothing."""
        try:
            self._ledger.spend(self._card, ledger_key_of(code))
        except LedgerError:
            if tries.counted:
                raise

    def settle(self, code: CodeObject, role: Role, before: RemainingTries, outcome: CodeOutcome) -> None:
        """Put down what the card has answered. What cannot be put down stays counted as used; so does a try of which only the
        station knows, where the card's refusal may mean that the code was wrong.
        """
        start = self._profile.rules(role).tries
        match outcome:
            case Accepted():
                used = 0
            case WrongCode(tries_left=int(left)):
                used = start - left
            case Locked():
                used = start
            case Refused() if before.counted and not cost_no_try(outcome.status):
                return
            case Refused():
                used = start - before.left
            case WrongCode() | Unknown():
                return
        with contextlib.suppress(LedgerError):
            self._ledger.settle(self._card, ledger_key_of(code), max(0, used))

    def reset_count(self, code: CodeObject) -> None:
        """An unblock gave the code all its tries again."""
        with contextlib.suppress(LedgerError):
            self._ledger.settle(self._card, ledger_key_of(code), 0)

    def of_key(self, name: str, start: int) -> KeyTryCounter:
        """The count of a key of this card."""
        return KeyTryCounter(self._ledger, self._card, name, start)

    def _read(self, code: CodeObject, role: Role) -> RemainingTries | None:
        match self._profile.counter(role) if code.has_reference else "none":
            case "empty-verify":
                return self._empty_verify(code, role)
            case "df21":
                response = self._channel.send(iso7816.get_try_counter(code.reference))
                must_change = _byte_in(response, _CHANGED_DF2F) == 0
                left = _byte_in(response, _TRIES_LEFT_DF21)
                return self._told_or_silent(code, left, response, must_change=must_change)
            case "ias-ecc":
                response = self._channel.send(iso7816.get_code_object(code.reference))
                return self._told_or_silent(code, _byte_in(response, _TRIES_LEFT_IAS_ECC), response)
            case "metadata":
                return self._metadata(code)
            case "none":
                return None

    def _metadata(self, code: CodeObject) -> RemainingTries | None:
        """Only from some version on; without it, or with nonsense in it, the station counts."""
        response = self._channel.send(get_metadata(code.reference))
        try:
            left = parse_metadata(response.data).tries_left if response.ok else None
        except TlvError:
            left = None
        return self._told_or_silent(code, left, response)

    def _empty_verify(self, code: CodeObject, role: Role) -> RemainingTries | None:
        """Verified means that the counter is full; of a PUK, which is never verified here, it means nothing. It promises no
        number at the next question."""
        response = self._channel.send(iso7816.verify_empty(code.reference))
        if response.ok:
            return None if role is Role.PUK else RemainingTries(self._profile.rules(role).tries)
        return self._told_or_silent(code, 0 if response.sw in LOCKED_WORDS else response.tries_left, response)

    def _told_or_silent(
        self, code: CodeObject, left: int | None, response: ResponseApdu, *, must_change: bool = False
    ) -> RemainingTries | None:
        if left is None and ledger_key_of(code) in self._told:
            raise CommandRefusedError(
                "the card does not tell the tries any more", reader=self._channel.reader, status=response.sw
            )
        if left is None:
            return None
        self._told.add(ledger_key_of(code))
        return RemainingTries(left, must_change=must_change)


def _byte_in(response: ResponseApdu, tag: int) -> int | None:
    """Value of that object, one byte long, at any depth of an answer to GET DATA. None where there is none, or nonsense."""
    try:
        return next(_bytes_of(tlv.parse_prefix(response.data), tag), None) if response.ok else None
    except TlvError:
        return None


def _bytes_of(nodes: Iterable[Tlv], tag: int) -> Iterator[int]:
    for node in nodes:
        if node.tag == tag and len(node.value) == 1:
            yield node.value[0]
        yield from _bytes_of(node.children, tag)
