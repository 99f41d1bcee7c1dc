"""A slice of the clock campaign, and that its judge finds what it looks for. All cases: `make campaign PART=clock-server`."""

from collections.abc import Iterator

import pytest

from campaigns.faults.clock_server import BATCHES, judge, swedish_time
from fleet.server.clock.clock_check import ClockReading
from fleet.server.clock.steady_clock import SteadyClock


@pytest.fixture(autouse=True)
def region() -> Iterator[None]:
    with swedish_time():
        yield


@pytest.mark.parametrize(
    ("batch", "leap", "restarts"),
    [("retention", "+10 years", False), ("holds in the queue", "+1 day", True)],
)
def test_nothing_is_done_wrongly_and_nothing_is_stuck(batch: str, leap: str, restarts: bool) -> None:
    assert batch in BATCHES
    assert judge(batch, leap, restarts=restarts) == "right"


def test_the_night_of_the_change_to_winter_time_is_a_night() -> None:
    assert judge("deadlines", "", restarts=False, season="summer time ends") == "right"


def test_the_judge_finds_batches_that_believe_any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClockReading, "is_believed", lambda _self, _now: True)
    monkeypatch.setattr(SteadyClock, "__call__", lambda self: self.shown)
    assert "voided before its time" in judge("deadlines", "+10 years", restarts=True)
