"""Opening hours: until when it is open, and when it opens next."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from kiosk.opening_hours import AROUND_THE_CLOCK, DAYS, OpeningHours

OFFICE = OpeningHours.model_validate(
    {
        "monday": ["13:00-16:00", "07:30-12:00"],
        "friday": ["22:00-24:00"],
        "saturday": ["00:00-06:00"],
        "exceptions": {"2026-12-07": ["10:00-11:00"], "2026-12-14": []},
    }
)
"""2026-11-30 is a Monday."""


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-30T07:29", None),
        ("2026-11-30T07:30", "2026-11-30T12:00"),
        ("2026-11-30T12:00", None),
        ("2026-11-30T15:59", "2026-11-30T16:00"),
        ("2026-12-04T23:00", "2026-12-05T06:00"),
        ("2026-12-05T05:59", "2026-12-05T06:00"),
        ("2026-12-07T08:00", None),
        ("2026-12-07T10:30", "2026-12-07T11:00"),
    ],
)
def test_it_is_open_until(now: str, until: str | None) -> None:
    assert OFFICE.open_until(datetime.fromisoformat(now)) == (until and datetime.fromisoformat(until))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-30T03:10", "2026-11-30T07:30"),
        ("2026-11-30T12:30", "2026-11-30T13:00"),
        ("2026-11-30T16:00", "2026-12-04T22:00"),
        ("2026-12-05T06:00", "2026-12-07T10:00"),
        ("2026-12-12T06:00", "2026-12-18T22:00"),
    ],
)
def test_it_opens_next(now: str, opens: str) -> None:
    following = OFFICE.next_span(datetime.fromisoformat(now))
    assert following is not None
    assert following[0] == datetime.fromisoformat(opens)


def test_who_never_closes_is_open_for_a_week_at_least_and_who_never_opens_has_no_next() -> None:
    now = datetime.fromisoformat("2026-11-30T03:10")
    until = OpeningHours.model_validate({key: ["00:00-24:00"] for key in DAYS}).open_until(now)
    assert until is not None
    assert until - now >= AROUND_THE_CLOCK
    assert OpeningHours().next_span(now) is None


@pytest.mark.parametrize("span", ["7:30-16:00", "16:00-07:30", "08:00-08:00", "08:00-25:00", "08:00–16:00", ""])
def test_a_span_that_is_none_is_refused(span: str) -> None:
    with pytest.raises(ValidationError):
        OpeningHours.model_validate({"monday": [span]})
