"""Holds and blocks on their way to an issuer that is away: kept, tried, seen, done once."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from fleet.messages.asking import BlockAsk, BlockedResult, DeclinedResult, HoldAsk
from fleet.server.clock.clock_check import SETTLES, ClockReading
from fleet.server.database.database import Database
from fleet.server.guards.service import confirm, store_clock_reading
from fleet.server.issuers import model
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestKey, RequestRow
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.alarms import BLOCK_DECLINED
from tests.fakes.issuers.server_side import ADMIN, ALVA, BO, NOW, NUMBER, OTHER, WHO, Place
from tests.fleet.server.conftest import KeptChanges

BLOCK = BlockAsk(id="1" * 32, card_number=NUMBER, reason="lost", wanted="2026-03-02T11:00:00Z")
BLOCK = ALVA.behind(BLOCK, "a" * 32)
HOLD = HoldAsk(id="2" * 32, card_number=NUMBER, reason="lost", wanted="2026-03-02T11:00:00Z")


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    made = Place(database, tmp_path)
    made.register.away = True
    with database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(NOW, NOW - SETTLES))
    return made


@pytest.fixture
def carrier(place: Place) -> RequestSender:
    return RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now)


def rows(place: Place, state: str = "") -> list[RequestRow]:
    with place.database.reading.begin() as connection:
        return requesting.list_requests(connection, state=state)[0]


def put(place: Place, ask: model.Queueable, who: str = "rule:left", by: str = "") -> bool:
    with place.database.writing.begin() as connection:
        return requesting.enqueue(connection, RequestKey("", ask.id), ask, who, place.now, by)


async def test_a_block_that_the_issuer_cannot_hear_is_carried_by_the_server_until_it_can(
    place: Place, carrier: RequestSender
) -> None:
    assert (await place.ask(BLOCK)).error == "issuer_away"
    (row,) = rows(place)
    assert (row.station, row.state, row.tries, row.who, row.own) == ("entre-a", "waiting", 0, WHO, False)
    assert await carrier.carry()
    (row,) = rows(place)
    assert (row.tries, row.error, row.due) == (1, "away", NOW + timedelta(seconds=30))
    assert not await carrier.carry(), "not before its time"
    place.register.away = False
    place.now += timedelta(seconds=30)
    await carrier.carry()
    (row,) = rows(place)
    assert (row.state, row.tries, row.due, row.error) == ("done", 2, None, None)
    assert isinstance(await place.result(BLOCK), BlockedResult), "the station hears the same word"
    assert place.register.told == [(BLOCK.id, WHO)]


async def test_why_requests_wait_is_logged_once_and_not_with_each_of_them(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fleet.server.issuers.request_sender")
    carrier = RequestSender(place.database, None, KeptChanges(), lambda: place.now)
    for number in range(5):
        put(place, HoldAsk(id=str(number) * 32, card_number=NUMBER, reason="lost", wanted="2026-03-02T11:00:00Z"))
    for _ in range(20):
        await carrier.carry()
        place.now += timedelta(hours=1)
    assert [record.message for record in caplog.records] == ["requests to the issuer wait: no issuer is set up"]


async def test_that_they_wait_for_another_reason_or_are_answered_is_logged_again(
    place: Place, carrier: RequestSender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fleet.server.issuers.request_sender")
    put(place, HoldAsk(id="6" * 32, card_number=NUMBER, reason="lost", wanted="2026-03-02T11:00:00Z"))
    for _ in range(3):
        await carrier.carry()
        place.now += timedelta(hours=1)
    place.register.away = False
    await carrier.carry()
    assert [record.message for record in caplog.records] == [
        "requests to the issuer wait: away",
        "the issuer answers requests again",
    ]


async def test_a_station_that_comes_again_first_settles_what_waits(place: Place, carrier: RequestSender) -> None:
    await place.ask(BLOCK)
    place.register.away = False
    await place.result(BLOCK)
    assert [row.state for row in rows(place)] == ["done"]
    place.now += timedelta(hours=1)
    assert not await carrier.carry()
    assert place.register.told == [(BLOCK.id, WHO)]


def test_tries_come_later_and_later_up_to_an_hour() -> None:
    waits = [requesting.wait_after(tries).total_seconds() for tries in (1, 2, 3, 7, 8, 400)]
    assert waits == [30, 60, 120, 1920, 3600, 3600]


async def test_a_request_is_put_once_and_two_processes_try_it_once(place: Place, carrier: RequestSender) -> None:
    assert put(place, HOLD)
    assert not put(place, HOLD)
    place.register.away = False
    other = RequestSender(place.database, place.issuer, KeptChanges(), lambda: place.now)
    await asyncio.gather(carrier.carry(), other.carry())
    assert place.register.told == [(HOLD.id, "")]
    (row,) = rows(place)
    with place.database.writing.begin() as connection:
        assert not requesting.claim(connection, row, NOW)


async def test_the_server_asks_in_the_name_that_it_was_given_and_a_station_only_for_whom_it_may(
    place: Place, carrier: RequestSender
) -> None:
    place.register.away = False
    put(place, BlockAsk(id="3" * 32, card_number=NUMBER, reason="left", wanted="2026-03-02T11:00:00Z"), by=OTHER)
    await carrier.carry()
    assert [row.state for row in rows(place)] == ["done"]
    assert place.register.told == [("3" * 32, OTHER)]
    put(place, BlockAsk(id="4" * 32, card_number=NUMBER, reason="left", wanted=""), OTHER, OTHER)
    await carrier.carry()
    (row,) = rows(place, "declined")
    assert row.error == "not_allowed"
    said = await place.by(BO, BlockAsk(id="5" * 32, card_number=NUMBER, reason="left", wanted=""))
    assert said == DeclinedResult("not_allowed")


async def test_a_refusal_ends_the_tries_is_shown_and_alarms(place: Place, carrier: RequestSender) -> None:
    place.register.away = False
    put(place, HoldAsk(id="5" * 32, card_number="9999", reason="lost", wanted=""))
    await carrier.carry()
    (row,) = rows(place, "declined")
    assert (row.error, row.due) == ("unknown_card", None)
    alarms = StoreReadings(place.database, lambda: NOW).summary(NOW).alarms
    assert ("", BLOCK_DECLINED, "9999: unknown_card") in alarms


async def test_where_no_issuer_is_set_up_requests_wait_and_say_so(place: Place) -> None:
    put(place, HOLD)
    await RequestSender(place.database, None, KeptChanges(), lambda: place.now).carry()
    assert [(row.state, row.error) for row in rows(place)] == [("waiting", "no issuer is set up")]


def test_retry_now_is_for_what_waits_and_for_the_stations_that_one_may_see(place: Place) -> None:
    put(place, HOLD)
    with place.database.writing.begin() as connection:
        (row,) = requesting.due_requests(connection, NOW)
        requesting.postpone(connection, row, "away", NOW)
        here, there = requesting.stations_in({"*"}), requesting.stations_in({"entre-*"})
        assert not requesting.retry_now(connection, row.key, NOW, there)
        assert requesting.retry_now(connection, row.key, NOW, here)
        assert requesting.due_requests(connection, NOW)[0].tries == 1
        requesting.record_answer(connection, row.key, None, NOW)
        assert not requesting.retry_now(connection, row.key, NOW, here)


def test_nobody_reads_an_administrator_where_a_rule_asked(place: Place) -> None:
    put(place, HOLD, "rule:left")
    put(place, BLOCK, ADMIN)
    assert [(row.id[0], row.own) for row in sorted(rows(place), key=lambda row: row.id)] == [("1", False), ("2", True)]


def holds(place: Place, many: int, who: str) -> None:
    for number in range(many):
        ask = HoldAsk(
            id=f"{number:032}", card_number=f"97522690{number:08}", reason="deadline", wanted="2026-03-02T11:00:00Z"
        )
        put(place, ask, who)


@pytest.mark.parametrize("who", ["rule:left", "entre-a"], ids=["a rule", "a station without a proof"])
async def test_more_holds_than_a_share_of_the_cards_wait_for_a_person(
    place: Place, carrier: RequestSender, who: str
) -> None:
    place.register.away = False
    holds(place, 25, who)
    for _ in range(2):
        await carrier.carry()
    assert place.register.told == []
    assert {row.error for row in rows(place, "waiting")} == {"25 holds within a day wait for a person to allow them"}
    with place.database.reading.begin() as connection:
        assert StoreReadings(place.database, lambda: NOW).summary(NOW).alarms[0][1:] == ("requests_many", "25"), (
            connection
        )
    with place.database.writing.begin() as connection:
        assert confirm(connection, "holds", place.now, ("machine:test", ""))
    place.now += timedelta(hours=1)
    for _ in range(2):
        await carrier.carry()
    assert not any("wait for a person" in (row.error or "") for row in rows(place)), "each was told to the issuer"


async def test_what_its_holder_proved_is_no_batch_and_goes_on(place: Place, carrier: RequestSender) -> None:
    holds(place, 25, "rule:left")
    await place.ask(BLOCK)
    place.register.away = False
    place.now += timedelta(minutes=1)
    for _ in range(3):
        await carrier.carry()
    assert place.register.told == [(BLOCK.id, WHO)]


async def test_a_rule_s_wish_waits_while_the_clock_has_leapt_and_a_persons_does_not(
    place: Place, carrier: RequestSender
) -> None:
    with place.database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(NOW, NOW - SETTLES, leapt=NOW))
    place.register.away = False
    put(place, HOLD)
    put(place, BLOCK, "account:maj", ADMIN)
    await carrier.carry()
    assert [(row.ask, row.state) for row in rows(place)] == [("card.hold", "waiting"), ("card.block", "done")]
