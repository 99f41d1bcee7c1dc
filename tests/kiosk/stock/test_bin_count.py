"""Cards that came out of the bin against the list and the sensor: what has to be explained, and the text that is signed."""

import json
from dataclasses import replace

import pytest

from kiosk.stock.bin_count import NOBODY_KNOWS, BinCountStatement, CountedCards

A, B, C = "9999000010260001", "9999000010260003", "9999000010260004"


@pytest.mark.parametrize(
    ("counted", "listed", "sensor", "differs"),
    [
        (CountedCards(2), (A, B), 2, False),
        (CountedCards(2), (A, B), None, False),
        (CountedCards(2), (A, B), 3, True),
        (CountedCards(1), (A, B), 1, True),
        (CountedCards(2, (B, A)), (A, B), 2, False),
        (CountedCards(2, (A, C)), (A, B), 2, True),
        (CountedCards(2, (A, NOBODY_KNOWS)), (A, NOBODY_KNOWS), 2, False),
        (CountedCards(2, (A, NOBODY_KNOWS)), (A, B), 2, True),
        (CountedCards(0, ()), (), 0, False),
    ],
)
def test_what_has_to_be_explained(
    counted: CountedCards, listed: tuple[str, ...], sensor: int | None, differs: bool
) -> None:
    assert counted.differs(listed, sensor) is differs


def test_numbers_that_are_missing_and_those_that_no_list_has() -> None:
    read = CountedCards(3, (A, C, NOBODY_KNOWS))
    assert (read.missing((A, B)), read.unlisted((A, B))) == ((B,), (C,))
    assert (CountedCards(3).missing((A,)), CountedCards(3).unlisted((A,))) == ((), ())
    assert CountedCards(2, (A, A)).unlisted((A,)) == (A,), "the same card does not lie there twice"


@pytest.mark.parametrize(
    ("counted", "listed", "sensor", "by_number", "reasons"),
    [
        (CountedCards(3), (A, B), 3, (), ("unlisted", "other")),
        (CountedCards(1), (A, B), 1, (), ("missing", "other")),
        (CountedCards(2), (A, B), 3, (), ("sensor", "other")),
        (CountedCards(2, (A, C)), (A, B), 2, (), ("unlisted", "missing", "other")),
        (CountedCards(1, (A,)), (A, B), 1, (B,), ("never_put_in", "other")),
        (CountedCards(1, (A,)), (A, B, C), 1, (B,), ("missing", "never_put_in", "other")),
        (CountedCards(2, (A, NOBODY_KNOWS)), (A, B), 3, (B,), ("never_put_in", "sensor", "other")),
    ],
)
def test_a_difference_is_explained_by_what_it_is(
    counted: CountedCards,
    listed: tuple[str, ...],
    sensor: int | None,
    by_number: tuple[str, ...],
    reasons: tuple[str, ...],
) -> None:
    """One card too many is never "missing"."""
    assert counted.reasons(listed, sensor, by_number) == reasons


def test_every_word_of_the_statement_is_in_the_text_that_is_signed() -> None:
    said = BinCountStatement(
        "entre-a",
        "e",
        "2026-11-25T10:46:00Z",
        "SE1-A",
        "SE1-B",
        2,
        3,
        None,
        "440017",
        "missing",
        "77",
        (A, B, C),
        (A, B),
    )
    kind, facts = json.loads(said.text())
    assert kind == "kortkiosk-bin-v2"
    lists = {"listed": [A, B, C], "numbers": [A, B]}
    assert facts == {name: getattr(said, name) for name in BinCountStatement.__slots__} | lists
    others = {
        "counted": 3,
        "seal": "440018",
        "second": "SE1-C",
        "sensor": 2,
        "reference": "78",
        "station": "entre-b",
        "numbers": (A,),
        "listed": (A,),
    }
    assert len({said.text(), *(replace(said, **{name: value}).text() for name, value in others.items())}) == 9  # type: ignore[arg-type]  # each of its own type
