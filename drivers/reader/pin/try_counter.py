"""Remaining tries of a code: read from the card without using one, else counted by the station.

Rules (reliability I1):
1. Where the card tells its tries, its word stands.
2. Where it does not, what it answered to a code last in this visit stands: x of 63Cx, or that it is locked.
3. Else the station's count stands in. It grows, durably, before a code goes out, and what the card answers corrects it. A
   count that cannot be kept stops the code.
4. The count of a PUK ends where the PIN is seen unlocked that was seen locked since its last try: nothing but the PUK
   unlocks it, and that gave the PUK its tries back. Not so where an administrative key can unlock it.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.reader import iso7816, tlv
from drivers.reader.apdu import ResponseApdu, StatusWord
from drivers.reader.errors import CommandRefusedError, LedgerError
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.pin.try_ledger import LOCKED, TryLedger
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
    """Remaining tries of a code. `counted`: by the station, because the card does not tell. `locked_before`: in an earlier visit
    the card has said that there are none; it may have been unlocked elsewhere since."""

    left: int
    counted: bool = False
    locked_before: bool = False
    must_change: bool = False
    """The card wants the code changed before it lets anybody use it, and says so."""

    @property
    def used_up(self) -> bool:
        """By the card's own word, now or before."""
        return self.left == 0 and (self.locked_before or not self.counted)

    @property
    def shown(self) -> int | None:
        """Tries as shown to a person: only what the card itself says or has said."""
        return self.left if self.used_up or not self.counted else None


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
        """Put down what the card has said. What cannot be put down stays counted as used."""
        with contextlib.suppress(LedgerError):
            self.ledger.settle(self.card, self.name, max(0, self.start - left))


def cost_no_try(status: int | None, reason: RefusalReason = RefusalReason.CARD) -> bool:
    """Return whether a refusal cannot have cost a try, whatever card it comes from. None: the station itself refused."""
    return status is None or status in _NOT_LOOKED_AT or reason is RefusalReason.NEW_CODE


def ledger_key_of(code: CodeObject) -> str:
    """Ledger key of a code: no two codes of a card share it, even where they share an authId."""
    kind = "puk" if code.has(CodeFlag.UNBLOCKING) else "pin"
    return f"{code.auth_id.hex()}-{kind}-{code.reference:02x}"


class TryCounter:
    """The counters of one card in one visit. `card` is the name under which the ledger counts (`name_in_ledger`), `former` are
    names under which it was counted before; counts under those go on."""

    def __init__(
        self, channel: ApduChannel, profile: Profile, ledger: TryLedger, card: str, former: tuple[str, ...] = ()
    ) -> None:
        self._channel = channel
        self._profile = profile
        self._ledger = ledger
        self._card = card
        self._counted_by_card: set[str] = set()
        """Names of the codes whose tries this card has told in this visit."""
        self._answered: dict[str, int] = {}
        """By the names of the others: tries left, as it answered to a code."""
        self._seen_locked: set[str] = set()
        """PINs that the card called locked in this visit."""
        self._puks: dict[str, str] = {}
        """Names of the PUKs that unlock them, by the names of PINs."""
        self._former = tuple(name for name in former if name and not self._inherit(name))

    def pair(self, pin: CodeObject, puk: CodeObject) -> None:
        """Note that this PIN is unlocked by that PUK."""
        self._puks[ledger_key_of(pin)] = ledger_key_of(puk)

    def rename(self, card: str) -> None:
        """The card's certificates have changed, and so has its name: what was counted goes on. Raises LedgerError."""
        if card != self._card:
            self._ledger.carry(self._card, card)
            self._card = card

    def tries(self, code: CodeObject, role: Role) -> RemainingTries:
        """Tries left. The code's own DF must be current.

        Raises CardGoneError, CardAnswerError, LedgerError, and CommandRefusedError where a card that has told the tries
        does not tell them any more: it was reset, or is another, and the station's count knows nothing of other desks.
        """
        name = ledger_key_of(code)
        first, remaining = name not in self._counted_by_card, self._read(code, role)
        if remaining is None:
            return self.known(code, role)
        if remaining.left == 0 or first:
            self._notice(code, role, remaining.left)
        return remaining

    def tells(self, code: CodeObject) -> bool:
        """Return whether the card has told the tries of that code in this visit, when it was asked for them."""
        return ledger_key_of(code) in self._counted_by_card

    def known(self, code: CodeObject, role: Role) -> RemainingTries:
        """Tries left of a code that the card does not tell: by its last answer, else by the station's count."""
        name = ledger_key_of(code)
        if name in self._answered:
            return RemainingTries(self._answered[name])
        used = self._used(name)
        return RemainingTries(
            max(0, self._profile.rules(role).tries - used), counted=True, locked_before=used >= LOCKED
        )

    def spend(self, code: CodeObject) -> None:
        """A code is about to go out. Raises LedgerError where only the station counts and cannot: send nothing."""
        name = ledger_key_of(code)
        self._answered.pop(name, None)
        try:
            self._ledger.spend(self._card, name)
        except LedgerError:
            if name not in self._counted_by_card:
                raise

    def settle(self, code: CodeObject, role: Role, before: RemainingTries, outcome: CodeOutcome) -> None:
        """Put down what the card has answered. What cannot be put down stays counted as used; so does a try of which only the
        station knows, where the card's refusal may mean that the code was wrong.
        """
        name, start = ledger_key_of(code), self._profile.rules(role).tries
        match outcome:
            case Accepted():
                self._notice(code, role, start)
                used = 0
            case WrongCode(tries_left=int(left)):
                self._notice(code, role, left)
                self._answered[name] = left
                used = start - left
            case Locked():
                self._notice(code, role, 0)
                self._answered[name] = 0
                used = LOCKED
            case Refused() if name not in self._counted_by_card and not cost_no_try(outcome.status, outcome.reason):
                return
            case Refused():
                if not before.counted:
                    self._answered[name] = before.left
                used = LOCKED if before.used_up else start - before.left
            case WrongCode() | Unknown():
                return
        self._put(name, max(0, used))

    def reset_count(self, code: CodeObject) -> None:
        """An unblock gave the code all its tries again."""
        name = ledger_key_of(code)
        self._answered.pop(name, None)
        self._seen_locked.discard(name)
        self._put(name, 0)
        self._put(_lock_key(name), 0)

    def spend_puk(self, pin: CodeObject, puk: CodeObject) -> None:
        """A PUK is about to go out for that PIN: was the PIN seen locked? Raises LedgerError as `spend`."""
        if ledger_key_of(puk) not in self._counted_by_card:
            name = ledger_key_of(pin)
            self._ledger.settle(self._card, _lock_key(name), int(name in self._seen_locked and self._puk_alone_unlocks))

    def clear(self, codes: Iterable[CodeObject], keys: Iterable[str] = ()) -> bool:
        """Count from the beginning again, because somebody knows better; whether anything was counted. What the card said in this
        visit holds. Raises LedgerError."""
        names = [ledger_key_of(code) for code in codes]
        counted = [name for name in (*names, *map(_lock_key, names), *keys) if self._used(name)]
        for name in counted:
            self._ledger.settle(self._card, name, 0)
            if self._used(name):
                raise LedgerError("the count of tries cannot be changed")
        return bool(counted)

    def of_key(self, name: str, start: int) -> KeyTryCounter:
        """The count of a key of this card."""
        return KeyTryCounter(self._ledger, self._card, name, start)

    @property
    def _puk_alone_unlocks(self) -> bool:
        return self._profile.unblocking.admin == "none"

    def _notice(self, code: CodeObject, role: Role, left: int) -> None:
        """The card has said how many tries are left: its count is corrected where it is too strict, and a lock is remembered."""
        name = ledger_key_of(code)
        used = max(0, self._profile.rules(role).tries - left)
        if left and used < self._used(name):
            self._put(name, used)
        if name in self._puks:
            self._notice_lock(name, locked=left == 0)

    def _notice_lock(self, pin: str, *, locked: bool) -> None:
        puk, lock_key = self._puks[pin], _lock_key(pin)
        if locked:
            self._seen_locked.add(pin)
            if self._puk_alone_unlocks and self._used(puk):
                self._put(lock_key, 1)
            return
        self._seen_locked.discard(pin)
        if self._used(lock_key):
            if self._used(puk) < LOCKED:
                self._put(puk, 0)
            self._put(lock_key, 0)

    def _used(self, name: str) -> int:
        return max(self._ledger.used(card, name) for card in (self._card, *self._former))

    def _put(self, name: str, used: int) -> None:
        """Put down the tries used. What cannot be put down stays as it was."""
        with contextlib.suppress(LedgerError):
            if self._ledger.used(self._card, name) != used:
                self._ledger.settle(self._card, name, used)

    def _inherit(self, former: str) -> bool:
        """Counts of a former name go on, once: what this card clears stays cleared. False where that cannot be put down."""
        key = f"after {former}"
        try:
            if not self._ledger.used(self._card, key) and self._ledger.carry(former, self._card):
                self._ledger.settle(self._card, key, 1)
        except LedgerError:
            return False
        return True

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
        """Verified means that the counter is full; of a PUK, which is never verified here, it means nothing. Neither that nor
        a code that is locked promises a number at the next question.
        """
        response = self._channel.send(iso7816.verify_empty(code.reference))
        if response.ok:
            return None if role is Role.PUK else RemainingTries(self._profile.rules(role).tries)
        if response.sw in LOCKED_WORDS:
            return RemainingTries(0)
        return self._told_or_silent(code, response.tries_left, response)

    def _told_or_silent(
        self, code: CodeObject, left: int | None, response: ResponseApdu, *, must_change: bool = False
    ) -> RemainingTries | None:
        if left is None and ledger_key_of(code) in self._counted_by_card:
            raise CommandRefusedError(
                "the card does not tell the tries any more", reader=self._channel.reader, status=response.sw
            )
        if left is None:
            return None
        self._counted_by_card.add(ledger_key_of(code))
        return RemainingTries(left, must_change=must_change)


def _lock_key(pin: str) -> str:
    """Ledger key of whether a PIN was seen locked since its PUK went out last."""
    return f"{pin}-seen-locked"


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
