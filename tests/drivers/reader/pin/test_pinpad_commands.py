"""Codes that are typed at the reader's own pad: which structure it gets, after which checks. A script stands for pad and card."""

from dataclasses import replace

import pytest

from drivers.reader import iso7816
from drivers.reader.errors import CardChangedError
from drivers.reader.outcomes import Accepted, CodeOutcome, RefusalReason, Refused, Unknown, WrongCode
from drivers.reader.pin.code_commands import CodeCommands
from drivers.reader.pin.pinpad_commands import PinpadCommands
from drivers.reader.pin.try_counter import TryCounter
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Profile, UnblockVariant
from drivers.reader.transport import pinpad
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import PadCode, PadText, PinPad
from tests.fakes.cards.code_desk import (
    IDENTIFICATION,
    LAST,
    PIN,
    PUK,
    RULES,
    Desk,
    Told,
    with_commands,
    with_unblocking,
)

TEXT = PadText(0x041D)
LIMITS, OF_PUK = PadCode(6, 8, 8), PadCode(8, 8, 8)
EMPTY = bytes(8)
NOT_ALLOWED, NOT_AT_PAD = Refused(RefusalReason.NOT_ALLOWED), Refused(RefusalReason.NOT_AT_PAD)


class Pad:
    """A pad at which somebody types; the card's answers come by it."""

    def __init__(self, connection: "AtPad") -> None:
        self._connection = connection

    def verify(self, structure: bytes) -> bytes:
        return self._connection.typed("verify", structure)

    def modify(self, structure: bytes) -> bytes:
        return self._connection.typed("modify", structure)


class AtPad(Told):
    """A reader with a pad, or without."""

    def __init__(self, answers: list[str | None], log: list[str], *, has_pad: bool) -> None:
        super().__init__(answers, log)
        self.pinpad: PinPad | None = Pad(self) if has_pad else None
        self._heard = log

    def typed(self, how: str, structure: bytes) -> bytes:
        answer = super().transmit(structure)
        self._heard[-1] = f"{how} {structure.hex()}"
        return answer


class PadDesk(Desk):
    """The commands of a desk, typed at the pad."""

    def __init__(self, answers: list[str | None], profile: Profile = RULES, *, has_pad: bool = True) -> None:
        super().__init__(answers, profile)
        self.channel = ApduChannel(AtPad(answers, self.log, has_pad=has_pad))
        self.counter = TryCounter(self.channel, profile, self.ledger, "card")
        self.codes = CodeCommands(self.channel, profile, self.counter, self._same, self._enter)
        self.pad = PinpadCommands(self.channel, self.codes)

    def verify_at_pad(self, code: CodeObject = PIN, *, consented: bool = False) -> CodeOutcome:
        return self.pad.verify(code, IDENTIFICATION, TEXT, consented=consented)

    def change_at_pad(self, code: CodeObject = PIN, *, consented: bool = False) -> CodeOutcome:
        return self.pad.change(code, IDENTIFICATION, TEXT, consented=consented)

    def unblock_at_pad(self, code: CodeObject = PIN, puk: CodeObject = PUK) -> CodeOutcome:
        return self.pad.unblock(code, puk, IDENTIFICATION, TEXT)


def verify_of(reference: int, limits: PadCode = LIMITS) -> str:
    return f"verify {pinpad.verify_structure(iso7816.verify(reference, EMPTY), limits, TEXT).hex()}"


def test_a_verification_at_the_pad_holds_no_code() -> None:
    desk = PadDesk(["9000"])
    assert desk.verify_at_pad() == Accepted()
    assert desk.log == ["enter PIN", verify_of(0x11)]


def test_a_change_at_the_pad_asks_whose_card_it_is_first() -> None:
    desk = PadDesk(["9000"])
    assert desk.change_at_pad() == Accepted()
    apdu = iso7816.change_reference_data(0x11, EMPTY, EMPTY)
    assert desk.log == ["same card?", "enter PIN", f"modify {pinpad.modify_structure(apdu, LIMITS, TEXT).hex()}"]
    other = PadDesk([])
    other.changed = True
    with pytest.raises(CardChangedError):
        other.change_at_pad()


def test_a_change_at_the_pad_takes_no_shorter_code_than_a_new_one_may_be() -> None:
    desk = PadDesk(["9000", "9000"])
    old = replace(PIN, min_length=4)
    assert desk.change_at_pad(old) == desk.verify_at_pad(old) == Accepted()
    apdu = iso7816.change_reference_data(0x11, EMPTY, EMPTY)
    assert desk.log[2] == f"modify {pinpad.modify_structure(apdu, LIMITS, TEXT).hex()}"
    assert desk.log[4] == verify_of(0x11, PadCode(4, 8, 8))


@pytest.mark.parametrize("act", [PadDesk.verify_at_pad, PadDesk.change_at_pad])
def test_a_wrong_code_at_the_pad_counts_and_the_last_try_wants_consent(act: "type[PadDesk]") -> None:
    desk = PadDesk(["63c1", "9000", None])
    assert act(desk) == WrongCode(1)
    assert desk.used(PIN) == 2
    sent = len(desk.log)
    assert act(desk) == Refused(RefusalReason.LAST_TRY, tries_left=1)
    assert [line for line in desk.log[sent:] if line.startswith(("verify", "modify"))] == []
    assert act(desk, consented=True) == Accepted()
    assert desk.used(PIN) == 0
    assert act(desk) == Unknown()
    assert desk.used(PIN) == 1


def test_a_count_of_the_station_stops_at_the_pad_too() -> None:
    assert PadDesk([]).use(PIN, 1).codes.tries(PIN, IDENTIFICATION).left == 2
    desk = PadDesk(["9000"])
    desk.use(PIN, 1)
    assert desk.verify_at_pad() == LAST


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("6401", Refused(RefusalReason.CARD, 0x6401)),
        ("6403", Refused(RefusalReason.POLICY, 0x6403)),
        ("6b80", Refused(RefusalReason.NOT_AT_PAD, 0x6B80)),
    ],
)
def test_what_the_reader_says_itself_costs_no_try(word: str, outcome: CodeOutcome) -> None:
    desk = PadDesk([word])
    assert desk.verify_at_pad() == outcome
    assert desk.used(PIN) == 0


def test_without_a_pad_or_for_a_code_that_none_can_take_nothing_is_done() -> None:
    for desk, code in ((PadDesk([], has_pad=False), PIN), (PadDesk([]), replace(PIN, stored_length=16))):
        assert desk.verify_at_pad(code) == desk.change_at_pad(code) == NOT_ALLOWED
        assert desk.unblock_at_pad(code) == NOT_AT_PAD
        assert desk.log == []
    fixed, desk = replace(PIN, flags=frozenset({CodeFlag.CHANGE_DISABLED})), PadDesk([])
    assert (desk.change_at_pad(fixed), desk.log) == (NOT_ALLOWED, [])


def test_who_may_not_unblock_may_not_at_the_pad() -> None:
    desk = PadDesk([], with_unblocking(by="administrator"))
    assert (desk.unblock_at_pad(), desk.log) == (NOT_ALLOWED, [])
    assert desk.pad.unblock_limits(PIN, PUK, IDENTIFICATION) is None
    assert PadDesk([], has_pad=False).pad.unblock_limits(PIN, PUK, IDENTIFICATION) is None


BOTH = iso7816.reset_retry_counter(0x11, EMPTY, EMPTY)
ALONE = iso7816.reset_to_new(0x11, EMPTY)
WITH_PUK = pinpad.verify_structure(iso7816.reset_with_puk(0x11, EMPTY), OF_PUK, TEXT).hex()
SENT: dict[UnblockVariant, list[str]] = {
    "puk-and-new": ["enter PIN", f"modify {pinpad.modify_structure(BOTH, OF_PUK, TEXT).hex()}"],
    "puk": ["enter PIN", f"verify {WITH_PUK}"],
    "verify-then-new": [
        verify_of(0x12, OF_PUK), "enter PIN", f"modify {pinpad.new_code_structure(ALONE, LIMITS, TEXT).hex()}",
    ],
    "verify-then-reset": [verify_of(0x12, OF_PUK), "enter PIN", "002c0311"],
}  # fmt: skip


@pytest.mark.parametrize("variant", SENT)
def test_an_unblock_at_the_pad_is_in_the_form_of_its_product(variant: UnblockVariant) -> None:
    desk = PadDesk(["9000", "9000"], with_commands(unblock=variant))
    desk.use(PIN, 3).use(PUK, 2)
    outcome = desk.unblock_at_pad()
    assert outcome == Accepted(new_code_set=variant not in ("puk", "verify-then-reset"))
    assert desk.log == ["same card?", "enter PUK", *SENT[variant]]
    assert (desk.used(PIN), desk.used(PUK)) == (0, 0)
    limits = LIMITS if variant == "verify-then-new" else OF_PUK
    assert desk.pad.unblock_limits(PIN, PUK, IDENTIFICATION) == limits


@pytest.mark.parametrize("variant", SENT)
def test_a_puk_at_the_pad_has_the_length_of_its_product_whatever_the_card_says(variant: UnblockVariant) -> None:
    desk = PadDesk(["9000", "9000"], with_commands(unblock=variant))
    assert isinstance(desk.unblock_at_pad(puk=replace(PUK, min_length=4)), Accepted)
    assert desk.log == ["same card?", "enter PUK", *SENT[variant]]


@pytest.mark.parametrize("variant", SENT)
def test_a_wrong_puk_at_the_pad_is_counted_and_ends_it(variant: UnblockVariant) -> None:
    desk = PadDesk(["63c7"], with_commands(unblock=variant))
    outcome = desk.unblock_at_pad()
    assert outcome == WrongCode(7)
    assert isinstance(outcome, WrongCode)
    assert outcome.entries_left == 5
    assert desk.used(PUK) == 3


def test_no_puk_is_asked_for_below_the_floor() -> None:
    desk = PadDesk([])
    desk.use(PUK, 7)
    assert desk.unblock_at_pad() == Refused(RefusalReason.BELOW_FLOOR)
    assert desk.log == ["same card?", "enter PUK"]


def test_a_puk_or_a_new_code_that_no_pad_can_take_is_typed_elsewhere() -> None:
    wide = replace(PUK, stored_length=16)
    for variant in SENT:
        desk = PadDesk([], with_commands(unblock=variant))
        assert (desk.unblock_at_pad(puk=wide), desk.log) == (NOT_AT_PAD, [])
    desk = PadDesk([], with_commands(unblock="verify-then-new"))
    assert desk.unblock_at_pad(replace(PIN, stored_length=16)) == NOT_AT_PAD
