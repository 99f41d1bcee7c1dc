"""The life of an alert under a clock that is passed in."""

from datetime import UTC, datetime, timedelta

import msgspec

from fleet.server.alerts.rules import Finding
from fleet.server.alerts.settings import AlertSettings, load
from fleet.server.alerts.transitions import Changed, Closed, Decision, Known, Opened, Reopened, Watch
from fleet.server.maintenance.model import Maintenance

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SETTINGS = load()
PAPER = Finding("entre-a", "paper", "Printer", "paper_low")
READER = Finding("entre-a", "reader", "Reader", "no_reader")
BROKEN = Finding("entre-a", "chain_broken", detail="1:7", since=NOW, times=1)
SECOND = timedelta(seconds=1)


def decide(
    watch: Watch, *found: Finding, after_s: float = 0, settings: AlertSettings = SETTINGS, **known: Known
) -> list[Decision]:
    keyed = {one.key: known[one.code] for one in (PAPER, READER, BROKEN) if one.code in known}
    return watch.decide(found, keyed, settings, NOW + after_s * SECOND)


def known(finding: Finding, **changes: object) -> Known:
    made = {
        "id": 1,
        "detail": finding.detail,
        "last": NOW,
        "times": 1,
        "silent": False,
        "closed": None,
        "acknowledged": None,
    }
    return Known(**{**made, **changes})  # type: ignore[arg-type]


def test_an_alert_opens_once_it_has_lasted_and_not_before() -> None:
    watch = Watch()
    assert decide(watch, READER) == []
    assert decide(watch, READER, after_s=59) == []
    assert decide(watch, READER, after_s=60) == [Opened(READER, silent=False)]


def test_what_passes_in_between_begins_to_count_anew() -> None:
    watch = Watch()
    decide(watch, READER)
    decide(watch, after_s=30)
    assert decide(watch, READER, after_s=61) == []


def test_a_station_that_has_been_silent_for_long_is_not_given_more_time() -> None:
    gone = Finding("entre-a", "offline", since=NOW - timedelta(hours=1))
    assert Watch().decide([gone], {}, SETTINGS, NOW) == [Opened(gone, silent=False)]


def test_it_is_one_alert_while_it_lasts_and_closes_by_itself() -> None:
    watch = Watch()
    assert decide(watch, PAPER) == [Opened(PAPER, silent=False)]
    assert decide(watch, PAPER, paper=known(PAPER)) == []
    worse = Finding("entre-a", "paper", "Printer", "out_of_paper")
    assert decide(watch, worse, paper=known(PAPER)) == [Changed(1, worse, tell=False)]
    assert decide(watch, paper=known(PAPER)) == [Closed(1)]
    assert decide(watch, paper=known(PAPER, closed=NOW)) == []


def test_back_within_a_quarter_of_an_hour_it_is_the_same_later_a_new_one() -> None:
    closed = known(PAPER, closed=NOW)
    assert decide(Watch(), PAPER, after_s=899, paper=closed) == [Reopened(1, PAPER)]
    assert decide(Watch(), PAPER, after_s=900, paper=closed) == [Opened(PAPER, silent=False)]


def test_a_broken_chain_closes_only_once_somebody_knows_and_opens_with_the_next_one() -> None:
    assert decide(Watch(), BROKEN) == [Opened(BROKEN, silent=False)]
    assert decide(Watch(), BROKEN, after_s=9e6, chain_broken=known(BROKEN)) == []
    assert decide(Watch(), BROKEN, chain_broken=known(BROKEN, acknowledged=NOW)) == [Closed(1)]
    assert decide(Watch(), BROKEN, chain_broken=known(BROKEN, acknowledged=NOW, closed=NOW)) == []
    again = Finding("entre-a", "chain_broken", detail="1:9", since=NOW + SECOND, times=2)
    assert decide(Watch(), again, chain_broken=known(BROKEN, acknowledged=NOW, closed=NOW)) == [
        Opened(again, silent=False)
    ]


def test_it_counts_what_has_happened_again() -> None:
    twice = Finding("entre-a", "chain_broken", detail="1:7", since=NOW, times=2)
    assert decide(Watch(), twice, chain_broken=known(BROKEN)) == [Changed(1, twice, tell=False)]


def test_in_a_maintenance_window_it_is_silent_and_told_after_it() -> None:
    window = Maintenance("m", "g", since=NOW, until=NOW + timedelta(hours=1))
    settings = msgspec.structs.replace(SETTINGS, groups={"g": ("entre-*",)}, maintenance=(window,))
    assert decide(Watch(), PAPER, settings=settings) == [Opened(PAPER, silent=True)]
    silent = known(PAPER, silent=True)
    assert decide(Watch(), PAPER, settings=settings, paper=silent) == []
    assert decide(Watch(), PAPER, settings=settings, after_s=3600, paper=silent) == [Changed(1, PAPER, tell=True)]
