"""How many tries are left: the card's own word in whatever form its product gives it, else the station's count."""

from dataclasses import replace

import pytest

from drivers.reader.iso7816 import Alphabet
from drivers.reader.outcomes import Accepted, CodeOutcome, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.pin.try_counter import RemainingTries, TryCounter, ledger_key_of
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Counter, builtin
from drivers.reader.transport.channel import ApduChannel
from tests.drivers.reader.conftest import ScriptedConnection

PIN = CodeObject(b"\x01", "PIN", b"", frozenset(), Alphabet.ASCII_NUMERIC, 6, 8, 8, 0x11, None, b"")


def tries(
    counter: Counter, answer: str, *, used: int = 0, role: Role = Role.IDENTIFICATION
) -> tuple[RemainingTries, list[str]]:
    shipped = builtin().match_name("thales-df21")
    commands = shipped.commands.model_copy(update={"counter": counter, "counter_of_puk": counter})
    card, ledger = ScriptedConnection({"00": [answer]}), MemoryLedger()
    for _ in range(used):
        ledger.spend("card", ledger_key_of(PIN))
    made = TryCounter(ApduChannel(card), shipped.model_copy(update={"commands": commands}), ledger, "card")
    return made.tries(PIN, role), card.sent


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("a00b830111df210102df2f01039000", 2),
        ("df2101009000", 0),
        ("a003df210101" + "9000", None),  # cut short
        ("a0058301119000", None),
        ("a00583011100" + "9000", None),
        ("df21020102" + "9000", None),
        ("9000", None),
        ("6a88", None),
        ("ff" * 40 + "9000", None),
    ],
)
def test_a_card_that_tells_its_tries_in_an_object(answer: str, left: int | None) -> None:
    found, sent = tries("df21", answer, used=1)
    assert sent == ["00cb00ff05a00383011100"]
    assert found == (RemainingTries(2, counted=True) if left is None else RemainingTries(left))
    assert found.shown == left


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("701ebf81111aa0189a01039b0102a1108c06f30000730100" + "9c06f300007301009000", 2),
        ("7009bf811105a0039b01009000", 0),
        ("7009bf811105a0039b01" + "9000", None),  # cut short
        ("7009bf811105a0039a01039000", None),
        ("9000", None),
        ("6a88", None),
    ],
)
def test_a_card_that_tells_its_tries_in_the_object_of_a_code(answer: str, left: int | None) -> None:
    found, sent = tries("ias-ecc", answer, used=1)
    assert sent == ["00cb3fff0a4d087006bf811102a08000"]
    assert found == (RemainingTries(2, counted=True) if left is None else RemainingTries(left))


@pytest.mark.parametrize(("changed", "must_change"), [("00", True), ("01", False)])
def test_a_card_that_wants_its_code_changed_first_says_so(changed: str, must_change: bool) -> None:
    found, _ = tries("df21", f"a00b830111df210102df2f01{changed}9000")
    assert found == RemainingTries(2, must_change=must_change)


@pytest.mark.parametrize(
    ("answer", "role", "left"),
    [
        ("63c2", Role.IDENTIFICATION, 2),
        ("6983", Role.IDENTIFICATION, 0),
        ("6984", Role.PUK, 0),
        ("9000", Role.IDENTIFICATION, 3),
        ("9000", Role.PUK, None),
        ("6700", Role.IDENTIFICATION, None),
    ],
)
def test_a_card_that_tells_them_to_an_empty_verify(answer: str, role: Role, left: int | None) -> None:
    found, sent = tries("empty-verify", answer, role=role)
    assert sent == ["00200011"]
    assert found.shown == left


def test_a_card_that_is_not_asked_is_counted_for() -> None:
    assert tries("none", "63c0", used=2) == (RemainingTries(1, counted=True), [])
    assert tries("none", "63c0", used=9) == (RemainingTries(0, counted=True), [])


def uncounted(ledger: MemoryLedger) -> TryCounter:
    """Of a card that tells nobody its tries; both codes start with three or more."""
    shipped = builtin().match_name("thales-df21")
    commands = shipped.commands.model_copy(update={"counter": "none", "counter_of_puk": "none"})
    return TryCounter(
        ApduChannel(ScriptedConnection([])), shipped.model_copy(update={"commands": commands}), ledger, "card"
    )


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Accepted(), False),
        (WrongCode(None), True),
        (Unknown(), True),
        (Refused(RefusalReason.CARD, 0x6982), True),  # wrong, on some cards
        (Refused(RefusalReason.CARD, 0x6A80), True),
        (Refused(RefusalReason.CARD, 0x6985), True),
        (Refused(RefusalReason.CARD, 0x6F00), True),
        (Refused(RefusalReason.CARD, 0x6700), False),
        (Refused(RefusalReason.CARD, 0x6A88), False),
        (Refused(RefusalReason.CARD, 0x6D00), False),
        (Refused(RefusalReason.CARD, 0x6401), False),  # cancelled at the reader's pad
        (Refused(RefusalReason.POLICY, 0x6403), False),
        (Refused(RefusalReason.NOT_AT_PAD, 0x6B80), False),
    ],
)
def test_a_try_that_only_the_station_counts_is_given_back_only_where_the_card_cannot_have_used_it(
    outcome: CodeOutcome, counts: bool
) -> None:
    counter, role = uncounted(MemoryLedger()), Role.IDENTIFICATION
    before = counter.tries(PIN, role)
    counter.spend(PIN)
    counter.settle(PIN, role, before, outcome)
    assert before.left - counter.tries(PIN, role).left == counts


@pytest.mark.parametrize(
    "puk",
    [
        replace(PIN, flags=frozenset({CodeFlag.UNBLOCKING}), reference=0x12),  # an authId that is the PIN's too
        replace(PIN, flags=frozenset({CodeFlag.UNBLOCKING})),  # and its reference
        replace(PIN, auth_id=b"\x02", flags=frozenset({CodeFlag.UNBLOCKING})),
    ],
)
def test_a_right_pin_never_gives_the_puk_its_tries_back(puk: CodeObject) -> None:
    counter = uncounted(MemoryLedger())
    for code, role, outcome in ((puk, Role.PUK, WrongCode(None)), (PIN, Role.IDENTIFICATION, Accepted())):
        before = counter.tries(code, role)
        counter.spend(code)
        counter.settle(code, role, before, outcome)
    assert counter.tries(PIN, Role.IDENTIFICATION).left == 3
    assert counter.tries(puk, Role.PUK).left == builtin().match_name("thales-df21").puk.tries - 1
