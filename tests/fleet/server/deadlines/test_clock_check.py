"""Clocks that leap, rests, restarts and second processes: nothing happens twice, and nothing for a wrong day."""

from datetime import timedelta

from sqlalchemy import update

from fleet.server.deadlines.job import DeadlineJob
from fleet.server.orders.tables import orders
from tests.fleet.server.conftest import KeptChanges, hold_orders, record
from tests.fleet.server.deadlines.conftest import Fleet, handed_over, person, replace_rule


def test_after_days_without_a_server_it_catches_up_once_and_not_at_once(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    fleet.now += timedelta(days=30)
    assert fleet.look() == 0, "a leap or a long rest: wait, and say so"
    assert fleet.alarms() == {"clock_leapt": 1}
    assert fleet.run(4) == 0, "by itself nothing begins again"
    assert fleet.confirm()
    assert not fleet.confirm(), "nothing waits any more"
    assert fleet.run(4) == 0, "nobody could sign while the server was away"
    assert fleet.run(1) == 1
    assert [what for what, _, _ in fleet.recorded_actions("receipt_unsigned", "O-1")] == ["done"]


def test_a_clock_that_leaps_ahead_and_is_set_right_blocks_nobody(fleet: Fleet) -> None:
    handed_over(fleet)
    person(fleet, left="2026-06-02")
    right = fleet.now
    fleet.now += timedelta(days=3650)
    assert [fleet.look() for _ in range(3)] == [0, 0, 0]
    fleet.now = right + timedelta(hours=1)
    assert fleet.run(10) == 0
    assert fleet.asked() == []
    assert fleet.confirm()
    fleet.skip(100)
    assert fleet.run(1) > 0, "nothing is stuck for good"


def test_a_clock_that_goes_back_does_nothing_a_second_time(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    assert fleet.run(10) == 2
    fleet.now -= timedelta(days=6)
    assert fleet.look() == 0
    assert fleet.confirm()
    assert fleet.run(20) == 0
    assert len(fleet.asked()) == 1


def test_a_second_process_finds_it_done(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    other = DeadlineJob(fleet.database, fleet.settings, KeptChanges(), lambda: fleet.now)
    counts = []
    for _ in range(40):
        fleet.now += timedelta(hours=6)
        counts += [fleet.look(), other.look()]
    assert sum(counts) == 2
    assert len(fleet.asked()) == 1


def test_no_more_cards_are_held_in_a_day_than_the_rule_says(fleet: Fleet) -> None:
    fleet.settings.rule["receipt_unsigned"] = replace_rule(fleet, "receipt_unsigned", most_a_day=2)
    hold_orders(fleet.database, *(record(f"O-{n}", slot=n, card_number=f"97522698{n:02}") for n in range(1, 6)))
    fleet.sql(update(orders).values(state="activated", changed=fleet.now))
    fleet.run(6)
    assert len(fleet.asked()) == 2
    assert fleet.alarms()["deadlines_many"] > 0
    fleet.run(1)
    assert len(fleet.asked()) == 4
    fleet.run(1)
    assert len(fleet.asked()) == 5


def test_more_than_a_share_of_a_rule_s_rows_waits_for_a_person(fleet: Fleet) -> None:
    """A file of the directory that names everybody as a leaver holds nobody's card."""
    many = 30
    hold_orders(fleet.database, *(record(f"O-{n}", slot=n, card_number=f"97522698{n:02}") for n in range(1, many + 1)))
    fleet.sql(update(orders).values(state="activated", changed=fleet.now))
    fleet.run(7)
    assert fleet.asked() == [], "none of them, not as many as a day may have"
    assert fleet.alarms()["deadlines_many"] > 0
    assert fleet.confirm("deadlines:receipt_unsigned")
    fleet.run(1)
    assert len(fleet.asked()) == many


def test_a_share_that_a_person_allowed_is_allowed_for_a_day_and_for_no_more_than_that(fleet: Fleet) -> None:
    hold_orders(fleet.database, *(record(f"O-{n}", slot=n, card_number=f"97522698{n:02}") for n in range(1, 31)))
    fleet.sql(update(orders).values(state="activated", changed=fleet.now))
    fleet.run(7)
    fleet.confirm("deadlines:receipt_unsigned")
    fleet.skip(2)
    fleet.run(1)
    assert fleet.asked() == []
