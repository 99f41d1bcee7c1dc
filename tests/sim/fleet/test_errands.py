"""Simulated errands are what the server takes real ones for."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

from fleet.messages.events import Facts, seal
from fleet.messages.vocabulary import EventType
from fleet.server.ingest.projections import ErrandEnded, ErrandStarted, UnfitData, changes_of
from sim.fleet.errands import HANDS_OVER, KINDS, OUTCOMES, PlannedEvent, errand, mean_seconds

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def some(count: int = 600) -> list[list[PlannedEvent]]:
    random = Random(4)
    return [errand(random, "sim-00001", number) for number in range(count)]


def test_each_begins_and_ends_and_the_server_can_use_every_event() -> None:
    for told in some():
        assert (told[0].type, told[-1].type) == (EventType.ERRAND_STARTED, EventType.ERRAND_ENDED)
        sealed = [
            seal(Facts("sim-00001", 1, 1, "b", one.type, "2026-06-01T09:00:00Z", one.subject), one.content)
            for one in told
        ]
        changes = [change for event in sealed for change in changes_of(event, NOW)]
        assert isinstance(changes[0], ErrandStarted)
        assert any(isinstance(one, ErrandEnded) for one in changes)
        assert not [one for one in changes if isinstance(one, UnfitData)]


def test_kinds_and_outcomes_come_by_their_weights() -> None:
    ends = [told[-1].content for told in some()]
    seen, outcomes = Counter(end["kind"] for end in ends), Counter(end["outcome"] for end in ends)
    assert set(seen) == set(KINDS)
    assert set(outcomes) == set(OUTCOMES)
    assert seen.most_common(1)[0][0] == "pickup"
    assert outcomes["done"] > 0.75 * len(ends)


def test_only_a_hand_over_that_is_done_has_a_receipt_and_its_number_comes_once() -> None:
    numbers: list[str] = []
    for told in some():
        kept = [one.content["number"] for one in told if one.type == EventType.RECEIPT_ISSUED]
        end = told[-1].content
        assert len(kept) == (end["kind"] in HANDS_OVER and end["outcome"] == "done")
        numbers += kept
    assert len(set(numbers)) == len(numbers) > 50


def test_the_time_of_an_errand_is_that_of_its_events() -> None:
    for told in some(50):
        assert abs(sum(one.after_s for one in told) - told[-1].content["seconds"]) < 0.1
    assert 60 < mean_seconds() < 180
