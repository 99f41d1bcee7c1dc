"""A hand-over ends at the issuer: told until it has said so, seen until then, and by people where it has no interface."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from fleet.messages.asking import DeclinedResult
from fleet.messages.vocabulary import EventType
from fleet.server.alerts.queries import fleet_snapshot
from fleet.server.alerts.rules import RuleMatch, evaluate_rules
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import HANDED_OVER, HandoverReport, RequestKey, RequestRow
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.orders.queries import find_order
from fleet.server.orders.tables import orders
from fleet.server.platform.database.database import Database
from tests.fakes.issuers.server_side import ADMIN, NUMBER, WHO, Place
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived, hold_orders, record


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    made = Place(database, tmp_path)
    hold_orders(database, record("O-1", card_number=NUMBER, hsa_id=WHO), now=made.now)
    return made


def sender(place: Place, *, issuer: bool = True) -> RequestSender:
    return RequestSender(place.database, place.issuer if issuer else None, KeptChanges(), lambda: place.now)


def hand_over(place: Place, station: SealingStation) -> None:
    Writer(place.database).commit(arrived(*station.pickup("O-1", NUMBER)), place.now)


def waiting(place: Place) -> list[RequestRow]:
    with place.database.reading.begin() as connection:
        return [row for row in requesting.list_requests(connection)[0] if row.ask == HANDED_OVER]


def shown_state(place: Place) -> str:
    with place.database.reading.begin() as connection:
        row = find_order(connection, "O-1", "2026-03-02")
    assert row is not None
    return row.shown_state


def alerts(place: Place) -> list[RuleMatch]:
    rules = load_alerts().rule
    with place.database.reading.begin() as connection:
        look = fleet_snapshot(connection, place.now, timedelta(days=1))
    return [found for found in evaluate_rules(look, rules) if found.code == "handover_unregistered"]


async def test_a_hand_over_is_told_to_the_issuer_until_it_has_said_so(place: Place, station: SealingStation) -> None:
    place.register.away = True
    hand_over(place, station)
    (row,) = waiting(place)
    assert isinstance(row.content, HandoverReport)
    assert (row.station, row.content.order, row.content.hsa_id, row.state) == ("entre-a", "O-1", WHO, "waiting")
    assert shown_state(place) == "unregistered"
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.tries, row.error, row.due) == (1, "away", place.now + timedelta(seconds=30))
    place.register.away = False
    place.now += timedelta(seconds=30)
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.state, row.due, row.error) == ("done", None, None)
    assert place.register.received_cards == [(NUMBER, WHO)]
    assert shown_state(place) == "collected"


async def test_it_is_told_once_however_often_the_events_come_or_are_played(
    place: Place, station: SealingStation
) -> None:
    hand_over(place, station)
    Writer(place.database).commit(arrived(*station.sealed), place.now)
    await sender(place).carry()
    rebuild(place.database)
    Writer(place.database).commit(arrived(station.seal()), place.now)
    await sender(place).carry()
    assert len(waiting(place)) == len(place.register.received_cards) == 1


async def test_the_issuer_hears_who_attested_it_and_the_same_at_every_try(
    place: Place, station: SealingStation
) -> None:
    place.register.away = True
    attested = {
        "errand": "E-1",
        "order": "O-1",
        "administrator": ADMIN,
        "logged_in_by": "server",
        "document": "passport",
    }
    told = [station.seal(EventType.IDENTITY_ATTESTED, attested), *station.pickup("O-1", NUMBER, errand="E-1")]
    Writer(place.database).commit(arrived(*told[:4]), place.now)
    await sender(place).carry()
    Writer(place.database).commit(arrived(*told[4:]), place.now)
    place.register.away = False
    place.now += timedelta(seconds=30)
    await sender(place).carry()
    first, second = place.register.reports
    assert (first.attested_by, first.order) == ((ADMIN,), "O-1")
    assert first == second, "an issuer takes one request for one id"
    assert waiting(place)[0].state == "done"


async def test_a_pick_up_with_the_own_old_card_names_nobody_and_its_receipt(
    place: Place, station: SealingStation
) -> None:
    hand_over(place, station)
    await sender(place).carry()
    (report,) = place.register.reports
    assert (report.attested_by, report.receipt) == ((), "R-O-1")


async def test_what_the_issuer_refuses_stays_to_be_seen_and_a_person_settles_it(
    place: Place, station: SealingStation
) -> None:
    place.register.receives = DeclinedResult("card_voided")
    hand_over(place, station)
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.state, row.error) == ("declined", "card_voided")
    assert shown_state(place) == "unregistered"
    with place.database.writing.begin() as connection:
        assert requesting.settle(connection, row.key, place.now)
        assert not requesting.settle(connection, row.key, place.now), "once"
    assert shown_state(place) == "collected"


async def test_where_people_use_a_portal_it_is_not_tried_and_waits_for_them(
    place: Place, station: SealingStation
) -> None:
    place.with_portal()
    hand_over(place, station)
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.state, row.tries, row.due, row.error) == ("waiting", 0, None, requesting.PORTAL)
    assert place.register.received_cards == []


async def test_without_an_issuer_it_waits_and_says_why(place: Place, station: SealingStation) -> None:
    hand_over(place, station)
    await sender(place, issuer=False).carry()
    assert [row.error for row in waiting(place)] == ["no issuer is set up"]


async def test_a_hand_over_that_stays_unregistered_is_an_alert_which_closes_by_itself(
    place: Place, station: SealingStation
) -> None:
    place.register.away = True
    hand_over(place, station)
    assert [(one.station, one.subject, one.detail) for one in alerts(place)] == [("entre-a", "O-1", NUMBER)]
    assert load_alerts().rule["handover_unregistered"].after_s >= 3600, "an issuer may be away for a while"
    (row,) = waiting(place)
    with place.database.writing.begin() as connection:
        requesting.settle(connection, RequestKey("entre-a", row.id), place.now)
    assert alerts(place) == []


async def test_a_card_that_came_back_before_is_not_waited_for_as_handed_over(
    place: Place, station: SealingStation
) -> None:
    place.register.away = True
    hand_over(place, station)
    with place.database.writing.begin() as connection:
        connection.execute(update(orders).where(orders.c.order == "O-1").values(state="returned"))
    assert shown_state(place) == "returned"
