"""A card counts as returned only by flap, first sensor, second sensor, bin: every other order counts nothing."""

import itertools
import re

import pytest

from drivers.cabinet.drop import DropEvent, DropWatch
from sim.cabinet.virtual import VirtualDrop

LETTER = {DropEvent.FLAP: "f", DropEvent.FIRST: "1", DropEvent.SECOND: "2", DropEvent.BIN: "b"}
ORDERS = [order for length in range(1, 7) for order in itertools.product(DropEvent, repeat=length)]
"""All 5,460 orders of up to six reports."""


def spelled(order: tuple[DropEvent, ...]) -> str:
    return "".join(LETTER[event] for event in order)


def watched(order: tuple[DropEvent, ...]) -> DropWatch:
    watch = DropWatch()
    for event in order:
        watch = watch.after(event)
    return watch


def test_of_all_orders_up_to_six_only_the_right_one_counts() -> None:
    counted = {spelled(order) for order in ORDERS if watched(order).fault() is None}

    assert counted == {spelled(order) for order in ORDERS if re.match("f+12b", spelled(order))}
    assert "f12b" in counted


def test_the_slot_counts_what_the_watch_counts_and_each_watch_at_most_once() -> None:
    for order in ORDERS:
        slot = VirtualDrop(holds=50, notify=lambda: None)
        slot.unlock()
        for event in order:
            slot.sense(event)
        assert slot.count == (re.match("f+12b", spelled(order)) is not None), spelled(order)


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ("", "nothing"),
        ("f", "nothing"),
        ("ff", "nothing"),
        ("f1", "jam"),
        ("f12", "jam"),
        ("f11", "fishing"),
        ("f121", "fishing"),
        ("f122b", "fishing"),
        ("1", "fishing"),
        ("b", "fishing"),
        ("f12b", None),
        ("f12b1", None),
    ],
)
def test_a_watch_that_ends_says_how_far_the_card_came(order: str, fault: str | None) -> None:
    events = {letter: event for event, letter in LETTER.items()}

    assert watched(tuple(events[letter] for letter in order)).fault() == fault
