"""The judge of `make campaign PART=live-upgrade`, which alone runs the upgrade itself."""

from typing import Any

import pytest

from campaigns.faults.live_upgrade import differences

PLACE = ("sim-00001", 7)
HELD = (40, 40, 40, True)
"""Rows, sequences, the highest, whether the chain is intact."""


@pytest.mark.parametrize(
    ("held", "more"),
    [
        ({PLACE: (41, 40, 40, True)}, {}),
        ({PLACE: (41, 41, 41, True)}, {}),
        ({PLACE: (40, 40, 40, False)}, {}),
        ({PLACE: (39, 39, 39, True)}, {}),
        ({PLACE: HELD}, {"aside": 1}),
        ({PLACE: HELD}, {"unheld": 1}),
        ({PLACE: (39, 39, 40, True)}, {"unheld": 1}),
        ({}, {"unheld": 40}),
    ],
)
def test_an_event_that_is_lost_doubled_or_set_aside_is_found(
    held: dict[Any, tuple[Any, ...]], more: dict[str, int]
) -> None:
    assert list(differences({PLACE: 40}, held, **{"aside": 0, "unheld": 0, **more}))


def test_where_all_that_was_sent_is_held_nothing_is_wrong() -> None:
    assert list(differences({PLACE: 40}, {PLACE: HELD}, 0, 0)) == []
