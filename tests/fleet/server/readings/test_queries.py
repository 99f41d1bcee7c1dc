"""Figures and lists as pages ask for them."""

import inspect
import re
from dataclasses import fields
from datetime import date, timedelta

import pytest
from sqlalchemy import event

from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.database.schema import metadata
from fleet.server.errands.model import GOING_ON, TODAY, ErrandQuery
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState, UnreadableMessage
from fleet.server.ingest.write import Writer
from fleet.server.live_feed.topics import Topic, topics_of
from fleet.server.readings.model import Readings
from fleet.server.readings.queries import StoreReadings
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record

SICK = (
    '{"title":"Entré A","version":"0.1.0","bootid":"b","time":"2026-06-01T10:00:00Z","out_of_service":"moving",'
    '"devices":[{"name":"printer","kind":"printer","state":"out_of_paper","ok":false}]}'
)


def test_the_overview_counts_today(
    writer: Writer, station: SealingStation, readings: StoreReadings, database: Database
) -> None:
    hold_orders(database, record(), record("O-2", slot=4, card_number="9752269876"))
    writer.commit([ArrivedPresence("entre-a", True), *arrived(*station.pickup())], NOW)
    summary = readings.summary(NOW)
    assert (summary.stations, summary.stations_online, summary.errands_today) == (1, 1, 1)
    assert summary.errands_by_kind == (("pickup", 1),)
    assert [figures[1:] for figures in summary.errands_by_hour] == [(1, 0, 0)]
    assert summary.orders_waiting == 1
    assert readings.summary(NOW + timedelta(days=1)).errands_today == 0


def test_a_station_that_said_nothing_new_is_the_value_read_before(writer: Writer, readings: StoreReadings) -> None:
    writer.commit(
        [ArrivedState("entre-a", SICK), ArrivedPresence("entre-a", True), ArrivedPresence("entre-b", True)], NOW
    )
    first = readings.stations(NOW)
    writer.commit([ArrivedPresence("entre-b", False), ArrivedState("entre-a", SICK)], NOW)
    second = readings.stations(NOW)
    assert second[0] is first[0]
    assert (first[1].online, second[1].online) == (True, False)
    writer.commit([ArrivedState("entre-a", SICK.replace("Entré A", "Entrén"))], NOW)
    assert [row.title for row in readings.stations(NOW)] == ["Entrén", "entre-b"]


def test_errands_come_in_turn_though_others_begin_meanwhile(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    def begin(name: str, minute: int) -> None:
        content: dict[str, object] = {"errand": name, "kind": "pickup"}
        writer.commit(arrived(station.seal(EventType.ERRAND_STARTED, content, time=f"2026-06-01T09:{minute}:00Z")), NOW)

    for number, minute in enumerate((50, 52, 51, 51, 51)):
        begin(f"E-{number}", minute)
    every = readings.errands(NOW)
    assert [one.errand for one in every] == ["E-1", "E-2", "E-3", "E-4", "E-0"]
    first = readings.errands(NOW, limit=2)
    begin("E-new", 53)
    assert first + readings.errands(NOW, limit=2, after=first[-1]) == every[:4]
    assert readings.errands(NOW, after=every[3]) == every[4:]
    assert readings.errands(NOW, after=every[4]) == []


def test_errands_of_a_day_by_kind_station_and_outcome(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    def tell(event: str, time: str, **content: object) -> None:
        writer.commit(arrived(station.seal(event, dict(content), time=time)), NOW)

    tell(EventType.ERRAND_STARTED, "2026-05-30T09:00:00Z", errand="E-1", kind="unblock")
    tell(EventType.ERRAND_ENDED, "2026-05-30T09:01:00Z", errand="E-1", kind="unblock", outcome="done", seconds=60)
    tell(EventType.ERRAND_STARTED, "2026-05-30T10:00:00Z", errand="E-2", kind="pickup")
    tell(EventType.ERRAND_STARTED, "2026-06-01T09:00:00Z", errand="E-3", kind="pickup")
    day = date(2026, 5, 30)
    wanted = {
        TODAY: ["E-3"],
        ErrandQuery(day=day): ["E-2", "E-1"],
        ErrandQuery(day=day, kind="unblock"): ["E-1"],
        ErrandQuery(day=day, outcome="done"): ["E-1"],
        ErrandQuery(day=day, outcome=GOING_ON): ["E-2"],
        ErrandQuery("entre-a", day=day): ["E-2", "E-1"],
        ErrandQuery("entre-b", day=day): [],
        ErrandQuery(day=date.max): [],
        ErrandQuery(day=date.min): [],
    }
    assert {sought: [one.errand for one in readings.errands(NOW, sought)] for sought in wanted} == wanted


def test_readings_may_be_narrowed_to_very_many_stations(writer: Writer, readings: StoreReadings) -> None:
    writer.commit([ArrivedState("entre-a", SICK), ArrivedState("entre-b", SICK)], NOW)
    narrowed = readings.within(frozenset({"entre-b", *(f"station-{number}" for number in range(5000))}))
    assert narrowed.errands(NOW) == []
    assert narrowed.summary(NOW).stations == 1


def test_alarms_name_what_is_wrong(writer: Writer, readings: StoreReadings, database: Database) -> None:
    hold_orders(database, record(last_day="2026-05-31"))
    writer.commit([ArrivedPresence("entre-a", True), ArrivedState("entre-a", SICK)], NOW)
    assert readings.summary(NOW).alarms == (
        ("entre-a", "out_of_service", "moving"),
        ("entre-a", "device_fault", "printer"),
        ("entre-a", "order_expired", "O-1"),
    )


def test_an_order_past_its_last_day_is_expired_by_itself(readings: StoreReadings, database: Database) -> None:
    hold_orders(
        database,
        record(last_day="2026-05-31"),
        record("O-2", slot=4, card_number="9752269876", last_day="2026-06-01"),
    )
    assert {row.order: row.state for row in readings.orders()[0]} == {"O-1": "expired", "O-2": "waiting"}
    assert [row.order for row in readings.orders(state="expired")[0]] == ["O-1"]
    assert [row.order for row in readings.orders(state="waiting")[0]] == ["O-2"]
    assert readings.summary(NOW).orders_waiting == 1


def test_orders_are_searched_literally(readings: StoreReadings, database: Database) -> None:
    hold_orders(database, record(), record("O-2", slot=4, card_number="9752269876", name="Åsa 100%"))
    assert [row.order for row in readings.orders(search="100%")[0]] == ["O-2"]
    assert [row.order for row in readings.orders(search="tove")[0]] == ["O-1"]
    assert readings.orders(search="%%") == ([], 0)
    for typed in ("åsa", "ÅSA", "a\u030asa"):
        assert [row.order for row in readings.orders(search=typed)[0]] == ["O-2"], "whatever the keyboard makes of it"
    page, total = readings.orders(limit=1, offset=1)
    assert (len(page), total) == (1, 2)


def test_a_whole_hsa_id_finds_that_one(readings: StoreReadings, database: Database) -> None:
    longer = record("O-3", slot=5, card_number="9752269877", hsa_id="TEST000000-00012")
    hold_orders(database, record(), record("O-2", slot=4, card_number="9752269876"), longer)
    assert [row.order for row in readings.orders(search="TEST000000-00012")[0]] == ["O-3"]
    assert {row.order for row in readings.orders(search=" TEST000000-0001")[0]} == {"O-1", "O-2"}
    assert readings.orders(search="TEST000000-000")[1] == 3


def test_a_protected_identity_has_no_name_anywhere(readings: StoreReadings, database: Database) -> None:
    hold_orders(database, record(protected=True, name=None))
    assert readings.orders()[0][0].name is None
    assert readings.orders(search="tove") == ([], 0)


def test_events_come_in_order_of_the_chain(writer: Writer, station: SealingStation, readings: StoreReadings) -> None:
    events = station.seals(5)
    writer.commit(arrived(*reversed(events)), NOW)
    assert [row.sequence for row in readings.events(station="entre-a", limit=3)] == [3, 4, 5]


def test_what_is_not_known_is_none(readings: StoreReadings) -> None:
    assert readings.station("nowhere", NOW) is None
    assert readings.errand("none") is None
    assert readings.stations(NOW) == []
    assert readings.summary(NOW).alarms == ()


def test_a_request_reads_all_stations_of_one_moment_once(writer: Writer, readings: StoreReadings) -> None:
    writer.commit([ArrivedPresence("entre-a", True)], NOW)
    request = readings.within(frozenset({"*"}))
    assert len(request.stations(NOW)) == 1
    writer.commit([ArrivedPresence("entre-b", True)], NOW)
    assert (len(request.stations(NOW)), request.summary(NOW).stations) == (1, 1), "list and figures agree"
    assert len(request.stations(NOW + timedelta(seconds=1))) == 2
    assert len(readings.within(frozenset({"*"})).stations(NOW)) == 2
    assert len(readings.stations(NOW)) == 2


def test_every_field_of_a_station_is_read_from_the_store(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    first, _, *others = station.pickup()
    unreadable = UnreadableMessage("entre-a", None, "events", b"{", "not an event")
    told = [ArrivedPresence("entre-a", True), ArrivedState("entre-a", SICK), *arrived(first, *others), unreadable]
    writer.commit(told, NOW)
    (row,) = readings.stations(NOW)
    assert [
        one.name for one in fields(row) if one.name not in ("chain_ok", "retired") and not getattr(row, one.name)
    ] == []


TOLD_BY_A_STATION = {
    "stations",
    "chains",
    "errands",
    "quarantine",
    "events",
    "alarms",
    "checkpoints",
    "countersignatures",
}
"""Tables that change with what a station says: with `stations`, and with `station/NAME`."""
TABLES_OF: dict[Topic, set[str]] = {
    Topic.STATIONS: TOLD_BY_A_STATION,
    Topic.STATION: {*TOLD_BY_A_STATION, "bins", "bin_cards"},
    Topic.ERRANDS: {"errands"},
    Topic.ORDERS: {"orders"},
    Topic.COMMANDS: {"commands"},
}


@pytest.mark.parametrize("read", ["summary", "stations", "retired_stations", "station", "bin", "checkpoint"])
def test_a_read_says_that_it_changes_with_every_table_that_it_reads(
    read: str, writer: Writer, readings: StoreReadings, database: Database
) -> None:
    writer.commit([ArrivedPresence("entre-a", True)], NOW)
    said: list[str] = []
    event.listen(database.reading, "before_cursor_execute", lambda *told: said.append(told[2]))
    values = {"now": NOW, "name": "entre-a", "station": "entre-a"}
    method = getattr(readings, read)
    method(**{name: values[name] for name in inspect.signature(method).parameters})
    tables = {table for table in metadata.tables if re.search(rf"\b(FROM|JOIN) {table}\b", "\n".join(said))}
    topics = topics_of(getattr(Readings, read))
    assert tables
    assert topics is not None
    assert tables - set().union(*(TABLES_OF[topic] for topic in topics)) == set()
