"""Which rows a rule is about, page by page, and what is done about them once."""

from datetime import date
from typing import get_args

import pytest
from sqlalchemy import insert, update

from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import ALARMS, MAY, Code, DeadlineSettings
from fleet.server.issuers.tables import certificates
from fleet.server.live_feed.topics import Topic, topics_of
from fleet.server.orders.tables import orders
from tests.fleet.server.conftest import hold_orders, record
from tests.fleet.server.deadlines.conftest import CARD, HOLDER, Fleet, handed_over, person, replace_rule


def certificate(fleet: Fleet, last_day: str, card: str = CARD, profile: str = "identification") -> None:
    """One of that card, which ends on that day."""
    row = {
        "serial": f"s-{card}-{profile}-{last_day}", "card_number": card, "hsa_id": HOLDER, "profile": profile,
        "station": "entre-a", "last_day": last_day, "loa": 3, "at": fleet.now,
    }  # fmt: skip
    fleet.sql(insert(certificates).values(row))


def certificates_told(fleet: Fleet) -> list[str]:
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    return [shown.deadline.due.isoformat() for shown in desk.lane("certificate").shown]


def near(fleet: Fleet, code: Code) -> list[Deadline]:
    with fleet.database.reading.begin() as connection:
        return deadlining.list_near(connection, code, fleet.settings.rule[code], fleet.now.date())


def test_a_lane_has_so_many_of_its_deadlines_and_says_how_many_there_are(fleet: Fleet) -> None:
    made = [record(f"O-{number}", slot=number, card_number=f"975226987{number}") for number in (1, 2, 3)]
    hold_orders(fleet.database, *made, now=fleet.now)
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)

    def shown(limit: int, offset: int = 0) -> list[str]:
        lane = desk.lane("not_collected", limit=limit, offset=offset)
        assert lane.total == 3
        return [entry.deadline.subject for entry in lane.shown]

    assert (shown(1), shown(2), shown(9), shown(1, 1), shown(9, 3)) == (
        ["O-1"], ["O-1", "O-2"], ["O-1", "O-2", "O-3"], ["O-2"], [],
    )  # fmt: skip
    assert [len(lane.shown) for lane in desk.lanes(limit=2) if lane.code == "not_collected"] == [2]


def test_a_certificate_that_ended_is_told_of_for_thirty_days(fleet: Fleet) -> None:
    for number, last_day in enumerate(("2026-05-03", "2026-05-04", "2026-06-20")):
        certificate(fleet, last_day, f"975226987{number}")
    assert certificates_told(fleet) == ["2026-05-04", "2026-06-20"]


@pytest.mark.parametrize("state", ["returned", "destroyed"])
def test_the_certificate_of_a_card_that_came_back_is_nobodys(fleet: Fleet, state: str) -> None:
    hold_orders(fleet.database, record(), now=fleet.now)
    certificate(fleet, "2026-06-20")
    assert certificates_told(fleet) == ["2026-06-20"]
    fleet.sql(update(orders).values(state=state))
    assert certificates_told(fleet) == []


def test_what_one_rule_has_done_is_not_done_for_another(fleet: Fleet) -> None:
    certificate(fleet, "2026-06-20")
    (deadline,) = near(fleet, "certificate")
    assert (deadline.subject, deadline.due) == (CARD, date(2026, 6, 20))
    other = Deadline("reserve_old", CARD, CARD, "", None, "entre-a", 1, "", deadline.since, deadline.due)
    with fleet.database.writing.begin() as connection:
        assert deadlining.record_action(connection, other, "warned", "remind", fleet.now)
    assert near(fleet, "certificate") == [deadline]
    with fleet.database.writing.begin() as connection:
        assert deadlining.record_action(connection, deadline, "warned", "remind", fleet.now)
        assert not deadlining.record_action(connection, deadline, "warned", "remind", fleet.now)
    assert near(fleet, "certificate") == []


def test_pages_of_deadlines_follow_all_that_they_show() -> None:
    for read in (DeadlineService.lanes, DeadlineService.lane):
        assert topics_of(read) == {Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS}
    assert topics_of(DeadlineService.clock) == {Topic.DEADLINES}
    assert {*get_args(Code), "clock_leapt", "deadlines_many"} == ALARMS


def test_what_may_happen_by_itself_is_what_the_documents_say() -> None:
    card, tell = {"remind", "hold", "block"}, {"remind"}
    assert {
        "receipt_unsigned": card, "not_collected": {"remind", "void"}, "name_changed": card, "left": card, "loa2": tell,
        "certificate": tell, "reserve_old": tell,
    } == MAY  # fmt: skip


def test_certificates_that_end_soon_are_deadlines_of_their_rule(fleet: Fleet) -> None:
    for number, last_day in enumerate(("2026-06-02", "2026-06-03", "2026-07-03", "2026-07-04")):
        certificate(fleet, last_day, f"975226987{number}")
    with fleet.database.reading.begin() as connection:
        rule = fleet.settings.rule["certificate"]
        ending = deadlining.certificates_ending(connection, rule, fleet.now.date())
    assert [(one.code, one.due.isoformat()) for one in ending] == [
        ("certificate", "2026-06-03"),
        ("certificate", "2026-07-03"),
    ]


def test_what_was_done_about_one_certificate_is_not_done_about_another_of_the_same_day(fleet: Fleet) -> None:
    certificate(fleet, "2026-06-20", "9752269871")
    certificate(fleet, "2026-06-20", "9752269872")
    first, second = near(fleet, "certificate")
    with fleet.database.writing.begin() as connection:
        deadlining.record_action(connection, first, "warned", "remind", fleet.now)
    assert near(fleet, "certificate") == [second]


@pytest.mark.parametrize(("last_day", "left"), [("2026-06-04", 0), ("2026-06-03", 0), ("2026-06-02", 1)])
def test_who_was_warned_of_a_certificate_is_told_again_once_its_last_day_is_past(
    fleet: Fleet, last_day: str, left: int
) -> None:
    certificate(fleet, last_day)
    (deadline,) = near(fleet, "certificate")
    with fleet.database.writing.begin() as connection:
        deadlining.record_action(connection, deadline, "warned", "remind", fleet.now)
    assert len(near(fleet, "certificate")) == left


def test_a_newer_certificate_stands_in_for_one_of_its_own_profile_alone(fleet: Fleet) -> None:
    certificate(fleet, "2026-06-20")
    certificate(fleet, "2031-06-20", profile="signature")
    assert certificates_told(fleet) == ["2026-06-20", "2031-06-20"]
    certificate(fleet, "2031-06-21")
    assert certificates_told(fleet) == ["2031-06-20", "2031-06-21"]


@pytest.mark.parametrize("code", ["left", "name_changed", "not_collected", "certificate"])
def test_of_each_rule_a_station_has_its_own_and_who_may_see_others_sees_no_more(fleet: Fleet, code: Code) -> None:
    certificate(fleet, "2026-06-20")
    if code == "not_collected":
        hold_orders(fleet.database, record(), now=fleet.now)
    else:
        handed_over(fleet)
        person(fleet, left="2026-06-02", name_changed="2026-06-05")
    desk = DeadlineService(fleet.database, fleet.settings, lambda: fleet.now)
    assert [desk.lane(code, station=name).total for name in ("", "entre-a", "entre-b")] == [1, 1, 0]
    assert [desk.within(frozenset({name})).lane(code).total for name in ("entre-a", "entre-b")] == [1, 0]


def test_a_rule_that_is_off_is_named_by_the_error(fleet: Fleet) -> None:
    rules = {**fleet.settings.rule, "left": replace_rule(fleet, "left", off=True)}
    with pytest.raises(KeyError, match="left"):
        DeadlineService(fleet.database, DeadlineSettings(rules), lambda: fleet.now).lane("left")
