"""How much somebody may ask for in so long: windows under a turned clock, and what is remembered of whom."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.server.web.rate_limits import WINDOW, RateCounters, RateLimit, rate_limit_key

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
TWO = RateLimit("looks", 2)


def test_a_window_begins_with_its_first_and_ends_by_time() -> None:
    rates = RateCounters()
    said = [rates.take(TWO, "tove", NOW + timedelta(seconds=at)) for at in (0, 20.5, 59)]
    assert [(one.left, one.over, one.seconds) for one in said] == [(1, 0, 60), (0, 0, 40), (0, 1, 1)]
    assert rates.take(TWO, "tove", NOW + WINDOW).over == 0


def test_each_has_a_window_of_their_own_and_each_kind_too() -> None:
    rates = RateCounters()
    for _ in range(3):
        rates.take(TWO, "tove", NOW)
    assert rates.take(TWO, "alva", NOW).over == 0
    assert rates.take(RateLimit("commands", 1), "tove", NOW).over == 0
    assert rates.take(TWO, "tove", NOW).over == 2


@pytest.mark.parametrize("jump", [timedelta(days=-3650), timedelta(seconds=-1), timedelta(days=3650)])
def test_a_clock_that_jumps_shuts_nobody_out(jump: timedelta) -> None:
    rates = RateCounters()
    for _ in range(3):
        rates.take(TWO, "tove", NOW)
    assert rates.take(TWO, "tove", NOW + jump).over == 0


def test_whether_all_is_spent_can_be_asked_without_counting() -> None:
    rates = RateCounters()
    assert rates.spent(TWO, "tove", NOW) is None
    rates.take(TWO, "tove", NOW)
    assert rates.spent(TWO, "tove", NOW) is None
    rates.take(TWO, "tove", NOW)
    for _ in range(3):
        spent = rates.spent(TWO, "tove", NOW + timedelta(seconds=10))
        assert spent is not None
        assert (spent.left, spent.over, spent.seconds) == (0, 1, 50)
    assert rates.spent(TWO, "tove", NOW + WINDOW) is None


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    rates = RateCounters(most=3)
    for number, who in enumerate(("first", "second", "third", "fourth")):
        rates.take(TWO, who, NOW + timedelta(seconds=number))
    assert [who for who in ("first", "second", "third", "fourth") if rates.knows(TWO, who)] == [
        "second",
        "third",
        "fourth",
    ]
    rates.take(TWO, "second", NOW + WINDOW * 2)  # a new window is the newest
    rates.take(TWO, "fifth", NOW + WINDOW * 2)
    assert rates.knows(TWO, "second")
    assert not rates.knows(TWO, "third")


@pytest.mark.parametrize(
    ("address", "whom"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_stands_for_its_network(address: str, whom: str) -> None:
    assert rate_limit_key(address) == whom
