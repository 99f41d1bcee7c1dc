"""Maintenance windows on the days on which the clocks are changed, and every other: in Europe/Stockholm."""

import os
import time as clock_time
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from fleet.server.clock.time_zones import HERE
from fleet.server.maintenance.model import MaintenanceRule

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SPRING, AUTUMN, PLAIN = (2026, 3, 29), (2026, 10, 25), (2026, 6, 7)
"""On the first, 02:00 is 03:00 (01:00 UTC); on the second, 03:00 is 02:00 again (01:00 UTC)."""


@pytest.fixture(params=["named", "machine"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tzinfo]:
    """The zone by its name, and as that of the machine."""
    if request.param == "named":
        yield STOCKHOLM
        return
    monkeypatch.setenv("TZ", "Europe/Stockholm")
    clock_time.tzset()
    yield HERE
    monkeypatch.undo()
    assert os.environ.get("TZ") != "Europe/Stockholm"
    clock_time.tzset()


def window(start: str, end: str | int, days: tuple[str, ...] = ("sun",)) -> MaintenanceRule:
    """`end`: a time of day, or minutes."""
    begin = time.fromisoformat(start)
    if isinstance(end, int):
        return MaintenanceRule("m", "g", days, begin, minutes=end)  # type: ignore[arg-type]
    return MaintenanceRule("m", "g", days, begin, time.fromisoformat(end))  # type: ignore[arg-type]


def over(rule: MaintenanceRule, now: datetime) -> datetime | None:
    """When it ends, in UTC: a time that the clock shows twice equals none of another zone (PEP 495)."""
    end = rule.ends(now)
    return end and end.astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "start", "end", "begins", "ends"),
    [
        (PLAIN, "01:30", "03:30", "23:30", "01:30"),
        (PLAIN, "01:30", 120, "23:30", "01:30"),
        (SPRING, "01:30", "03:30", "00:30", "01:30"),
        (SPRING, "01:30", 120, "00:30", "02:30"),
        (SPRING, "02:00", "02:30", "01:00", "01:30"),
        (SPRING, "02:30", 30, "01:30", "02:00"),
        (SPRING, "00:30", "02:30", "23:30", "01:30"),
        (AUTUMN, "01:30", "03:30", "23:30", "02:30"),
        (AUTUMN, "01:30", 120, "23:30", "01:30"),
        (AUTUMN, "01:30", "02:30", "23:30", "01:30"),
        (AUTUMN, "02:30", 30, "00:30", "01:00"),
        (AUTUMN, "02:30", "02:45", "00:30", "01:45"),
    ],
)
def test_a_window_on_the_days_of_the_change(
    zone: tzinfo, day: tuple[int, int, int], start: str, end: str | int, begins: str, ends: str
) -> None:
    """`begins` and `ends` in UTC, on that day or the evening before."""
    rule, noon = window(start, end), datetime(*day, 12, tzinfo=UTC)
    first, last = (datetime.combine(noon, time.fromisoformat(one), UTC) for one in (begins, ends))
    first -= timedelta(days=first > noon)
    minute = timedelta(minutes=1)
    for at, held in ((first - minute, False), (first, True), (last - minute, True), (last, False)):
        assert rule.holds(at.astimezone(zone)) is held, at
    whole = [noon + step * minute for step in range(-1000, 300)]
    assert sum(rule.holds(at.astimezone(zone)) for at in whole) == (last - first) // minute, "once, and in one piece"
    assert over(rule, first.astimezone(zone)) == last


def test_a_window_over_midnight_belongs_to_the_day_before(zone: tzinfo) -> None:
    rule = window("23:00", "02:30", ("sat",))
    inside = datetime(2026, 10, 25, 1, 29, tzinfo=UTC)
    assert rule.holds(inside.astimezone(zone)), "the clock shows 02:29 for the second time"
    assert over(rule, datetime(2026, 10, 24, 21, 0, tzinfo=UTC).astimezone(zone)) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )
    assert not rule.holds(datetime(2026, 10, 25, 22, 0, tzinfo=UTC).astimezone(zone))


def test_the_machine_s_zone_shows_what_the_named_one_shows(zone: tzinfo) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for step in range(0, 365 * 24, 7):
        at = moment + timedelta(hours=step, minutes=step)
        here, there = at.astimezone(zone), at.astimezone(STOCKHOLM)
        assert (here.replace(tzinfo=None), here.fold, here.utcoffset()) == (
            there.replace(tzinfo=None),
            there.fold,
            there.utcoffset(),
        )
    for minute in range(0, 180, 15):
        at = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minute)
        assert at.astimezone(zone).astimezone(UTC) == at


@pytest.mark.parametrize(
    "said",
    [
        {"start": time(2)},
        {"start": time(2), "end": time(3), "minutes": 60},
        {"minutes": 60},
        {"since": datetime(2026, 6, 1, tzinfo=UTC), "minutes": 60},
        {"start": time(2), "end": time(3), "since": datetime(2026, 6, 1, tzinfo=UTC)},
    ],
)
def test_a_window_is_said_in_one_way(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either start and end"):
        MaintenanceRule("m", "g", **said)  # type: ignore[arg-type]
