"""The life of an alert under a clock that is passed in."""

from datetime import UTC, datetime, timedelta

import msgspec

from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.settings import AlertSettings, load
from fleet.server.alerts.transitions import (
    AlertTracker,
    CloseAlert,
    Decision,
    OpenAlert,
    ReopenAlert,
    StoredAlert,
    UpdateAlert,
)
from fleet.server.maintenance.model import MaintenanceRule

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SETTINGS = load()
PAPER = RuleMatch("entre-a", "paper", "Printer", "paper_low")
READER = RuleMatch("entre-a", "reader", "Reader", "no_reader")
BROKEN = RuleMatch("entre-a", "chain_broken", detail="1:7", since=NOW, times=1)
SECOND = timedelta(seconds=1)


def decide(
    watch: AlertTracker, *found: RuleMatch, after_s: float = 0, settings: AlertSettings = SETTINGS, **known: StoredAlert
) -> list[Decision]:
    keyed = {one.key: known[one.code] for one in (PAPER, READER, BROKEN) if one.code in known}
    return watch.decide(found, keyed, settings, NOW + after_s * SECOND)


def known(finding: RuleMatch, **changes: object) -> StoredAlert:
    made = {
        "id": 1,
        "detail": finding.detail,
        "last": NOW,
        "times": 1,
        "silent": False,
        "closed": None,
        "acknowledged": None,
    }
    return StoredAlert(**{**made, **changes})  # type: ignore[arg-type]


def test_an_alert_opens_once_it_has_lasted_and_not_before() -> None:
    watch = AlertTracker()
    assert decide(watch, READER) == []
    assert decide(watch, READER, after_s=59) == []
    assert decide(watch, READER, after_s=60) == [OpenAlert(READER, silent=False)]


def test_what_passes_in_between_begins_to_count_anew() -> None:
    watch = AlertTracker()
    decide(watch, READER)
    decide(watch, after_s=30)
    assert decide(watch, READER, after_s=61) == []


def test_a_station_that_has_been_silent_for_long_is_not_given_more_time() -> None:
    gone = RuleMatch("entre-a", "offline", since=NOW - timedelta(hours=1))
    assert AlertTracker().decide([gone], {}, SETTINGS, NOW) == [OpenAlert(gone, silent=False)]


def test_it_is_one_alert_while_it_lasts_and_closes_by_itself() -> None:
    watch = AlertTracker()
    assert decide(watch, PAPER) == [OpenAlert(PAPER, silent=False)]
    assert decide(watch, PAPER, paper=known(PAPER)) == []
    worse = RuleMatch("entre-a", "paper", "Printer", "out_of_paper")
    assert decide(watch, worse, paper=known(PAPER)) == [UpdateAlert(1, worse, tell=False)]
    assert decide(watch, paper=known(PAPER)) == [CloseAlert(1)]
    assert decide(watch, paper=known(PAPER, closed=NOW)) == []


def test_back_within_a_quarter_of_an_hour_it_is_the_same_later_a_new_one() -> None:
    closed = known(PAPER, closed=NOW)
    assert decide(AlertTracker(), PAPER, after_s=899, paper=closed) == [ReopenAlert(1, PAPER)]
    assert decide(AlertTracker(), PAPER, after_s=900, paper=closed) == [OpenAlert(PAPER, silent=False)]


def test_a_broken_chain_closes_only_once_somebody_knows_and_opens_with_the_next_one() -> None:
    assert decide(AlertTracker(), BROKEN) == [OpenAlert(BROKEN, silent=False)]
    assert decide(AlertTracker(), BROKEN, after_s=9e6, chain_broken=known(BROKEN)) == []
    assert decide(AlertTracker(), BROKEN, chain_broken=known(BROKEN, acknowledged=NOW)) == [CloseAlert(1)]
    assert decide(AlertTracker(), BROKEN, chain_broken=known(BROKEN, acknowledged=NOW, closed=NOW)) == []
    again = RuleMatch("entre-a", "chain_broken", detail="1:9", since=NOW + SECOND, times=2)
    assert decide(AlertTracker(), again, chain_broken=known(BROKEN, acknowledged=NOW, closed=NOW)) == [
        OpenAlert(again, silent=False)
    ]


def test_what_happened_at_a_station_that_is_retired_since_is_over() -> None:
    stored = {BROKEN.key: known(BROKEN)}
    assert AlertTracker().decide([], stored, SETTINGS, NOW) == []
    assert AlertTracker().decide([], stored, SETTINGS, NOW, {"entre-b"}) == []
    assert AlertTracker().decide([], stored, SETTINGS, NOW, {"entre-a"}) == [CloseAlert(1)]


def test_it_counts_what_has_happened_again() -> None:
    twice = RuleMatch("entre-a", "chain_broken", detail="1:7", since=NOW, times=2)
    assert decide(AlertTracker(), twice, chain_broken=known(BROKEN)) == [UpdateAlert(1, twice, tell=False)]


def test_in_a_maintenance_window_it_is_silent_and_told_after_it() -> None:
    window = MaintenanceRule("m", "g", since=NOW, until=NOW + timedelta(hours=1))
    settings = msgspec.structs.replace(SETTINGS, groups={"g": ("entre-*",)}, maintenance=(window,))
    assert decide(AlertTracker(), PAPER, settings=settings) == [OpenAlert(PAPER, silent=True)]
    silent = known(PAPER, silent=True)
    assert decide(AlertTracker(), PAPER, settings=settings, paper=silent) == []
    assert decide(AlertTracker(), PAPER, settings=settings, after_s=3600, paper=silent) == [
        UpdateAlert(1, PAPER, tell=True)
    ]
