"""The delays: spread at random, bounded, and begun anew after a stable minute."""

import random
from collections import Counter

from fleet.messages.backoff import Backoff


def highest(low: float, high: float) -> float:
    return high


def test_the_first_delay_is_the_given_one_and_later_ones_double_up_to_a_minute() -> None:
    backoff = Backoff(first_s=10, draw=highest)
    assert [backoff.next_s() for _ in range(8)] == [10, 2, 4, 8, 16, 32, 60, 60]


def test_a_short_connection_changes_nothing_and_a_stable_one_begins_anew() -> None:
    backoff = Backoff(first_s=10, draw=highest)
    assert [backoff.next_s(), backoff.next_s()] == [10, 2]
    backoff.connected_for(59)
    assert backoff.next_s() == 4
    backoff.connected_for(60)
    assert backoff.next_s() == 10


def test_it_never_overflows() -> None:
    backoff = Backoff(draw=highest)
    assert max(backoff.next_s() for _ in range(5000)) == 60


def test_ten_thousand_stations_do_not_come_back_in_one_second() -> None:
    draw = random.Random(1).uniform
    seconds = [int(Backoff(draw=draw).next_s()) for _ in range(10_000)]
    assert max(seconds.count(second) for second in range(10)) < 1200


def test_ten_thousand_stations_are_back_within_a_minute_and_not_all_at_once() -> None:
    """After a minute without broker: 3.5 % of them at most in the busiest second, by the rule alone."""
    random_ = random.Random(20261125)
    back = []
    for _ in range(10_000):
        backoff, at = Backoff(first_s=10, draw=random_.uniform), 0.0
        while at < 60.0:
            at += backoff.next_s()
        back.append(at - 60.0)
    assert max(back) < 60.0
    assert max(Counter(map(int, back)).values()) <= 350
