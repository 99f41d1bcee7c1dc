"""Days counted, clocks believed, files read: all pure."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fleet.server.clock.clock_check import SETTLES, ClockReading, check_clock
from fleet.server.deadlines.due_dates import begun_by, due_day, months_later, phase
from fleet.server.deadlines.settings import DeadlineRule, load
from fleet.server.process.default_settings import SettingsError

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "since", "due"),
    [
        ("receipt_unsigned", "2026-06-01", "2026-06-06"),
        ("not_collected", "2026-06-01", "2026-08-30"),
        ("name_changed", "2026-11-30", "2027-02-28"),
        ("left", "2026-05-31", "2026-08-31"),
        ("reserve_old", "2026-06-01", "2026-11-28"),
    ],
)
def test_the_last_day_of_grace_is_what_the_rules_of_hand_over_say(code: str, since: str, due: str) -> None:
    rule = load().rule[code]  # type: ignore[index]
    assert due_day(rule, date.fromisoformat(since)).isoformat() == due


def test_a_time_is_near_then_over_on_the_day_after_its_last() -> None:
    rule, due = DeadlineRule("hold", days=5, warn_days=2), date(2026, 6, 6)
    found = [phase(rule, due, due + timedelta(days=step)) for step in (-3, -2, 0, 1)]
    assert found == ["far", "near", "near", "over"]


def test_what_is_looked_up_by_a_bound_misses_nothing_that_is_near() -> None:
    for code, rule in load().rule.items():
        for step in range(0, 800, 7):
            today = date(2026, 1, 1) + timedelta(days=step)
            for since in (begun_by(rule, today) + timedelta(days=1), begun_by(rule, today) + timedelta(days=3)):
                assert phase(rule, due_day(rule, since), today) == "far", code


def test_months_are_counted_in_both_directions() -> None:
    assert months_later(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert months_later(date(2026, 1, 31), -2) == date(2025, 11, 30)
    assert months_later(date(2026, 12, 5), 1) == date(2027, 1, 5)


def test_a_clock_that_goes_on_is_believed_after_a_day() -> None:
    look = check_clock(None, NOW)
    assert (look.leapt, look.believed) == (False, False)
    for hour in range(1, 25):
        look = check_clock(look.clock, NOW + timedelta(hours=hour))
        assert (look.leapt, look.believed) == (False, hour >= 24)


@pytest.mark.parametrize("leap", [timedelta(days=3650), timedelta(hours=7), timedelta(hours=-7), timedelta(days=-3650)])
def test_a_clock_that_leaps_is_not_believed_until_somebody_confirms_it(leap: timedelta) -> None:
    steady = ClockReading(NOW, NOW - SETTLES)
    look = check_clock(steady, NOW + leap)
    assert (look.leapt, look.believed) == (True, False)
    back = check_clock(look.clock, NOW + timedelta(minutes=5))
    assert (back.leapt, back.believed) == (True, False)
    assert back.clock.leapt == NOW, "what it showed before, whatever it did since"
    for hour in range(1, 100):
        look = check_clock(look.clock, NOW + leap + timedelta(hours=hour))
        assert (look.leapt, look.believed) == (False, False), "nobody has confirmed it"


def test_the_newest_date_of_the_store_is_a_witness_where_no_look_was_kept() -> None:
    assert check_clock(None, NOW + timedelta(days=3650), NOW).leapt
    assert not check_clock(None, NOW + timedelta(hours=1), NOW).leapt


def test_a_machine_that_shows_another_time_than_the_server_goes_by_has_leapt() -> None:
    look = check_clock(ClockReading(NOW, NOW - SETTLES), NOW + timedelta(minutes=1), NOW, timedelta(days=3650))
    assert (look.leapt, look.believed) == (True, False)


def test_a_small_step_back_changes_nothing() -> None:
    look = check_clock(ClockReading(NOW, NOW - SETTLES), NOW - timedelta(hours=1))
    assert (look.leapt, look.believed) == (False, False)
    assert check_clock(look.clock, NOW).believed


def test_without_a_name_nothing_is_blocked(tmp_path: Path) -> None:
    assert [load().act_of(code) for code in ("left", "name_changed", "receipt_unsigned")] == ["hold"] * 3
    path = tmp_path / "deadlines.toml"
    path.write_text('by = "SE2321000999-A001"\n[rule.not_collected]\ndays = 60\n[rule.reserve_old]\noff = true\n')
    changed = load(path, loa2_last_day=date(2027, 6, 30))
    assert changed.act_of("left") == "block"
    assert (changed.rule["not_collected"].days, changed.rule["not_collected"].act) == (60, "void")
    assert changed.rule["loa2"].last_day == date(2027, 6, 30)
    assert "reserve_old" not in changed.codes


@pytest.mark.parametrize(
    "text",
    [
        "[rule.left]\nact = 'void'",
        "[rule.not_collected]\nact = 'block'",
        "[rule.loa2]\nact = 'hold'",
        "[rule.lost]\ndays = 1",
        "[rule.left]\ndays = -1",
        "[rule.left]\nmonths = 'three'",
        "[rule.left]\nmost_a_day = 0",
        "by = '19121212-1212'",
        "rule = 3",
        "[rule",
        "unknown = 1",
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deadlines.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"deadlines\.toml"):
        load(path)
