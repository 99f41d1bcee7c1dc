"""Alerts in a real store: one row each, told once, acknowledged by name."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from fleet.messages.vocabulary import EventType
from fleet.server.alerts import queries as alerting
from fleet.server.alerts.monitor import MOST_FAILED
from fleet.server.alerts.notifications import GATHER_FROM, MOST_TRIES, next_try
from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.settings import Email, load
from fleet.server.alerts.transitions import OpenAlert
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence
from fleet.server.ingest.write import Writer
from fleet.server.stations.alarms import CHAIN_BROKEN, Alarm, AlarmRecorder
from tests.fakes.server.alert_monitor import LOW, SETTINGS, Desk
from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record, writer

__all__ = ["database", "on_postgres", "writer"]


def test_low_paper_is_one_alert_that_is_told_once_and_ends_by_itself(desk: Desk) -> None:
    (one,) = desk.says(LOW).look()
    assert (one.station, one.code, one.subject, one.detail, one.severity) == (
        "entre-a", "paper", "Printer", "paper_low", "notice",
    )  # fmt: skip
    assert desk.later(10).look() == [one]
    desk.service.tell()
    desk.service.tell()
    assert desk.told == [("all", "opened", "paper")]
    (over,) = desk.later(50).says().look()
    assert (over.closed, over.first) == (desk.now, NOW)
    desk.service.tell()
    assert desk.told[1:] == [("all", "closed", "paper")]
    assert desk.queue() == []


def test_a_critical_one_goes_to_every_channel(desk: Desk) -> None:
    desk.says(online=False).later(180).look()
    desk.service.tell()
    assert desk.told == [("all", "opened", "offline"), ("bad", "opened", "offline")]


def test_a_station_that_dies_with_its_broker_is_silent_then_offline(desk: Desk) -> None:
    """No last will comes, and each restart of the broker replays that it is online."""
    desk.says()
    for _ in range(17):
        desk.writer.commit([ArrivedPresence("entre-a", True, replayed=True)], desk.now)
        desk.look()
        desk.service.tell()
        desk.later(10)
    assert desk.listed() == []
    (silent,) = desk.later(11).look()
    assert (silent.code, silent.severity, silent.first, silent.last) == ("silent", "warning", NOW, NOW)
    desk.service.tell()
    assert desk.told == [("all", "opened", "silent")]
    offline, before = desk.later(12 * 60).look()
    assert (offline.code, offline.severity, offline.closed, offline.first) == ("offline", "critical", None, NOW)
    assert (before.id, before.closed) == (silent.id, desk.now)
    desk.service.tell()
    assert desk.told[1:] == [("all", "opened", "offline"), ("bad", "opened", "offline")], (
        "not told that silence is over"
    )
    assert all(row.closed for row in desk.says().look())


def test_a_server_that_was_away_calls_nobody_silent_at_once(desk: Desk) -> None:
    desk.says().later(3600)
    again = Desk(desk.database, desk.writer, now=desk.now)
    assert again.look() == []
    assert again.later(179).look() == []
    assert [row.code for row in again.later(2).look()] == ["offline"]


def test_pages_hear_of_silence(desk: Desk) -> None:
    desk.says().look()
    desk.later(181).look()
    assert {"stations", "station/entre-a"} <= desk.changes.topics


def test_it_flaps_and_is_counted_and_not_told_again(desk: Desk) -> None:
    desk.says(LOW).look()
    desk.says().later(60).look()
    desk.service.tell()
    (one,) = desk.says(LOW).later(60).look()
    assert (one.closed, one.times) == (None, 2)
    desk.service.tell()
    assert [what for _, what, _ in desk.told].count("opened") == 1


def test_an_alert_never_begins_after_it_was_last_so(desk: Desk) -> None:
    """What the server was told of afterwards began before; and a station's clock is not asked."""
    desk.says().says(online=False)
    (offline,) = desk.later(400).look()
    assert (offline.first, offline.last) == (NOW, NOW)
    AlarmRecorder(desk.database).record(Alarm("entre-a", CHAIN_BROKEN, "1:7"), desk.now)
    kept = desk.later(3600).look()
    assert [row.code for row in kept if row.first > row.last] == []
    AlarmRecorder(desk.database).record(Alarm("entre-a", CHAIN_BROKEN, "1:8"), NOW)  # a clock that was set back
    assert [row.code for row in desk.look() if row.first > row.last] == []


def test_an_outage_after_a_flap_has_its_own_age(desk: Desk) -> None:
    desk.says().says(online=False).later(190).look()
    desk.later(10).says().look()
    back = desk.now
    (again,) = desk.later(30).says().says(online=False).later(190).look()
    assert (again.closed, again.times) == (None, 2)
    assert again.first == back + timedelta(seconds=30)


def test_who_acknowledges_first_stands_with_name_and_note(desk: Desk) -> None:
    (one,) = desk.says(LOW).look()
    with desk.database.writing.begin() as connection:
        first = alerting.acknowledge(connection, one.id, "TEST000000-A001", "A roll is on its way", desk.now)
        again = alerting.acknowledge(connection, one.id, "TEST000000-A002", "Me too", desk.now)
        assert alerting.acknowledge(connection, 999, "TEST000000-A001", "", desk.now) is None
    assert first == again
    assert first is not None
    assert (first.by, first.note, first.acknowledged) == ("TEST000000-A001", "A roll is on its way", NOW)


def test_a_broken_chain_waits_for_a_person_and_opens_again_with_the_next_one(desk: Desk) -> None:
    AlarmRecorder(desk.database).record(Alarm("entre-a", CHAIN_BROKEN, "1:7"), NOW)
    (one,) = desk.look()
    assert (one.code, one.detail, one.closed) == (CHAIN_BROKEN, "1:7", None)
    with desk.database.writing.begin() as connection:
        alerting.acknowledge(connection, one.id, "TEST000000-A001", "", desk.now)
    assert [row.closed for row in desk.look()] == [NOW]
    assert [row.closed for row in desk.later(60).look()] == [NOW]
    AlarmRecorder(desk.database).record(Alarm("entre-a", CHAIN_BROKEN, "1:9"), desk.now)
    assert [(row.detail, row.closed) for row in desk.look()] == [("1:9", None), ("1:7", NOW)]


def test_a_channel_that_is_away_is_tried_again_and_given_up_in_the_open(desk: Desk) -> None:
    desk.says(LOW).look()
    desk.away = True
    desk.service.tell()
    (one,) = desk.queue()
    assert (one.tries, one.error, one.due) == (1, "answered 503", NOW + timedelta(seconds=30))
    assert desk.service.tell() is False  # not due yet
    for _ in range(MOST_TRIES - 1):
        desk.later(3600).service.tell()
    (one,) = desk.queue()
    assert (one.tries, one.due, one.sent) == (MOST_TRIES, None, None)


def test_a_channel_that_comes_back_gets_it(desk: Desk) -> None:
    desk.says(LOW).look()
    desk.away = True
    desk.service.tell()
    desk.away = False
    desk.later(30).service.tell()
    assert desk.told == [("all", "opened", "paper")]
    assert desk.queue() == []


POST = Email("post", "127.0.0.1", "k@example.test", ("drift@example.test",), severity="notice")


def many(desk: Desk, count: int) -> Desk:
    """That many stations fall silent at once."""
    names = [f"entre-{number}" for number in range(count)]
    desk.writer.commit([ArrivedPresence(name, True) for name in names], desk.now)
    desk.writer.commit([ArrivedPresence(name, False) for name in names], desk.later(10).now)
    desk.later(3600).look()
    return desk


def test_many_alerts_at_once_are_one_e_mail_and_a_program_gets_each(database: Database, writer: Writer) -> None:
    settings = msgspec.structs.replace(SETTINGS, webhook=SETTINGS.webhook[:1], email=(POST,))
    few, rest = many(Desk(database, writer, settings), GATHER_FROM - 1), GATHER_FROM + 3
    few.service.tell()
    assert [name for name, *_ in few.told].count("post") == GATHER_FROM - 1
    few.told.clear()
    desk = many(Desk(database, writer, settings, few.now), GATHER_FROM - 1 + rest)
    desk.service.tell()
    assert [told for told in desk.told if told[0] == "post"] == [("post", "together", str(rest))]
    assert [name for name, *_ in desk.told].count("all") == rest
    assert desk.queue() == []


def test_a_channel_that_is_away_does_not_keep_the_others_waiting(desk: Desk) -> None:
    many(desk, 5).away = "all"
    desk.service.tell()
    assert desk.failed == ["all"] * MOST_FAILED
    assert [name for name, *_ in desk.told] == ["bad"] * 5
    assert sorted(one.tries for one in desk.queue()) == [0, 0, 1, 1, 1]


def test_a_channel_that_is_gone_from_the_settings_is_said(desk: Desk) -> None:
    desk.says(LOW).look()
    other = Desk(desk.database, desk.writer, load())
    other.service.tell()
    (one,) = other.queue()
    assert (one.due, one.error) == (None, "there is no such channel any more")


def test_the_wait_between_tries_grows_to_an_hour() -> None:
    waits = [next_try(tries, NOW) for tries in (1, 2, 3, 11, MOST_TRIES)]
    assert [None if at is None else (at - NOW).total_seconds() for at in waits] == [30, 60, 120, 3600, None]


def test_two_servers_never_open_the_same_alert_twice(desk: Desk) -> None:
    opened = [OpenAlert(RuleMatch("entre-a", "paper", "Printer"), silent=False)]
    with desk.database.writing.begin() as connection:
        alerting.write(connection, opened, SETTINGS, NOW)
    with pytest.raises(IntegrityError), desk.database.writing.begin() as connection:
        alerting.write(connection, opened, SETTINGS, NOW)


def test_failing_errands_are_counted_by_the_product_of_their_orders(desk: Desk) -> None:
    hold_orders(
        desk.database, *(record(f"O-{n}", card_number=f"99990000{n}", product="601", slot=n + 1) for n in range(3))
    )
    station = SealingStation()
    ends = [
        station.seal(EventType.ERRAND_ENDED, {"errand": f"E-{n}", "kind": "pickup", "outcome": "fault", "seconds": 5,
                                          "order": f"O-{n}", "card_number": f"99990000{n}"})
        for n in range(3)
    ]  # fmt: skip
    desk.writer.commit(arrived(*ends), NOW)
    desk.says()
    assert {(row.code, row.station, row.subject) for row in desk.look()} == {
        ("product_failing", "", "601"),
        ("reader_failing", "entre-a", ""),
    }


def test_a_full_bin_is_an_alert_until_it_is_emptied(desk: Desk) -> None:
    station = SealingStation()
    drop = {"errand": "E-1", "effect": "drop.card", "outcome": "dropped", "old_card": "9999"}
    drops = [station.seal(EventType.EFFECT_DONE, drop) for _ in range(150)]
    desk.writer.commit(arrived(*drops), NOW)
    desk.says()
    assert [(row.code, row.detail) for row in desk.look()] == [("bin_full", "150")]
    emptied = {"errand": "E-2", "by": "A", "second": "B", "counted": 150, "expected": 150, "seal": "S-1"}
    desk.writer.commit(arrived(station.seal(EventType.BIN_EMPTIED, emptied, time="2026-06-01T10:00:00Z")), NOW)
    assert [row.closed for row in desk.look()] == [NOW]
