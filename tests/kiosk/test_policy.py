"""Rules for a new code, on any digits."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kiosk.policy import PinPolicy

POLICY = PinPolicy(6, 8)
DIGITS = st.text("0123456789", max_size=12)


def runs(digits: str) -> bool:
    """Up or down by one all the way, round the corner of 9 and 0 included."""
    steps = {(ord(b) - ord(a)) % 10 for a, b in itertools.pairwise(digits)}
    return steps in ({1}, {9})


@given(DIGITS)
def test_accepts_exactly_what_every_rule_allows(digits: str) -> None:
    right_length = 6 <= len(digits) <= 8
    expected = right_length and len(set(digits)) > 1 and not runs(digits)
    assert POLICY.accepts(digits) == expected


@given(st.text(max_size=9).filter(lambda text: not (text.isascii() and text.isdigit())))
def test_never_accepts_what_is_no_digit(text: str) -> None:
    assert not POLICY.accepts(text)


@given(DIGITS)
def test_a_rule_that_is_good_for_all_digits_was_never_bad_by_length_before(digits: str) -> None:
    """What the pad says while one types is never taken back from good to bad before the end is reached."""
    if POLICY.accepts(digits):
        for end in range(len(digits)):
            length = POLICY.judge(digits[:end])[0]
            assert length.state in ("open", "good")


@given(st.integers(0, 9), st.integers(6, 8))
def test_the_same_digit_throughout_is_bad(digit: int, length: int) -> None:
    assert not POLICY.accepts(str(digit) * length)


@given(st.integers(0, 9), st.integers(6, 8), st.sampled_from([1, -1]))
def test_a_run_is_bad_wherever_it_begins(start: int, length: int, step: int) -> None:
    assert not POLICY.accepts("".join(str((start + step * i) % 10) for i in range(length)))
