"""The table of real cards (how four independent ones differ), cell by cell against each kind of virtual card."""

from collections.abc import Callable

import pytest

from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from tests.sim.reader.speak import NEW, PUK, WRONG, WRONG_PUK, Talk

MakeCard = Callable[..., VirtualCard]
KINDS = "ABCD"


def each(*cells: object) -> pytest.MarkDecorator:
    """One row of the table: what A, B, C and D answer."""
    return pytest.mark.parametrize(("kind", "expected"), list(zip(KINDS, cells, strict=True)))


@pytest.fixture
def talk(make_card: MakeCard, kind: str) -> Talk:
    return Talk(make_card(kind=kind))


@each("63C3", "63C3", "63C5", "63C3")
def test_empty_verify_without_lc(talk: Talk, expected: str) -> None:
    assert talk.empty() == expected


@each("63C3", "6700", "63C5", "63C3")
def test_empty_verify_with_lc_00(talk: Talk, expected: str) -> None:
    assert talk.empty("00") == expected


@each("63C3", "9000", "9000", "9000")
def test_empty_verify_once_verified(talk: Talk, expected: str) -> None:
    assert talk.verify(PIN) == "9000"
    assert talk.empty() == expected


@each("9000", "9000", "6A80", "6700")
def test_an_unpadded_pin(talk: Talk, expected: str) -> None:
    full = talk.card.tries_left
    assert talk.verify(PIN, padded=False) == expected
    assert talk.card.tries_left == full, "a wrong form costs no try"


@each(("63C0", "63C0"), ("6983", "6983"), ("63C0", "6983"), ("6983", "6983"))
def test_the_try_that_locks_and_the_one_behind_it(talk: Talk, expected: tuple[str, str]) -> None:
    *_, last, behind = talk.lock()
    assert (last, behind) == expected
    assert talk.empty() == expected[1]
    assert talk.verify(PIN) == expected[1], "the right one comes too late"


@each("9000", "6700", "6A80", "9000")
def test_a_too_short_new_pin(talk: Talk, expected: str) -> None:
    assert talk.change(PIN, "1") == expected
    assert talk.verify("1" if expected == "9000" else PIN) == "9000"


@each("63C0", "9000", "6983", "6983")
def test_a_change_while_locked_with_the_right_old_pin(talk: Talk, expected: str) -> None:
    talk.lock()
    assert talk.change(PIN, NEW) == expected
    assert (talk.card.tries_left[0] > 0) == (expected == "9000")


@each("63C4", "63C9", "63C2", "63C2")
def test_a_wrong_puk_the_first_time(talk: Talk, expected: str) -> None:
    assert talk.unblock(WRONG_PUK, NEW) == expected
    assert talk.card.tries_left[0] == int(talk.empty()[-1]), "63Cx counts the PUK, and the PIN keeps its tries"


@each("6D00", "6D00", "6982", "6982")
def test_an_unknown_instruction(talk: Talk, expected: str) -> None:
    assert talk.send("00990000") == expected


@each(None, None, None, None)
def test_puk_and_new_pin_in_one_command_unlock(talk: Talk, expected: None) -> None:
    talk.lock()
    assert talk.unblock(PUK, NEW) == "9000"
    assert (talk.verify(PIN), talk.verify(NEW)) == (f"63C{talk.card.tries_left[0] - 1}", "9000")


@each(5, 10, 3, 3)
def test_wrong_puks_use_the_puk_up(talk: Talk, expected: int) -> None:
    talk.lock()
    answers = [talk.unblock(WRONG_PUK, NEW) for _ in range(expected)]
    assert answers[:-1] == [f"63C{left:X}" for left in range(expected - 1, 0, -1)]
    assert talk.card.tries_left == (0, 0)
    assert talk.unblock(PUK, NEW) != "9000"


@each("9000", "9000", "9000", "9000")
def test_changing_the_pin(talk: Talk, expected: str) -> None:
    assert talk.change(WRONG, NEW) == f"63C{talk.card.tries_left[0]}"
    assert talk.change(PIN, NEW) == expected
    assert talk.verify(NEW) == "9000"


@pytest.mark.parametrize("kind", ["A", "B"])
def test_the_serial_number_is_where_the_kind_has_it(talk: Talk, kind: str) -> None:
    word, found = talk.ask("00CA01A0", le="00")
    if kind == "A":
        assert (word, found) == ("6D00", b"")
    else:
        assert talk.card.persona.serial in found.hex()


@pytest.mark.parametrize("kind", ["A"])
@pytest.mark.parametrize("header", ["00D60000", "00DB3FFF", "00E00000", "00E40000", "00470000"])
def test_kind_a_refuses_to_be_written(talk: Talk, header: str) -> None:
    verified = talk.verify(PIN)
    assert (verified, talk.send(header, b"\x00")) == ("9000", "6982")


@pytest.mark.parametrize("kind", ["A"])
def test_kind_a_is_found_through_its_directory_too(talk: Talk, kind: str) -> None:
    talk.card.reset()
    assert talk.send("00A40400", bytes.fromhex("A000000063504B43532D3135"), "00") == "6A82"
    assert talk.send("00A4080C", bytes.fromhex("2F00")) == "9000"
    directory = talk.ask("00B00000", le="00")[1]
    assert bytes.fromhex(talk.language.aid) in directory
    assert bytes.fromhex("51043F005015") in directory


@pytest.mark.parametrize("kind", ["A", "B"])
def test_under_t0_the_same_card_answers_the_same(make_card: MakeCard, kind: str) -> None:
    talk = Talk(make_card(kind=kind, protocol="T=0"))
    assert talk.card.atr != make_card(kind=kind).atr
    assert (talk.empty("00"), talk.verify(PIN)) == ("63C3", "9000")


@pytest.mark.parametrize("kind", ["C", "D"])
def test_the_piv_cards_speak_t1_only(make_card: MakeCard, kind: str) -> None:
    with pytest.raises(ValueError, match="T=1 only"):
        make_card(kind=kind, protocol="T=0")


@pytest.mark.parametrize("kind", ["A"])
@pytest.mark.parametrize(
    ("header", "data", "word"),
    [
        ("00200001", b"1" * 17, "6700"),
        ("00200002", b"1" * 16, "6A88"),
        ("00200101", b"1" * 16, "6A86"),
        ("00240001", b"1" * 31, "6700"),
        ("00240001", PIN.encode().ljust(32, b"\x00"), "6700"),
        ("00240101", b"1" * 32, "6A86"),
        ("002C0101", b"1" * 16, "6A86"),
        ("002C0001", b"1" * 8, "6700"),
        ("002C0002", b"1" * 32, "6A88"),
    ],
)
def test_kind_a_refuses_another_form_and_counts_no_try(talk: Talk, header: str, data: bytes, word: str) -> None:
    full = talk.card.tries_left
    assert talk.send(header, data) == word
    assert talk.card.tries_left == full


@pytest.mark.parametrize("kind", ["A"])
@pytest.mark.parametrize(("algorithm", "word"), [("", "9000"), ("800121", "9000"), ("800104", "6A80")])
def test_kind_a_has_its_own_names_of_algorithms(talk: Talk, algorithm: str, word: str) -> None:
    assert talk.send("002241B6", bytes.fromhex(f"{algorithm}840101")) == word
    if word == "9000":
        assert talk.send("002A9E9A", bytes(32), "00") == "6982"
        talk.verify(PIN)
        assert talk.send("002A9E9A", bytes(32), "00") == "9000"


@pytest.mark.parametrize("kind", ["A"])
def test_kind_a_takes_a_long_command_in_parts_under_t0_too(make_card: MakeCard, kind: str) -> None:
    talk = Talk(make_card(kind=kind, protocol="T=0"))
    entry = talk.language.code(PIN)
    assert talk.send("10200001", entry[:4]) == "9000"
    assert talk.send("00200001", entry[4:]) == "9000"
