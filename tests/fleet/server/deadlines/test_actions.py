"""What an action writes down, asks for and tells; the loop that carries actions out; days that are forgotten."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError

from fleet.server.audit_log.log import entries
from fleet.server.deadlines import actions as acting
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.due_dates import due_day
from fleet.server.deadlines.job import TOPICS, DeadlineJob
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.open_days import without_the_time
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import Act, Code, load
from fleet.server.deadlines.tables import open_days
from fleet.server.issuers import request_queue as requesting
from fleet.server.live_feed.topics import Topic
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import alarms, stations
from tests.fleet.server.conftest import KeptChanges, hold_orders, record
from tests.fleet.server.deadlines.conftest import CARD, HOLDER, Fleet, handed_over, person, replace_rule

DUE = date(2026, 6, 6)
BY = "SE2321000999-A001"
BLOCKED_AS = {"left": "left", "name_changed": "replaced", "receipt_unsigned": "lost"}


def deadline(code: Code = "receipt_unsigned", subject: str = "O-1") -> Deadline:
    return Deadline(code, subject, CARD, HOLDER, "Tove Test", "entre-a", 3, "activated", date(2026, 6, 1), DUE)


def do(fleet: Fleet, what: Act, about: Deadline) -> bool:
    with fleet.database.writing.begin() as connection:
        return acting.act(connection, about, what, BY, fleet.now)


def open_station_days(fleet: Fleet) -> list[tuple[str, str]]:
    with fleet.database.reading.begin() as connection:
        rows = connection.execute(select(open_days.c.station, open_days.c.day)).all()
    return sorted((row.station, row.day) for row in rows)


@pytest.mark.parametrize("code", BLOCKED_AS)
def test_a_hold_is_the_rule_s_wish_and_a_block_is_asked_for_in_a_name(fleet: Fleet, code: Code) -> None:
    assert do(fleet, "hold", deadline(code, "O-1"))
    assert do(fleet, "block", deadline(code, "O-2"))
    with fleet.database.reading.begin() as connection:
        rows = requesting.list_requests(connection)[0]
    made = {row.content.reason: row for row in rows}  # type: ignore[union-attr]
    assert made.keys() == {"deadline", BLOCKED_AS[code]}
    hold, block = made["deadline"], made[BLOCKED_AS[code]]
    assert (hold.ask, hold.by, block.ask, block.by) == ("card.hold", "", "card.block", BY)
    for row in (hold, block):
        assert (row.station, row.card_number, row.who, row.state) == ("entre-a", CARD, f"rule:{code}", "waiting")
        assert row.content.wanted == "2026-06-03T10:00:00Z"  # type: ignore[union-attr]
        assert row.id == row.content.id
        assert re.fullmatch("[0-9a-f]{32}", row.id)
    assert hold.id != block.id


@pytest.mark.parametrize("what", ["remind", "hold", "block", "void"])
def test_an_action_is_told_once_in_the_audit_and_as_an_alert_of_its_station(fleet: Fleet, what: Act) -> None:
    hold_orders(fleet.database, record())
    for expected in (True, False):
        assert do(fleet, what, deadline()) is expected
        with fleet.database.reading.begin() as connection:
            (told,) = (row for row in entries(connection)[0] if row.action.startswith("deadline."))
            (alarm,) = connection.execute(select(alarms)).all()
            (action,) = deadlining.actions_about_card(connection, CARD)
        assert (told.at, told.who, told.address, told.action) == (fleet.now, "server", "", f"deadline.{what}")
        assert (told.target, told.detail) == ("O-1", "receipt_unsigned 2026-06-06")
        assert (alarm.code, alarm.times, alarm.argument) == ("receipt_unsigned", 1, "O-1 2026-06-06")
        assert (action.station, action.due, action.at) == ("entre-a", "2026-06-06", fleet.now)
        assert (action.what, action.did) == ("done", what)
    assert fleet.state() == ("voided" if what == "void" else "waiting")
    assert len(fleet.asked()) == (what in ("hold", "block"))


def test_a_reminder_is_not_the_action_itself(fleet: Fleet) -> None:
    with fleet.database.writing.begin() as connection:
        assert acting.warn(connection, deadline(), fleet.now)
        assert not acting.warn(connection, deadline(), fleet.now)
        assert deadlining.count_actions_since(connection, "receipt_unsigned", fleet.now - timedelta(days=1)) == 0
        assert acting.act(connection, deadline(), "remind", "", fleet.now)
        assert deadlining.count_actions_since(connection, "receipt_unsigned", fleet.now - timedelta(days=1)) == 1
        assert deadlining.count_actions_since(connection, "receipt_unsigned", fleet.now) == 0
        assert deadlining.count_actions_since(connection, "left", fleet.now - timedelta(days=1)) == 0
    assert fleet.told() == [("deadline.remind", "receipt_unsigned 2026-06-06")] * 2


def test_of_one_rule_at_most_two_hundred_are_reminded_of_and_acted_upon_at_a_look(fleet: Fleet) -> None:
    fleet.settings.rule["not_collected"] = replace_rule(fleet, "not_collected", act="remind")
    hold_orders(fleet.database, *(record(f"O-{n:03}", slot=n, card_number=f"975226{n:04}") for n in range(1, 202)))
    fleet.sql(update(orders).values(made=fleet.now - timedelta(days=80)))
    assert [fleet.look(), fleet.look(), fleet.look()] == [200, 1, 0]
    fleet.sql(update(orders).values(made=fleet.now - timedelta(days=91)))
    assert [fleet.look(), fleet.look(), fleet.look()] == [200, 1, 0]


def test_the_oldest_are_acted_upon_first(fleet: Fleet) -> None:
    fleet.settings.rule["not_collected"] = replace_rule(fleet, "not_collected", most_a_day=2)
    names = ("O-1", "O-2", "O-3", "O-4")
    hold_orders(
        fleet.database, *(record(name, slot=int(name[-1]), card_number=f"975226000{name[-1]}") for name in names)
    )
    for name, days in zip(names, (95, 92, 95, 99), strict=True):
        fleet.sql(update(orders).where(orders.c.order == name).values(made=fleet.now - timedelta(days=days)))
    done = []
    for _ in range(2):
        fleet.run(1)
        done.append([name for name in names if fleet.recorded_actions("not_collected", name)])
    assert done == [["O-1", "O-4"], [*names]]


def test_who_gets_a_new_name_on_the_day_of_the_hand_over_has_a_card_in_the_old_one(fleet: Fleet) -> None:
    handed_over(fleet)
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    fleet.sql(update(orders).values(changed=datetime(2026, 6, 2, 10, 0, tzinfo=UTC)))
    totals = []
    for day in ("2026-06-01", "2026-06-02", "2026-06-03"):
        person(fleet, name_changed=day)
        totals.append(desk.lane("name_changed").total)
    assert totals == [0, 1, 1]


def test_a_day_on_which_a_station_was_open_is_kept_for_four_hundred_days(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    fleet.look()
    for days in (399, 400, 401):
        day = (fleet.now - timedelta(days=days)).date().isoformat()
        fleet.sql(insert(open_days).values(station="entre-a", day=day))
    fleet.look()
    ages = sorted((fleet.now.date() - date.fromisoformat(day)).days for _, day in open_station_days(fleet))
    assert ages == [0, 399, 400]


def test_only_stations_that_wait_for_a_receipt_have_their_open_days_noted(fleet: Fleet) -> None:
    assert open_station_days(fleet) == []
    handed_over(fleet, events=3)
    fleet.open(True, "entre-b")
    fleet.look()
    assert open_station_days(fleet) == [("entre-a", "2026-06-03")]
    fleet.sql(update(stations).values(online=False))
    fleet.now += timedelta(hours=20)
    fleet.look()
    fleet.sql(update(stations).values(online=True, state="{"))
    fleet.look()
    fleet.sql(update(stations).values(state=None))
    fleet.look()
    assert open_station_days(fleet) == [("entre-a", "2026-06-03")], "one that is away, damaged or silent is not open"


def test_a_receipt_waits_for_as_many_days_of_its_own_station_as_the_rule_gives(fleet: Fleet) -> None:
    rule = load().rule["receipt_unsigned"]
    here, there = deadline(), Deadline(
        "receipt_unsigned", "O-2", "9752269879", HOLDER, None, "entre-b", 1, "activated", date(2026, 6, 3), DUE
    )  # fmt: skip
    assert due_day(rule, here.since) == DUE

    def waiting(
        *days: tuple[str, int], about: Sequence[Deadline] = (here, there), code: Code = "receipt_unsigned"
    ) -> Any:
        rows = [{"station": station, "day": f"2026-06-{day:02}"} for station, day in days]
        with fleet.database.writing.begin() as connection:
            connection.execute(open_days.delete())
            connection.execute(insert(open_days), rows)
            return without_the_time(connection, code, rule, about)

    assert waiting(*(("entre-a", day) for day in range(1, 6))) == {"O-2"}
    assert waiting(*(("entre-a", day) for day in range(1, 5)), ("entre-b", 5)) == {"O-1", "O-2"}
    assert waiting(*(("entre-b", day) for day in range(1, 6))) == {"O-1", "O-2"}, "two of them were before it began"
    assert waiting(*(("entre-b", day) for day in range(3, 8))) == {"O-1"}
    assert waiting(("entre-a", 1), about=()) == frozenset()
    assert waiting(("entre-a", 1), code="left") == frozenset()


async def test_the_loop_goes_on_after_a_store_that_cannot_be_read_and_tells_pages_what_it_did(
    fleet: Fleet, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over(fleet, events=3)
    fleet.skip(1)
    fleet.watch.look()
    monkeypatch.setattr("fleet.server.deadlines.job.EVERY_S", 0.01)
    told, faults = asyncio.Event(), [OperationalError("SELECT 1", {}, OSError("disk I/O error"))]

    class HeardChanges(KeptChanges):
        def publish(self, topics: frozenset[str]) -> None:
            super().publish(topics)
            told.set()

    def clock() -> datetime:
        if faults:
            raise faults.pop()
        return fleet.now

    changes = HeardChanges()
    job = asyncio.create_task(DeadlineJob(fleet.database, fleet.settings, changes, clock).run())
    try:
        await told.wait()
    finally:
        job.cancel()
    assert [one.getMessage() for one in caplog.records] == ["deadlines cannot be looked at just now: OperationalError"]
    assert changes.topics == TOPICS == {Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS}
    assert fleet.recorded_actions("receipt_unsigned", "O-1") == [("warned", "remind", "2026-06-04")]
