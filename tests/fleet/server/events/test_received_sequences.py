"""What is held of a chain: compared with a plain set, for any order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.server.events.received_sequences import MAX_GAPS, ReceivedSequences, gaps_from_text, gaps_to_text


@given(st.lists(st.integers(1, 40), unique=True))
def test_agrees_with_a_set_whatever_the_order(sequences: list[int]) -> None:
    held, plain = ReceivedSequences(), set[int]()
    for sequence in sequences:
        assert not held.has(sequence)
        held = held.with_sequence(sequence)
        plain.add(sequence)
    missing = {sequence for sequence in range(1, max(plain, default=0)) if sequence not in plain}
    assert {one for first, last in held.gaps for one in range(first, last + 1)} == missing
    assert held.missing == len(missing)
    assert held.through == min(missing, default=max(plain, default=0) + 1) - 1
    assert all(held.has(sequence) for sequence in plain)
    assert gaps_from_text(gaps_to_text(held)) == held.gaps


def test_refuses_to_open_gaps_without_end_but_still_fills_those_there_are() -> None:
    held = ReceivedSequences()
    for sequence in range(2, 2 * MAX_GAPS + 2, 2):
        assert held.has_room(sequence)
        held = held.with_sequence(sequence)
    assert not held.has_room(held.highest + 2)
    assert held.has_room(held.highest + 1)
    assert held.has_room(1)
    assert len(held.wanted) < len(held.gaps)
