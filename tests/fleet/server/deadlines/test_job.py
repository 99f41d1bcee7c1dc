"""What happens by itself, once, on its day; and what the board says of it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from fleet.messages.asking import BlockAsk, HoldAsk
from fleet.messages.vocabulary import AskName, EventType
from fleet.server.database.database import Database
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.labels import planned_action
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import Code, DeadlineSettings, load
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import certificates, wishes
from fleet.server.orders.queries import orders_at
from fleet.server.orders.tables import orders
from fleet.server.pages.i18n import load as load_texts
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people
from fleet.server.stations.tables import stations
from tests.fleet.server.conftest import (
    KeptChanges,
    SealingStation,
    arrived,
    hold_orders,
    prove_ask,
    prove_hand_over,
    record,
)
from tests.fleet.server.deadlines.conftest import CARD, HOLDER, Fleet, handed_over, person, replace_rule, settled


def test_a_receipt_that_nobody_signs_is_reminded_of_and_then_the_card_is_held(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    assert fleet.look() == 0
    assert fleet.run(20) == 2
    held = [("done", "hold", "2026-06-07"), ("warned", "remind", "2026-06-04")]
    assert fleet.recorded_actions("receipt_unsigned", "O-1") == held
    (ask,) = fleet.asked()
    assert isinstance(ask, HoldAsk)
    assert (ask.card_number, ask.reason, fleet.names()) == (CARD, "deadline", [""])
    due = "receipt_unsigned 2026-06-06"
    assert fleet.told() == [("deadline.remind", due), ("deadline.hold", due)]
    assert fleet.alarms() == {"receipt_unsigned": 2}


def test_nobody_is_held_to_a_receipt_while_their_station_is_out_of_service(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    fleet.open(False)
    assert fleet.run(40) == 1
    assert [what for what, _, _ in fleet.recorded_actions("receipt_unsigned", "O-1")] == ["warned"]
    service = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    (entry,) = service.lane("receipt_unsigned").shown
    assert (entry.phase, entry.waits) == ("over", True)
    assert planned_action(entry, load_texts()["en"]) == "Waits: the station has not been open for that many days."
    fleet.open(True)
    assert fleet.run(4) == 0
    assert fleet.run(1) == 1
    assert len(fleet.asked()) == 1


def test_nobody_is_held_to_a_receipt_while_their_station_says_nothing_in_a_session_that_stands(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    fleet.is_heard = False
    assert fleet.run(40) == 1
    assert [what for what, _, _ in fleet.recorded_actions("receipt_unsigned", "O-1")] == ["warned"]
    fleet.is_heard = True
    assert fleet.run(4) == 0
    assert fleet.run(1) == 1


def test_a_receipt_that_is_owed_at_a_retired_station_falls_due_while_another_is_open(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    fleet.sql(update(stations).values(retired=fleet.now, retired_by="tove.test", retired_why="closed"))
    assert fleet.run(40) == 1
    assert [what for what, _, _ in fleet.recorded_actions("receipt_unsigned", "O-1")] == ["warned"]
    fleet.open(True, "entre-b")
    assert fleet.run(4) == 0
    assert fleet.run(1) == 1


def test_the_same_on_postgresql(on_postgres: Database) -> None:
    fleet = settled(on_postgres)
    hold_orders(fleet.database, record(), record("O-2", slot=4, card_number="9752269876"))
    fleet.sql(update(orders).where(orders.c.order == "O-1").values(state="activated", changed=fleet.now))
    fleet.sql(update(orders).where(orders.c.order == "O-2").values(state="collected", changed=fleet.now))
    person(fleet, left="2026-06-02", name_changed="2026-06-04")
    codes: tuple[Code, ...] = ("receipt_unsigned", "left", "name_changed")
    fleet.run(6)
    fleet.skip(55)
    fleet.run(39)
    assert [fleet.recorded_actions(code, "O-1") for code in codes] == [
        [("done", "hold", "2026-06-09"), ("warned", "remind", "2026-06-06")],
        [("done", "hold", "2026-09-03"), ("warned", "remind", "2026-08-19")],
        [("done", "hold", "2026-09-05"), ("warned", "remind", "2026-08-05")],
    ]
    assert len(fleet.asked()) == 5
    lanes = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now).lanes()
    assert [(lane.code, lane.total) for lane in lanes][:4] == [
        ("receipt_unsigned", 1), ("not_collected", 0), ("name_changed", 2), ("left", 2),
    ]  # fmt: skip
    for code in ("loa2", "certificate", "reserve_old"):
        assert fleet.recorded_actions(code, "O-1") == []


def test_a_receipt_that_is_signed_in_time_ends_it(fleet: Fleet) -> None:
    handed_over(fleet)
    assert fleet.run(20) == 0


def test_a_card_that_nobody_collects_is_voided_after_ninety_days_and_taken_out_at_the_station(fleet: Fleet) -> None:
    hold_orders(fleet.database, record(last_day="2027-12-31"))
    fleet.sql(update(orders).values(made=fleet.now))
    fleet.skip(74)
    fleet.run(16)
    assert fleet.state() == "waiting"
    fleet.run(1)
    assert fleet.state() == "voided"
    assert [what for what, _, _ in fleet.recorded_actions("not_collected", "O-1")] == ["done", "warned"]
    with fleet.database.reading.begin() as connection:
        assert orders_at(connection, "entre-a", "2026-06-01", after="", limit=10) == []
    assert fleet.run(5) == 0


@pytest.mark.parametrize(
    ("code", "facts", "day"),
    [
        ("left", {"left": "2026-06-02"}, "2026-09-03"),
        ("name_changed", {"name_changed": "2026-06-02"}, "2026-09-03"),
    ],
)
def test_who_left_with_a_card_or_has_another_name_has_three_months(
    fleet: Fleet, code: Code, facts: dict[str, str], day: str
) -> None:
    handed_over(fleet)
    person(fleet, **facts)
    fleet.skip(90)
    fleet.run(5)
    assert ("done", "hold", day) in fleet.recorded_actions(code, "O-1")
    assert len(fleet.asked()) == 1


def test_a_card_is_blocked_in_the_name_that_the_region_has_given(fleet: Fleet) -> None:
    named = Fleet(fleet.database, load())
    named.settings = DeadlineSettings(load().rule, by="SE2321000999-A001")
    named.job = DeadlineJob(fleet.database, named.settings, KeptChanges(), lambda: named.now)
    named.now = fleet.now
    handed_over(named)
    person(named, left="2026-06-02")
    named.skip(90)
    named.run(5)
    (ask,) = named.asked()
    assert isinstance(ask, BlockAsk)
    assert (ask.reason, named.names()) == ("left", ["SE2321000999-A001"])


@pytest.mark.parametrize("facts", [{"left": "2026-06-02", "continued": True}, {"left": None}])
def test_who_goes_on_in_the_region_keeps_the_card(fleet: Fleet, facts: dict[str, Any]) -> None:
    handed_over(fleet)
    person(fleet, **facts)
    fleet.skip(110)
    assert fleet.run(2) == 0


def test_a_card_that_came_back_or_was_blocked_is_nobodys_deadline_any_more(fleet: Fleet) -> None:
    handed_over(fleet)
    person(fleet, left="2026-06-02")
    about = {"errand": "e-3", "effect": "drop.card", "outcome": "dropped", "old_card": CARD}
    prove_ask(fleet.database, AskName.CARD_HOLD, "entre-b", fleet.now, CARD, "held")
    dropped = SealingStation("entre-b").seal(EventType.EFFECT_DONE, about, time=fleet.now.isoformat())
    Writer(fleet.database).commit(arrived(dropped), fleet.now)
    fleet.skip(110)
    assert fleet.run(2) == 0
    fleet.sql(delete(wishes))
    fleet.sql(update(orders).values(state="collected"))
    row = {"station": "", "id": "9", "ask": "card.block", "digest": "", "card_number": CARD, "people": "[]"}
    fleet.sql(insert(wishes).values(**row, outcome="blocked", at=fleet.now))
    assert fleet.run(1) == 0


def test_a_new_card_after_the_change_of_name_is_not_the_old_one(fleet: Fleet) -> None:
    handed_over(fleet)
    person(fleet, name_changed="2026-05-01")
    fleet.skip(110)
    assert fleet.run(2) == 0


def test_level_two_cards_are_told_of_before_the_regions_last_day(fleet: Fleet) -> None:
    hold_orders(fleet.database, record(loa=2))
    Writer(fleet.database).commit(arrived(*SealingStation().pickup()), fleet.now)
    prove_hand_over(fleet.database, now=fleet.now)
    assert fleet.run(10) == 0, "no day is known yet"
    fleet.settings.rule["loa2"] = replace_rule(fleet, "loa2", last_day=date(2026, 9, 30))
    fleet.run(40)
    fleet.skip(75)
    fleet.run(8)
    assert [what for what, _, _ in fleet.recorded_actions("loa2", "O-1")] == ["done", "warned"]
    assert fleet.asked() == []


def test_a_certificate_that_ends_is_told_of_unless_a_newer_one_stands_in(fleet: Fleet) -> None:
    def issued(serial: str, last_day: str) -> None:
        known = {"hsa_id": HOLDER, "profile": "identification", "loa": 3, "station": "entre-a", "at": fleet.now}
        fleet.sql(insert(certificates).values(card_number=CARD, serial=serial, last_day=last_day, **known))

    issued("a1", "2026-07-31")
    fleet.skip(26)
    fleet.run(9)
    assert fleet.recorded_actions("certificate", CARD) == [("warned", "remind", "2026-07-01")]
    issued("a2", "2031-07-31")
    fleet.skip(40)
    assert fleet.run(2) == 0


def test_the_oldest_reserve_card_is_told_of_until_it_is_taken_out(fleet: Fleet) -> None:
    station = SealingStation()
    reserve = {"errand": "e", "card_number": "9752269879", "slot": 9, "by": "TEST000000-A001"}
    Writer(fleet.database).commit(arrived(station.seal(EventType.CARD_STORED, reserve)), fleet.now)
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    (shown,) = desk.lane("reserve_old").shown
    assert (shown.deadline.slot, shown.deadline.due.isoformat(), shown.phase) == (9, "2026-11-28", "far")
    fleet.skip(176)
    fleet.run(6)
    assert fleet.recorded_actions("reserve_old", "9752269879") == [
        ("done", "remind", "2026-11-29"),
        ("warned", "remind", "2026-11-28"),
    ]
    taken = station.seal(EventType.CARD_TAKEN_OUT, {**reserve, "why": "reserve"}, time=fleet.now.isoformat())
    Writer(fleet.database).commit(arrived(taken), fleet.now)
    assert desk.lane("reserve_old").total == 0


def test_the_board_says_what_will_happen_and_what_has(fleet: Fleet) -> None:
    handed_over(fleet, events=3)
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    (shown,) = desk.lane("receipt_unsigned").shown
    assert (shown.phase, shown.act, shown.warned, shown.done) == ("far", "hold", None, None)
    assert (shown.deadline.station, shown.deadline.name) == ("entre-a", "Tove Test")
    fleet.run(10)
    lane = next(one for one in desk.lanes() if one.code == "receipt_unsigned")
    (shown,) = lane.shown
    assert shown.warned is not None
    assert shown.done is not None
    assert (lane.total, lane.act, lane.days, shown.phase, shown.done.did) == (1, "hold", 5, "over", "hold")
    with fleet.database.reading.begin() as connection:
        assert [one.did for one in deadlining.actions_about_card(connection, CARD)] == ["hold", "remind"]
    assert desk.within(frozenset({"entre-b"})).lane("receipt_unsigned").total == 0
    assert desk.lane("receipt_unsigned", station="entre-b").total == 0
    assert desk.believed()
    off = {**fleet.settings.rule, "left": replace_rule(fleet, "left", off=True)}
    with pytest.raises(KeyError):
        DeadlineService(fleet.database, DeadlineSettings(off), lambda: fleet.now).lane("left")


def test_a_protected_identity_has_no_name_on_the_board(fleet: Fleet) -> None:
    hold_orders(fleet.database, replace(record(), protected=True, name=None))
    Writer(fleet.database).commit(arrived(*SealingStation().pickup()), fleet.now)
    prove_hand_over(fleet.database, now=fleet.now)
    with fleet.database.writing.begin() as connection:
        import_people(connection, [PersonRow(HOLDER, None, protected=True, left="2026-06-02")], fleet.now)
    (shown,) = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now).lane("left").shown
    assert (shown.deadline.name, shown.deadline.hsa_id) == (None, HOLDER)
