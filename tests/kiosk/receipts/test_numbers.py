"""A receipt number survives being read out and typed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.receipts.numbers import ALPHABET, new_number, read_number

NUMBER = "7F3A-91C2-K8M4A"


def test_new_numbers_are_well_formed_and_differ() -> None:
    numbers = {new_number() for _ in range(200)}

    assert len(numbers) == 200
    assert all(read_number(number) == number for number in numbers)


@pytest.mark.parametrize("said", ["7f3a-91c2-k8m4a", "7F3A 91C2 K8M4A", "7F3A9IC2K8M4A", "7F3A-9LC2-K8M4A"])
def test_it_may_be_written_as_it_was_heard(said: str) -> None:
    assert read_number(said) == NUMBER


@given(st.integers(0, 12), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(at: int, character: str) -> None:
    plain = NUMBER.replace("-", "")
    wrong = plain[:at] + character + plain[at + 1 :]
    if wrong != plain:
        with pytest.raises(ValueError, match="check character"):
            read_number(wrong)


@pytest.mark.parametrize("said", ["", "7F3A", NUMBER + "A", "7F3A-91C2-K8M4Å"])
def test_other_texts_are_no_numbers(said: str) -> None:
    with pytest.raises(ValueError, match="thirteen"):
        read_number(said)
