"""A hand-over ends at the issuer: told until it has said so, seen until then, and by people where it has no interface."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from fleet.messages.asking import (
    BelievedResult,
    BinAsk,
    BlockAsk,
    BlockedResult,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    ReceivedAsk,
    Result,
    StockAsk,
    StockMove,
)
from fleet.messages.issuing import CardRecord
from fleet.messages.vocabulary import EventType
from fleet.server.alerts.queries import fleet_snapshot
from fleet.server.alerts.rules import RuleMatch, evaluate_rules
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.database.database import Database
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import HANDED_OVER, HandoverReport, RequestKey, RequestRow
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.orders.queries import find_order
from fleet.server.orders.tables import orders
from fleet.server.people.queries import replace_administrators
from fleet.server.stations.tables import alarms
from sim.stories.administrators import listed
from tests.fakes.issuers.proving import CardHolder
from tests.fakes.issuers.server_side import ADMIN, AT, BO, MAJ, NUMBER, OTHER, WHO, Place, wish
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived, hold_orders, record


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    made = Place(database, tmp_path)
    hold_orders(database, record("O-1", card_number=NUMBER, hsa_id=WHO), now=made.now)
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test"), listed(OTHER, "Bo Test")])
    made.register.card = CardRecord(NUMBER, WHO, "601", "handed_out")
    made.register.others[OLD.card_number] = CardRecord(OLD.card_number, WHO, "601", "active")
    return made


def sender(place: Place, *, issuer: bool = True) -> RequestSender:
    return RequestSender(place.database, place.issuer if issuer else None, KeptChanges(), lambda: place.now)


OLD = CardHolder.made(WHO, "9752269917")
"""The holder's other card."""


def handed_over(number: int = 1, **changed: Any) -> ReceivedAsk:
    said: dict[str, Any] = {
        "card_number": NUMBER,
        "order": "O-1",
        "handed_over": AT,
        "receipt": "R-1",
        "digest": "ab" * 32,
    }
    return ReceivedAsk(id=wish(number), **{**said, **changed})


async def hand_over(place: Place, by: CardHolder = MAJ, **changed: Any) -> Result:
    return await place.by(by, handed_over(**changed))


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


async def test_a_hand_over_is_told_to_the_issuer_until_it_has_said_so(place: Place) -> None:
    assert await hand_over(place) == BelievedResult()
    place.register.away = True
    (row,) = waiting(place)
    assert isinstance(row.content, HandoverReport)
    assert (row.station, row.content.order, row.content.hsa_id, row.state) == ("entre-a", "O-1", WHO, "waiting")
    assert (row.content.attested_by, row.content.receipt) == ((ADMIN,), "R-1")
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


async def test_it_is_told_once_however_often_it_is_proved_and_a_rebuild_leaves_it(
    place: Place, station: SealingStation
) -> None:
    Writer(place.database).commit(arrived(*station.pickup("O-1", NUMBER)), place.now)
    assert await hand_over(place, receipt="", digest="") == BelievedResult()
    assert shown_state(place) == "activated"
    for number in (2, 3):
        assert await place.by(MAJ, handed_over(number)) == BelievedResult()
    await sender(place).carry()
    rebuild(place.database)
    assert shown_state(place) == "collected"
    Writer(place.database).commit(arrived(station.seal()), place.now)
    await sender(place).carry()
    assert len(waiting(place)) == len(place.register.received_cards) == 1


async def test_a_pick_up_with_the_own_old_card_names_nobody_who_attested(place: Place) -> None:
    assert await hand_over(place, OLD) == BelievedResult()
    await sender(place).carry()
    (report,) = place.register.reports
    assert (report.attested_by, report.receipt) == ((), "R-1")


async def test_what_a_station_alone_tells_changes_no_order_and_no_issuer(place: Place, station: SealingStation) -> None:
    attested = {
        "errand": "E-1",
        "order": "O-1",
        "administrator": ADMIN,
        "logged_in_by": "server",
        "document": "passport",
    }
    told = [station.seal(EventType.IDENTITY_ATTESTED, attested), *station.pickup("O-1", NUMBER, errand="E-1")]
    Writer(place.database).commit(arrived(*told), place.now)
    await sender(place).carry()
    assert (shown_state(place), waiting(place), place.register.reports) == ("taken", [], [])


POSTED: dict[str, Any] = {"delivery": "post", "slot": 0, "station": "entre-b"}
RESERVED: dict[str, Any] = {"product": "reserve"}
SPARE: dict[str, Any] = {"loa": 2}
NEW = CardHolder.made(WHO, NUMBER)


@pytest.mark.parametrize(
    ("order", "people", "result"),
    [
        ({}, (), "not_allowed"),
        ({}, (NEW,), "not_allowed"),
        (SPARE, (NEW,), ""),
        (POSTED, (), "administrators_missing"),
        (POSTED, (OLD,), "administrators_missing"),
        (POSTED, (MAJ,), ""),
        (RESERVED, (MAJ,), "administrators_missing"),
        (RESERVED, (MAJ, BO), ""),
        ({"station": "entre-b"}, (MAJ,), "unknown_card"),
        ({"card_number": "9752269925"}, (MAJ,), "unknown_card"),
        ({"hsa_id": OTHER}, (MAJ,), "other_person"),
    ],
)
async def test_a_hand_over_is_believed_of_whom_the_rules_name(
    place: Place, order: dict[str, Any], people: tuple[CardHolder, ...], result: str
) -> None:
    with place.database.writing.begin() as connection:
        connection.execute(update(orders).values(**{"loa": 3, **order}))
    ask = handed_over()
    for one in people:
        ask = one.behind(ask, place.nonces.new("entre-a", NUMBER, place.now), wished=handed_over())
    assert await place.result(ask) == (DeclinedResult(result) if result else BelievedResult())
    await sender(place).carry()
    assert bool(place.register.received_cards) is not bool(result)


async def test_the_holder_of_a_card_that_names_an_administrator_attests_nothing(place: Place) -> None:
    place.register.card = CardRecord(NUMBER, WHO, "601", "handed_out", also=(ADMIN,))
    with place.database.writing.begin() as connection:
        connection.execute(update(orders).values(**POSTED))
    assert await hand_over(place) == DeclinedResult("administrators_missing")


async def test_an_administrator_of_another_station_attests_nothing(place: Place) -> None:
    with place.database.writing.begin() as connection:
        replace_administrators(connection, [replace(listed(ADMIN, "Maj Test"), scope=("entre-b",))])
    assert await hand_over(place) == DeclinedResult("not_allowed")


async def test_a_hand_over_without_connection_is_told_later_by_a_nonce_of_the_station_once(place: Place) -> None:
    told = MAJ.behind(handed_over(), "c" * 32)
    place.now += timedelta(hours=5)
    assert await place.result(told) == BelievedResult()
    assert await place.result(told) == BelievedResult(), "the same one"
    again = MAJ.behind(handed_over(2), "c" * 32)
    assert await place.result(again) == BelievedResult(), "the same hand-over, with its receipt"
    await sender(place).carry()
    assert len(place.register.received_cards) == 1


async def test_a_posted_card_is_attested_over_the_servers_nonce_and_not_in_advance(place: Place) -> None:
    with place.database.writing.begin() as connection:
        connection.execute(update(orders).values(loa=3, **POSTED))
    assert await place.result(MAJ.behind(handed_over(), "c" * 32)) == DeclinedResult("nonce_unknown")
    await sender(place).carry()
    assert place.register.received_cards == []


def bin_story(station: SealingStation, *, empty: bool = True) -> None:
    about = {"errand": "e-3", "effect": "drop.card", "outcome": "dropped", "old_card": NUMBER}
    station.seal(EventType.EFFECT_DONE, about, time="2026-03-02T12:10:00Z")
    if empty:
        by = {"by": ADMIN, "second": OTHER, "counted": 1, "expected": 1, "seal": "4411"}
        station.seal(EventType.BIN_EMPTIED, by, time="2026-03-02T12:20:00Z")


@pytest.mark.parametrize("first", ["events", "asks"])
async def test_a_card_is_back_and_destroyed_once_people_have_proved_it_in_any_order(
    place: Place, station: SealingStation, first: str
) -> None:
    assert await hand_over(place) == BelievedResult()
    bin_story(station)
    place.now += timedelta(minutes=30)
    blocked = BlockAsk(id=wish(5), card_number=NUMBER, reason="own_wish", wanted=AT)
    emptied = BinAsk(id=wish(6), emptied=AT, seal="4411", digest="ab" * 32)
    both = MAJ.behind(emptied, place.nonces.new("entre-a", MAJ.card_number, place.now), wished=emptied)
    both = BO.behind(both, place.nonces.new("entre-a", BO.card_number, place.now), wished=emptied)
    seen = []
    for step in ("events", "asks") if first == "events" else ("asks", "events"):
        if step == "events":
            Writer(place.database).commit(arrived(*station.sealed), place.now)
        else:
            assert isinstance(await place.by(MAJ, blocked), BlockedResult)
            seen.append(shown_state(place))
            assert await place.result(both) == BelievedResult()
        seen.append(shown_state(place))
    assert seen[-1] == "destroyed"
    rebuild(place.database)
    assert shown_state(place) == "destroyed"


async def test_a_card_that_a_station_says_fell_into_its_bin_stays_its_holders(
    place: Place, station: SealingStation
) -> None:
    assert await hand_over(place) == BelievedResult()
    bin_story(station)
    place.now += timedelta(minutes=30)
    Writer(place.database).commit(arrived(*station.sealed), place.now)
    assert isinstance(
        await place.result(HoldAsk(id=wish(5), card_number=NUMBER, reason="returned", wanted=AT)), HeldResult
    )
    one = BinAsk(id=wish(6), emptied=AT, seal="4411", digest="ab" * 32)
    assert await place.by(MAJ, one) == DeclinedResult("administrators_missing")
    assert shown_state(place) == "unregistered"


async def test_what_one_administrator_proves_of_slots_moves_orders_and_what_nobody_does_raises_an_alarm(
    place: Place,
) -> None:
    moves = (StockMove("O-1", 3, "taken_out", AT), StockMove("O-1", 7, "stored", "2026-03-02T12:00:01Z"))
    assert await place.result(StockAsk(id=wish(1), moves=moves)) == DeclinedResult("administrators_missing")
    with place.database.reading.begin() as connection:
        assert connection.execute(select(alarms.c.code)).scalars().all() == ["fact_unproved"]
        assert connection.execute(select(orders.c.slot)).scalar_one() == 3
    place.now += timedelta(minutes=1)
    assert await place.by(MAJ, StockAsk(id=wish(2), moves=moves)) == BelievedResult()
    with place.database.reading.begin() as connection:
        assert connection.execute(select(orders.c.state, orders.c.slot)).one() == ("waiting", 7)


async def test_what_the_issuer_refuses_stays_to_be_seen_and_a_person_settles_it(
    place: Place, station: SealingStation
) -> None:
    place.register.receives = DeclinedResult("card_voided")
    await hand_over(place)
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.state, row.error) == ("declined", "card_voided")
    assert shown_state(place) == "unregistered"
    with place.database.writing.begin() as connection:
        assert requesting.settle(connection, row.key, place.now)
        assert not requesting.settle(connection, row.key, place.now), "once"
    assert shown_state(place) == "collected"


async def test_where_people_use_a_portal_it_is_not_tried_and_waits_for_them(place: Place) -> None:
    place.with_portal()
    await hand_over(place)
    await sender(place).carry()
    (row,) = waiting(place)
    assert (row.state, row.tries, row.due, row.error) == ("waiting", 0, None, requesting.PORTAL)
    assert place.register.received_cards == []


async def test_without_an_issuer_it_waits_and_says_why(place: Place) -> None:
    await hand_over(place)
    await sender(place, issuer=False).carry()
    assert [row.error for row in waiting(place)] == ["no issuer is set up"]


async def test_a_hand_over_that_stays_unregistered_is_an_alert_which_closes_by_itself(place: Place) -> None:
    await hand_over(place)
    place.register.away = True
    assert [(one.station, one.subject, one.detail) for one in alerts(place)] == [("entre-a", "O-1", NUMBER)]
    assert load_alerts().rule["handover_unregistered"].after_s >= 3600, "an issuer may be away for a while"
    (row,) = waiting(place)
    with place.database.writing.begin() as connection:
        requesting.settle(connection, RequestKey("entre-a", row.id), place.now)
    assert alerts(place) == []


async def test_a_card_that_came_back_before_is_not_waited_for_as_handed_over(place: Place) -> None:
    await hand_over(place)
    place.register.away = True
    with place.database.writing.begin() as connection:
        connection.execute(update(orders).where(orders.c.order == "O-1").values(state="returned"))
    assert shown_state(place) == "returned"
