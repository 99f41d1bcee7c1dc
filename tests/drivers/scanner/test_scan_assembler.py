"""Characters become scans: told from typing by time, bounded, forgotten when they break off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner.keymap import Keyboard
from drivers.scanner.port import LONGEST, Scan
from drivers.scanner.scan_assembler import PAUSE_S, Gathering
from drivers.scanner.wedge import LEAST, Wedge
from tests.fakes.machine.input_devices import KEYS, codes

NUMBER = "9999000020260001"


def typed(wedge: Wedge, text: str, gap_s: float, start: float = 0.0) -> Scan | None:
    """The text and Enter, one character after the other."""
    for at, char in enumerate(text):
        wedge.feed(char, start + at * gap_s)
    return wedge.end(start + len(text) * gap_s)


@pytest.mark.parametrize("gap_s", [0.0, 0.001, 0.01, 0.03])
def test_a_scanner_is_fast(gap_s: float) -> None:
    assert typed(Wedge(), NUMBER, gap_s) == Scan(NUMBER)


@pytest.mark.parametrize("gap_s", [0.06, 0.09, 0.15, 1.0])
def test_a_person_is_not(gap_s: float) -> None:
    assert typed(Wedge(), NUMBER, gap_s) is None


def test_a_scan_that_is_heard_in_two_slow_frames_is_one() -> None:
    wedge = Wedge()
    for at, char in enumerate(NUMBER):
        wedge.feed(char, 0.0 if at < 3 else 0.08)
    assert wedge.end(0.08) == Scan(NUMBER)


def test_enter_long_after_a_burst_is_a_persons() -> None:
    wedge = Wedge()
    for char in NUMBER:
        wedge.feed(char, 0.0)
    assert wedge.end(0.5) is None


def test_what_was_typed_before_is_not_in_the_scan() -> None:
    wedge = Wedge()
    wedge.feed("5", 0.0)
    wedge.feed("0", 0.4)
    assert typed(wedge, NUMBER, 0.002, start=1.0) == Scan(NUMBER)


def test_a_few_characters_are_no_scan_however_fast() -> None:
    assert typed(Wedge(), "9" * (LEAST - 1), 0.001) is None


def test_two_scans_are_two() -> None:
    wedge = Wedge()
    assert typed(wedge, NUMBER, 0.001) == Scan(NUMBER)
    assert typed(wedge, NUMBER[::-1], 0.001, start=0.02) == Scan(NUMBER[::-1])


def test_a_flood_is_one_scan_and_cut() -> None:
    scan = typed(Wedge(), "9" * 100_000, 0.0001)
    assert scan == Scan("9" * LONGEST, whole=False)


def gathered(text: str, gap_s: float = 0.005) -> list[Scan]:
    """All scans of a text."""
    gathering = Gathering()
    scans = [gathering.feed(char, at * gap_s) for at, char in enumerate(text)]
    return [scan for scan in scans if scan is not None]


def test_enter_or_tab_ends_a_scan_and_empty_ones_are_none() -> None:
    assert gathered("12\n\n34\t\r") == [Scan("12"), Scan("34")]


def test_half_a_scan_is_not_the_beginning_of_the_next() -> None:
    gathering = Gathering()
    gathering.feed("1", 0.0)
    gathering.feed("2", PAUSE_S + 0.01)
    assert gathering.feed("\n", PAUSE_S + 0.02) == Scan("2")


def test_a_grabbed_flood_is_cut_too() -> None:
    assert gathered("9" * 10_000 + "\n", 0.0001) == [Scan("9" * LONGEST, whole=False)]


def test_a_scan_does_not_show_what_was_scanned() -> None:
    assert NUMBER not in repr(Scan(NUMBER))


def test_every_printable_character_has_a_key() -> None:
    assert {chr(one) for one in range(32, 127)} <= KEYS.keys()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_what_is_typed_is_read(text: str) -> None:
    keyboard = Keyboard()
    assert "".join(keyboard.pressed(*event) or "" for event in codes(text)) == text


def test_capitals_lock_turns_letters_round_and_nothing_else() -> None:
    keyboard = Keyboard()
    keyboard.pressed(58, 1)
    assert "".join(keyboard.pressed(*event) or "" for event in codes("aB1:")) == "Ab1:"


def test_a_key_that_is_held_types_once() -> None:
    keyboard = Keyboard()
    assert [keyboard.pressed(2, value) for value in (1, 2, 2, 0)] == ["1", None, None, None]
