"""The judge of `make campaign PART=live-upgrade`, which alone runs the upgrade itself."""

from typing import Any

import pytest

from tests.fakes.campaigns.live_upgrade import differences

PLACE = ("sim-00001", 7)
HELD = (40, 40, 40, True)
"""Rows, sequences, the highest, whether the chain is intact."""


@pytest.mark.parametrize(
    ("held", "more", "strict"),
    [
        ({PLACE: (41, 40, 40, True)}, {}, False),
        ({PLACE: (41, 41, 41, True)}, {}, False),
        ({PLACE: (40, 40, 40, False)}, {}, False),
        ({PLACE: (39, 39, 39, True)}, {}, False),
        ({PLACE: HELD}, {"aside": 1}, False),
        ({PLACE: HELD}, {"unheld": 1}, True),
        ({PLACE: (39, 39, 40, True)}, {"unheld": 1}, True),
        ({}, {"unheld": 40}, True),
    ],
)
def test_an_event_that_is_lost_doubled_or_set_aside_is_found(
    held: dict[Any, tuple[Any, ...]], more: dict[str, int], *, strict: bool
) -> None:
    assert list(differences({PLACE: 40}, held, **{"aside": 0, "unheld": 0, **more}, strict=strict))


def test_what_an_older_station_never_heard_of_may_wait_with_it() -> None:
    assert list(differences({PLACE: 40}, {PLACE: HELD}, 0, 0, strict=True)) == []
    assert list(differences({PLACE: 40}, {PLACE: (39, 39, 40, True)}, 0, 1, strict=False)) == []
