"""Every night what is new is looked at, once a week all of it; what differs is kept, told, and looked for until it is gone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from fleet.server.clock.time_zones import HERE
from fleet.server.database.database import Database
from fleet.server.integrity.job import NightlyCheck, is_due, is_whole
from fleet.server.integrity.model import LastCheck
from fleet.server.integrity.queries import last_check, read_last_check
from fleet.server.stations.tables import alarms

NIGHT = datetime(2027, 7, 8, 3, 0, tzinfo=HERE)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, NIGHT, True),
        (None, NIGHT.replace(hour=1), False),
        (NIGHT, NIGHT + timedelta(hours=1), False),
        (NIGHT, NIGHT.replace(hour=1) + DAY, False),
        (NIGHT, NIGHT + DAY, True),
        (NIGHT + 3650 * DAY, NIGHT, True),
    ],
    ids=["never", "not yet night", "done", "the next day begins", "the next night", "a clock that was ahead"],
)
def test_a_check_is_owed_once_a_night(last: datetime | None, now: datetime, due: bool) -> None:
    assert is_due(None if last is None else LastCheck(last.astimezone(UTC), None, 0, 0), now) is due


@pytest.mark.parametrize(
    ("last", "whole"),
    [
        (None, True),
        (LastCheck(NIGHT, None, 0, 0), True),
        (LastCheck(NIGHT, NIGHT, 0, 0), False),
        (LastCheck(NIGHT, NIGHT, 0, 1), True),
        (LastCheck(NIGHT, NIGHT - 6 * DAY, 0, 0), True),
        (LastCheck(NIGHT, NIGHT + 3650 * DAY, 0, 0), True),
    ],
    ids=["first", "never whole", "a night before", "differed", "a week", "a clock that was ahead"],
)
def test_all_is_looked_at_once_a_week_and_after_a_difference(last: LastCheck | None, whole: bool) -> None:
    assert is_whole(last, NIGHT + DAY) is whole


def nightly(store: Database) -> Callable[[int], tuple[bool, int, int] | None]:
    """What the check of that night looked at: whether all, how many events, how many differences."""
    clock = [NIGHT]
    job = NightlyCheck(store, lambda: clock[0].astimezone(UTC), rest_s=0)

    def look(day: int) -> tuple[bool, int, int] | None:
        clock[0] = NIGHT + day * DAY
        check = job.look()
        return None if check is None else (check.whole, check.events, check.count)

    return look


def test_a_difference_is_told_and_looked_for_until_it_is_gone(store: Database) -> None:
    look = nightly(store)
    assert look(0) == (True, 38, 0)
    assert look(0) is None
    assert look(1) == (False, 1, 0)
    with store.writing.begin() as connection:
        connection.execute(text("UPDATE bins SET counted = 7"))
        connection.execute(text("UPDATE events SET time = '2026-05-01' WHERE sequence = 28"))
    assert look(2) == (False, 1, 0), "it lies before what was seen"
    assert look(7) == (True, 38, 2)
    with store.reading.begin() as connection:
        last = last_check(connection)
        told = connection.execute(select(alarms).where(alarms.c.code == "store_differs")).one()
    assert last is not None
    assert (last.at, last.whole_at, last.count) == (NIGHT + 7 * DAY, NIGHT + 7 * DAY, 2)
    assert {str(one) for one in last.differences} == set(told.argument.split("; "))
    assert (told.station, told.times) == ("", 1)
    with store.writing.begin() as connection:
        connection.execute(text("UPDATE bins SET counted = 1"))
    assert look(8) == (True, 38, 1), "the next night too looks at all of it"


def test_a_list_that_is_long_is_cut_in_the_alert(store: Database) -> None:
    with store.writing.begin() as connection:
        connection.execute(text("UPDATE errands SET outcome = 'failed'"))
    assert nightly(store)(0) == (True, 38, 6)
    with store.reading.begin() as connection:
        said = connection.execute(select(alarms.c.argument).where(alarms.c.code == "store_differs")).scalar_one()
    assert said.count("outcome is 'failed', should be 'done'") == 3
    assert said.endswith("; +3")


def test_a_store_that_is_away_is_checked_later(store: Database) -> None:
    look = nightly(store)
    with store.writing.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO elsewhere"))
    assert look(0) is None
    assert read_last_check(store) is None
    with store.writing.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO audit"))
    assert look(0) == (True, 38, 0)


def test_it_ends_with_the_server_in_the_middle_of_a_check(store: Database) -> None:
    """What has been told to end rests for no time, and writes nothing."""
    job = NightlyCheck(store, lambda: NIGHT.astimezone(UTC), rest_s=3600)
    job.end()
    assert job.look() is None
    assert read_last_check(store) is None
