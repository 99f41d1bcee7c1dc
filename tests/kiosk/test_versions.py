"""What a station says of its image and its clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.clock import SystemClock
from kiosk.version import image_of


@pytest.mark.parametrize(
    ("release", "image"),
    [
        ({"ID": "debian", "VERSION_ID": "13", "IMAGE_VERSION": "2026.03.1"}, "2026.03.1"),
        ({"ID": "debian", "VERSION_ID": "13"}, "debian 13"),
        ({"ID": "debian"}, "debian"),
        ({}, None),
    ],
)
def test_the_image_goes_before_the_system(release: Mapping[str, str], image: str | None) -> None:
    assert image_of(release) == image


def test_a_clock_that_is_behind_is_raised_and_still_known_to_be_behind() -> None:
    clock = SystemClock()
    clock.raise_floor(datetime.now(UTC) - timedelta(days=1))
    assert clock.off_s is None, "a time of a list that is held measures nothing"
    signed = datetime.now(UTC) + timedelta(hours=1)
    assert clock.take_signed_time(signed), "the first measure is worth telling"
    assert clock.off_s is not None
    assert abs(clock.off_s + 3600) <= 2
    assert clock.now() == signed
    assert not clock.take_signed_time(signed + timedelta(seconds=2)), "the way to the server sways by as much"
    assert clock.take_signed_time(datetime.now(UTC) - timedelta(minutes=10)), "somebody has set it"
    assert abs(clock.off_s - 600) <= 2
