"""Codes on their way to the card: which bytes go out, after which checks, and what is counted. A script stands for the card."""

from dataclasses import replace
from datetime import date

import pytest

from drivers.reader.apdu import ResponseApdu
from drivers.reader.errors import CardAnswerError, CardChangedError, CommandRefusedError, LedgerError
from drivers.reader.iso7816 import Alphabet
from drivers.reader.outcomes import (
    Accepted,
    AdminOutcome,
    CodeOutcome,
    Locked,
    RefusalReason,
    Refused,
    Unknown,
    WrongAnswer,
    WrongCode,
)
from drivers.reader.pin.administrator_unblock import COUNTED_AS, AdministratorUnblock
from drivers.reader.pin.code_commands import last_try_refusal, outcome_of_status, refuse_on_fault
from drivers.reader.pin.try_counter import RemainingTries, ledger_key_of
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Profile, UnblockVariant
from drivers.reader.profiles.tables import Unblocking
from drivers.reader.secret import Secret
from drivers.reader.transport.pinpad import PadCode
from tests.fakes.cards.code_desk import (
    IDENTIFICATION,
    LAST,
    NEW,
    PIN,
    PUK,
    RIGHT_PUK,
    RULES,
    Desk,
    with_commands,
    with_unblocking,
)

HEX_CODE, HEX_NEW, HEX_PUK = "3438323931350000", "3539333032360000", "3133353732343638"
VERIFY, CHANGE = f"0020001108{HEX_CODE}", f"0024001110{HEX_CODE}{HEX_NEW}"
OK = ResponseApdu(b"", 0x9000)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        (0x9000, Accepted()),
        (0x6983, Locked()),
        (0x6984, Locked()),
        (0x63C0, Locked()),
        (0x63C2, WrongCode(2)),
        (0x63CF, WrongCode(15)),
        (0x6300, WrongCode(None)),
        (0x6305, WrongCode(None)),
        (0x6310, Refused(RefusalReason.CARD, 0x6310)),
        (0x6402, Refused(RefusalReason.POLICY, 0x6402)),
        (0x6403, Refused(RefusalReason.POLICY, 0x6403)),
        (0x6B80, Refused(RefusalReason.NOT_AT_PAD, 0x6B80)),
        (0x6401, Refused(RefusalReason.CARD, 0x6401)),
        (0x6982, Refused(RefusalReason.CARD, 0x6982)),
    ],
)
def test_an_outcome_is_what_the_status_word_says(word: int, outcome: CodeOutcome) -> None:
    assert outcome_of_status(ResponseApdu(b"", word)) == outcome


def test_a_verification_enters_the_df_and_sends_the_padded_code_once() -> None:
    desk = Desk(["9000"])
    assert desk.verify() == Accepted()
    assert desk.log == ["enter PIN", VERIFY]
    assert not desk.channel.committed


def test_a_wrong_code_counts_until_the_right_one_comes() -> None:
    desk = Desk(["63c1", "9000"])
    assert desk.verify() == WrongCode(1)
    assert desk.used(PIN) == 2
    assert desk.verify(NEW, consented=True) == Accepted()
    assert desk.used(PIN) == 0


def test_a_transmission_that_breaks_off_is_unknown_and_counted() -> None:
    desk = Desk([None])
    assert desk.verify() == Unknown()
    assert desk.used(PIN) == 1
    assert desk.channel.committed


@pytest.mark.parametrize("code", [Secret("48291"), Secret("482915713"), Secret(""), Secret("48291å")])
def test_a_code_that_the_card_cannot_hold_stays_here(code: Secret) -> None:
    desk = Desk([])
    assert desk.verify(code) == Refused(RefusalReason.POLICY)
    assert (desk.log, desk.used(PIN)) == ([], 0)


def test_the_lengths_of_the_card_are_both_allowed() -> None:
    for code in (Secret("482915"), Secret("48291576")):
        assert Desk(["9000"]).verify(code) == Accepted()
    shortest = replace(PIN, min_length=0)
    assert Desk(["9000"]).verify(Secret("4"), shortest) == Accepted()
    assert Desk([]).verify(Secret(""), shortest) == Refused(RefusalReason.POLICY)


@pytest.mark.parametrize(
    ("tries", "consented", "expected"),
    [
        (RemainingTries(3), False, None),
        (RemainingTries(2), False, None),
        (RemainingTries(1), False, Refused(RefusalReason.LAST_TRY, tries_left=1)),
        (RemainingTries(1), True, None),
        (RemainingTries(0), True, Locked()),
        (RemainingTries(0), False, Locked()),
        (RemainingTries(3, counted=True), False, None),
        (RemainingTries(2, counted=True), False, LAST),
        (RemainingTries(2, counted=True), True, None),
        (RemainingTries(0, counted=True), False, LAST),
        (RemainingTries(0, counted=True), True, None),
        (RemainingTries(0, counted=True, locked_before=True), False, Locked()),
        (RemainingTries(0, counted=True, locked_before=True), True, None),
    ],
)
def test_the_last_try_wants_consent(tries: RemainingTries, consented: bool, expected: CodeOutcome | None) -> None:
    assert last_try_refusal(tries, consented) == expected


def test_the_last_try_is_not_sent_without_consent() -> None:
    for act in (Desk.verify, Desk.change):
        desk = Desk(["9000", "9000"]).use(PIN, 1)
        assert act(desk) == LAST
        assert [line for line in desk.log if line.startswith("00")] == []
        assert act(desk, consented=True) == Accepted()


def test_a_change_asks_whose_card_it_is_first_and_sends_both_codes() -> None:
    desk = Desk(["9000", "9000"])
    assert desk.change() == Accepted()
    assert desk.log == ["same card?", "enter PIN", VERIFY, CHANGE]  # nothing tells this card's tries
    other = Desk(["9000"], changed=True)
    with pytest.raises(CardChangedError):
        other.change()
    assert (other.log, other.used(PIN)) == (["same card?"], 0)


def test_nothing_is_changed_on_a_product_that_nobody_has_tried_or_that_forbids_it() -> None:
    unproved = Desk([], RULES.model_copy(update={"proved": "none"}))
    assert unproved.change() == Refused(RefusalReason.NOT_PROVED)
    fixed = replace(PIN, flags=frozenset({CodeFlag.CHANGE_DISABLED}))
    desk = Desk([])
    assert desk.change(code=fixed) == Refused(RefusalReason.NOT_ALLOWED)
    assert unproved.log == desk.log == []


@pytest.mark.parametrize("new", ["5930", "111111", "123456", "482915", "59302x", "900512"])
def test_a_new_code_that_may_not_be_one_costs_no_try(new: str) -> None:
    desk = Desk([], born=(date(1990, 5, 12),))
    assert desk.change(Secret(new)) == Refused(RefusalReason.POLICY)
    assert (desk.log, desk.used(PIN)) == ([], 0)


def test_a_new_code_of_digits_and_letters_is_for_cards_that_store_text() -> None:
    letters = RULES.model_copy(update={"pin": RULES.pin.model_copy(update={"charset": "ascii"})})
    text = replace(PIN, alphabet=Alphabet.UTF8)
    assert Desk(["9000", "9000"], letters).change(Secret("59a0b6"), text) == Accepted()
    assert Desk([], letters).change(Secret("59a0b6")) == Refused(RefusalReason.POLICY)
    assert Desk([]).change(Secret("59a0b6"), text) == Refused(RefusalReason.POLICY)
    assert Desk([], letters).codes.refusal_of_new_code(text, IDENTIFICATION, Secret("59a0b6")) is None


SENT: dict[UnblockVariant, list[str]] = {
    "puk-and-new": ["same card?", "enter PUK", "enter PIN", f"002c001110{HEX_PUK}{HEX_NEW}"],
    "puk": ["same card?", "enter PUK", "enter PIN", f"002c011108{HEX_PUK}"],
    "verify-then-new": ["same card?", "enter PUK", f"0020001208{HEX_PUK}", "enter PIN", f"002c021108{HEX_NEW}"],
    "verify-then-reset": ["same card?", "enter PUK", f"0020001208{HEX_PUK}", "enter PIN", "002c0311"],
}


@pytest.mark.parametrize("variant", SENT)
def test_an_unblock_sends_the_puk_once_in_the_form_of_its_product(variant: UnblockVariant) -> None:
    desk = Desk(["9000", "9000"], with_commands(unblock=variant)).use(PIN, 3).use(PUK, 2)
    keeps = variant in ("puk", "verify-then-reset")
    assert desk.unblock() == Accepted(new_code_set=not keeps)
    assert desk.log == SENT[variant]
    assert (desk.used(PIN), desk.used(PUK)) == (0, 0)
    assert desk.codes.variant == variant


@pytest.mark.parametrize("variant", SENT)
def test_a_wrong_puk_ends_it_and_says_how_many_more_are_let_through(variant: UnblockVariant) -> None:
    desk = Desk(["63c7", "9000"], with_commands(unblock=variant)).use(PIN, 3)
    outcome = desk.unblock()
    assert outcome == WrongCode(7)
    assert isinstance(outcome, WrongCode)
    assert outcome.entries_left == 5, "7, 6, 5, 4 and 3: the floor itself lets one through"
    assert (desk.used(PIN), desk.used(PUK)) == (3, 3)
    assert sum(line.startswith("00") for line in desk.log) == 1


@pytest.mark.parametrize("variant", SENT)
def test_a_puk_that_the_card_did_not_look_at_costs_no_try(variant: UnblockVariant) -> None:
    desk = Desk(["6700"], with_commands(unblock=variant)).use(PUK, 2)
    assert desk.unblock() == Refused(RefusalReason.CARD, 0x6700)
    assert desk.used(PUK) == 2


def test_after_an_unblock_nothing_is_left_of_what_the_card_said_of_the_code() -> None:
    desk = Desk(["6983", "9000"])
    assert desk.verify() == Locked()
    assert desk.codes.tries(PIN, IDENTIFICATION) == RemainingTries(0)
    assert desk.unblock() == Accepted()
    assert desk.codes.tries(PIN, IDENTIFICATION) == RemainingTries(3, counted=True)


def test_a_lock_that_was_seen_before_an_unblock_gives_no_later_puk_its_tries_back() -> None:
    desk = Desk(["6983"], with_commands(unblock="puk", counter="empty-verify"))
    desk.codes.pair(PIN, PUK)
    lock_key = f"{ledger_key_of(PIN)}-seen-locked"
    desk.use(PUK, 1)
    assert desk.codes.tries(PIN, IDENTIFICATION) == RemainingTries(0)
    assert desk.ledger.used("card", lock_key) == 1
    desk.counter.reset_count(PIN)
    assert desk.ledger.used("card", lock_key) == 0


def test_of_a_card_that_counts_nothing_the_station_says_how_many_more_it_lets_through() -> None:
    desk = Desk(["6300"]).use(PUK, 4)
    outcome = desk.unblock()
    assert outcome == WrongCode(None)
    assert isinstance(outcome, WrongCode)
    assert outcome.entries_left == 2, "of 10, 5 are used; the station stops one sooner than the card's word would"
    assert desk.used(PUK) == 5


def test_of_a_card_that_is_asked_before_the_next_puk_nothing_is_said_after_this_one() -> None:
    desk = Desk(["63c8", "6300"], with_commands(unblock="puk-and-new", counter_of_puk="empty-verify"))
    outcome = desk.unblock()
    assert outcome == WrongCode(None)
    assert isinstance(outcome, WrongCode)
    assert outcome.entries_left is None
    assert desk.log[:3] == ["same card?", "enter PUK", "00200012"]


def test_no_puk_goes_out_below_the_floor() -> None:
    for used, expected in ((6, None), (7, Refused(RefusalReason.BELOW_FLOOR)), (255, Locked())):
        desk = Desk(["9000"]).use(PUK, used)
        outcome = desk.unblock()
        assert outcome == (expected or Accepted())
        assert any(line.startswith("002c") for line in desk.log) is (expected is None)
    told = Desk(["63c3", "9000"], with_commands(unblock="puk-and-new", counter_of_puk="empty-verify"))
    assert told.unblock() == Accepted()
    low = Desk(["63c2"], with_commands(unblock="puk-and-new", counter_of_puk="empty-verify"))
    assert low.unblock() == Refused(RefusalReason.BELOW_FLOOR, tries_left=2)


def test_what_breaks_off_after_the_puk_is_unknown_and_the_code_stays_counted() -> None:
    desk = Desk(["9000", None], with_commands(unblock="verify-then-new")).use(PIN, 3)
    assert desk.unblock() == Unknown()
    assert desk.used(PIN) == 3


@pytest.mark.parametrize("puk", ["1357246", "135724681", "1357246x", ""])
def test_a_puk_of_another_form_stays_here(puk: str) -> None:
    desk = Desk([])
    assert desk.unblock(Secret(puk)) == Refused(RefusalReason.POLICY)
    assert desk.log == []


def test_a_puk_that_its_own_object_cannot_hold_stays_here() -> None:
    desk, short = Desk([]), replace(PUK, max_length=6, min_length=4)
    outcome = desk.codes.unblock(PIN, short, IDENTIFICATION, RIGHT_PUK, NEW)
    assert (outcome, desk.log) == (Refused(RefusalReason.POLICY), [])


def test_an_unblock_with_a_weak_new_code_stays_here() -> None:
    desk = Desk([])
    assert desk.unblock(new=Secret("111111")) == Refused(RefusalReason.POLICY)
    assert desk.log == []


@pytest.mark.parametrize(
    ("by", "attended", "may"),
    [
        ("holder", False, True),
        ("printed", False, True),
        ("administrator", False, False),
        ("administrator", True, True),
        ("nobody", True, False),
    ],
)
def test_who_may_unblock_is_data_of_the_product(by: str, attended: bool, may: bool) -> None:
    desk = Desk(["9000"], with_unblocking(by=by))
    assert desk.codes.may_unblock(PIN, attended=attended) is may
    assert (desk.unblock(attended=attended) == Accepted()) is may
    assert bool(desk.log) is may


def test_what_the_card_or_the_product_forbids_is_not_unblocked() -> None:
    barred = replace(PIN, flags=frozenset({CodeFlag.UNBLOCK_DISABLED}))
    assert Desk([]).unblock(code=barred) == Refused(RefusalReason.NOT_ALLOWED)
    assert Desk([], with_commands(unblock="none")).unblock() == Refused(RefusalReason.NOT_ALLOWED)


@pytest.mark.parametrize(
    ("answer", "outcome", "left"),
    [
        ("9000", Accepted(), 0),
        ("63c2", Refused(RefusalReason.CARD), 3),
        ("6983", Refused(RefusalReason.CARD), 3),
        ("6982", Refused(RefusalReason.CARD, 0x6982), 3),
        (None, Unknown(), 3),
    ],
)
def test_a_new_code_alone_is_set_for_who_has_proved_another_right(
    answer: str | None, outcome: CodeOutcome, left: int
) -> None:
    desk = Desk([answer]).use(PIN, 3)
    assert desk.codes.set_new(PIN, NEW) == outcome
    assert desk.log == ["same card?", "enter PIN", f"002c021108{HEX_NEW}"]
    assert desk.used(PIN) == left


@pytest.mark.parametrize("fault", [CardAnswerError("nonsense"), None])
def test_a_fault_in_the_middle_leaves_the_channel_committed(fault: Exception | None) -> None:
    def exchange() -> ResponseApdu:
        if fault is not None:
            raise fault
        return OK

    desk = Desk([])
    assert desk.codes.send_irreversible(exchange) == (Unknown() if fault else Accepted())
    assert desk.channel.committed is (fault is not None)


def test_a_code_is_not_sent_where_its_try_cannot_be_counted() -> None:
    class Full(MemoryLedger):
        def spend(self, card: str, code: str) -> None:
            raise LedgerError("no space left")

    desk = Desk([], ledger=Full())
    with pytest.raises(LedgerError):
        desk.verify()
    assert desk.log == ["enter PIN"]


def test_a_card_that_tells_no_tries_is_sent_nothing_to_show_them() -> None:
    silent = Desk([])
    assert silent.codes.tries_to_show(PIN, IDENTIFICATION) == RemainingTries(3, counted=True)
    assert silent.log == []
    asked = Desk(["63c2"], with_commands(counter="empty-verify"))
    assert asked.codes.tries_to_show(PIN, IDENTIFICATION) == RemainingTries(2)
    assert asked.log == ["enter PIN", "00200011"]
    nameless = Desk([], with_commands(counter="empty-verify"))
    unnamed = replace(PIN, has_reference=False)
    assert nameless.codes.tries_to_show(unnamed, IDENTIFICATION) == RemainingTries(3, counted=True)
    assert nameless.log == []


def test_counts_are_cleared_and_carried_by_the_names_of_the_codes() -> None:
    desk = Desk([]).use(PIN, 2)
    assert desk.codes.clear_counts([PUK]) is False
    assert desk.codes.clear_counts([PIN, PUK]) is True
    assert desk.used(PIN) == 0
    desk.use(PIN, 1)
    desk.codes.rename("other")
    assert desk.ledger.used("other", ledger_key_of(PIN)) == 1
    key = desk.codes.count_of_key("administrator", 3)
    key.spend()
    assert (key.left, desk.ledger.used("other", "administrator")) == (2, 1)
    assert desk.codes.clear_counts([], ["administrator"]) is True


@pytest.mark.parametrize(
    ("code", "rules", "new", "limits"),
    [
        (PIN, RULES, False, PadCode(6, 8, 8)),
        (PIN, RULES, True, PadCode(6, 8, 8)),
        (replace(PIN, min_length=0, max_length=12, stored_length=12), RULES, False, PadCode(1, 12, 12)),
        (replace(PIN, min_length=0, max_length=12, stored_length=12), RULES, True, PadCode(6, 8, 12)),
        (replace(PIN, max_length=5, min_length=4), RULES, True, None),
        (replace(PIN, stored_length=16), RULES, False, None),
        (replace(PIN, pad=None), RULES, False, None),
        (replace(PIN, pad=None), with_commands(pad=0xFF), False, PadCode(6, 8, 8)),
    ],
)
def test_a_pad_may_take_what_card_and_product_allow(
    code: CodeObject, rules: Profile, new: bool, limits: PadCode | None
) -> None:
    assert Desk([], rules).codes.pad_limits(code, IDENTIFICATION, new=new) == limits


def test_one_structure_for_two_codes_takes_what_is_right_for_both() -> None:
    codes = Desk([]).codes
    wide = replace(PUK, min_length=4, max_length=8)
    assert codes.pad_limits_of_both(wide, PIN, IDENTIFICATION) == PadCode(8, 8, 8)
    assert codes.pad_limits_of_both(replace(wide, stored_length=12), PIN, IDENTIFICATION) is None
    assert codes.pad_limits_of_both(replace(wide, alphabet=Alphabet.BCD), PIN, IDENTIFICATION) is None
    assert codes.pad_limits_of_both(wide, replace(PIN, max_length=7), IDENTIFICATION) is None
    assert codes.pad_limits_of_both(replace(wide, pad=None), PIN, IDENTIFICATION) is None
    assert codes.pad_limits_of_both(wide, replace(PIN, pad=None), IDENTIFICATION) is None


def test_an_empty_field_is_padded_as_the_code_is() -> None:
    assert Desk([]).codes.filler(PIN) == bytes(8)
    assert Desk([], with_commands(pad=0xFF)).codes.filler(PIN) == b"\xff" * 8
    assert Desk([]).codes.filler(replace(PIN, pad=None)) == bytes(8)
    own = RULES.model_copy(update={"puk": RULES.puk.model_copy(update={"pad": 0x20})})
    assert (Desk([], own).codes.filler(PUK), Desk([], own).codes.filler(PIN)) == (b" " * 8, bytes(8))


def test_what_the_card_refuses_before_the_code_goes_out_is_a_refusal() -> None:
    def refused() -> int:
        raise CommandRefusedError("select", status=0x6A82)

    def accept() -> int:
        return 7

    assert refuse_on_fault(refused) == Refused(RefusalReason.CARD, 0x6A82)
    assert refuse_on_fault(accept) == 7


@pytest.mark.parametrize(
    ("answer", "outcome", "left"),
    [
        ("6983", Locked(), 0),
        ("63c1", WrongAnswer(1), 1),
        ("6300", WrongAnswer(None), 2),
        ("6700", Refused(RefusalReason.CARD, 0x6700), 3),
        ("6982", Refused(RefusalReason.CARD, 0x6982), 2),
        (None, Unknown(), 2),
    ],
)
def test_tries_of_the_administrators_key_are_what_the_card_answers(
    answer: str | None, outcome: AdminOutcome, left: int
) -> None:
    rules = Unblocking(by="administrator", admin="external-authenticate", admin_challenge=8, admin_tries=3)
    desk = Desk([f"{bytes(8).hex()}9000", answer])
    unblock = AdministratorUnblock(desk.channel, desk.codes, rules)
    assert unblock.challenge(PIN, IDENTIFICATION, NEW) == bytes(8)
    assert unblock.complete_with_answer(PIN, NEW, b"12345678") == outcome
    assert desk.codes.count_of_key(COUNTED_AS, 3).left == left
    assert unblock.complete_with_answer(PIN, NEW, b"12345678") == Refused(RefusalReason.NOT_ALLOWED), "once"
