"""From events to what pages show: orders move, errands are told, receipts are found; in any order of arrival."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest

from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.ingest.projections import KEPT_ALONE, READERS, UnfitData, changes_at, changes_of, facts_of
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from tests.fakes.server.receipts import signed_receipt
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record


def state_of(readings: StoreReadings, order: str = "O-1") -> str:
    rows, _ = readings.orders(search=order)
    return rows[0].state


def test_every_type_of_event_changes_what_pages_show_or_is_known_to_change_nothing() -> None:
    assert {*READERS, *KEPT_ALONE} == set(EventType)
    assert not READERS.keys() & KEPT_ALONE


def test_an_order_moves_as_its_card_does(
    writer: Writer, station: SealingStation, readings: StoreReadings, database: Database
) -> None:
    hold_orders(database, record())
    seen = [state_of(readings)]
    for event in station.pickup():
        writer.commit(arrived(event), NOW)
        seen.append(state_of(readings))
    assert seen == ["waiting", "waiting", "taken", "taken", "taken", "taken"], "what follows, people prove"


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::9])
def test_an_errand_is_told_the_same_whatever_comes_first(
    writer: Writer, station: SealingStation, readings: StoreReadings, database: Database, order: tuple[int, ...]
) -> None:
    hold_orders(database, record())
    told = station.pickup(errand="E-1")
    for place in order:
        writer.commit(arrived(told[place]), NOW)
    row = readings.errand("E-1")
    assert row is not None
    assert (row.kind, row.outcome, row.order, row.receipt) == ("pickup", "done", "O-1", "R-O-1")
    assert row.started == datetime(2026, 6, 1, 9, 59, tzinfo=UTC)
    assert (row.hsa_id, row.card_number) == ("TEST000000-0001", "9752269875")
    assert state_of(readings) == "taken"
    assert readings.errands(NOW) == [row]


def test_a_receipt_is_had_by_its_number_byte_for_byte(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    writer.commit(arrived(*station.pickup()), NOW)
    receipt = readings.receipt("R-O-1")
    assert receipt is not None
    assert station.sealed[3].data is not None
    assert receipt in station.sealed[3].data
    assert msgspec.json.decode(receipt) == signed_receipt("entre-a", "R-O-1", "O-1", "9752269875")
    assert readings.receipt("R-none") is None


def test_no_station_moves_the_order_of_another(writer: Writer, readings: StoreReadings, database: Database) -> None:
    hold_orders(database, record())
    writer.commit(arrived(*SealingStation("entre-b").pickup()), NOW)
    assert state_of(readings) == "waiting"


def test_a_receipt_number_used_twice_keeps_the_first(writer: Writer, readings: StoreReadings) -> None:
    a, b = SealingStation("a"), SealingStation("b")
    writer.commit(arrived(*a.pickup(errand="E-a")), NOW)
    first = readings.receipt("R-O-1")
    writer.commit(arrived(*b.pickup(errand="E-b")), NOW)
    assert readings.receipt("R-O-1") == first
    assert ("b", "receipt_twice", "R-O-1") in readings.summary(NOW).alarms


def test_a_document_that_does_not_fit_on_the_paper_is_an_alarm_of_its_own(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    content = {"errand": "E-1", "effect": "receipt.print", "outcome": "not_laid_out", "receipt": "R-1", "why": "qr"}
    writer.commit(arrived(station.seal(EventType.EFFECT_DONE, content)), NOW)
    assert (station.name, "not_laid_out", "R-1: qr") in readings.summary(NOW).alarms


def test_lists_that_a_station_dropped_are_an_alarm_of_its_own(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    writer.commit(arrived(station.seal(EventType.LISTS_DROPPED, {"lists": ["list", "found"]})), NOW)
    assert (station.name, "lists_dropped", "found, list") in readings.summary(NOW).alarms


@pytest.mark.parametrize(
    ("content", "argument"),
    [
        ({"kind": "card.block", "card_number": "9752269999"}, "9752269999: card.block, 2026-03-02T12:00:00Z"),
        ({"kind": "", "card_number": ""}, "?: ?, 2026-03-02T12:00:00Z"),
    ],
)
def test_what_waits_at_a_station_and_cannot_be_read_is_an_alarm_with_its_card(
    content: dict[str, str], argument: str, writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    wanted = {**content, "wanted": "2026-03-02T12:00:00Z"}
    writer.commit(arrived(station.seal(EventType.ASK_UNREADABLE, wanted)), NOW)
    assert (station.name, "ask_unreadable", argument) in readings.summary(NOW).alarms


def test_a_chain_that_a_station_began_anew_and_damage_that_it_found_are_alarms(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    begun = {"before": 1, "after": 10, "moved": 3, "why": "older_copy"}
    found = {"count": 2, "first": "1:7", "indexes": False}
    writer.commit(
        arrived(station.seal(EventType.CHAIN_BEGUN, begun), station.seal(EventType.EVENTS_DAMAGED, found)), NOW
    )
    alarms = readings.summary(NOW).alarms
    assert (station.name, "chain_begun", "1:10 older_copy, 3") in alarms
    assert (station.name, "events_damaged", "1:7, 2") in alarms


@pytest.mark.parametrize(
    "content",
    [{}, {"errand": 7, "kind": "pickup"}, {"errand": "e" * 65, "kind": "pickup"}, {"errand": "", "kind": "x"}],
)
def test_data_that_does_not_fit_is_stored_and_said(
    writer: Writer, station: SealingStation, readings: StoreReadings, content: dict[str, object]
) -> None:
    committed = writer.commit(arrived(station.seal(EventType.ERRAND_STARTED, content)), NOW)
    assert committed.stored == 1
    assert [code for _, code, _ in readings.summary(NOW).alarms] == ["unfit", "offline"]
    assert readings.errands(NOW) == []


def test_an_unknown_type_is_stored_and_changes_nothing(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    writer.commit(arrived(station.seal("se.kortkiosk.from.next.year", {"errand": "E-9", "new": [1]})), NOW)
    assert [row.content for row in readings.events(errand="E-9")] == [{"errand": "E-9", "new": [1]}]
    assert readings.errands(NOW) == []


def test_a_station_whose_clock_runs_ahead_does_not_date_errands_into_the_future(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    early = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
    writer.commit(arrived(*station.pickup(errand="E-1")), early)
    row = readings.errand("E-1")
    assert row is not None
    assert row.started == early


@pytest.mark.parametrize(
    ("time", "alarming"),
    [
        ("2026-06-01T09:59:00Z", False),
        ("2026-06-01T12:00:00+02:00", False),
        ("2026-06-01T10:00:01Z", False),
        ("2026-06-01T11:00:01Z", True),
        ("2027-06-01T09:59:00Z", True),
        ("9999-12-31T23:59:59-12:00", True),
        ("tomorrow", True),
    ],
    ids=["before", "now, elsewhere", "a second ahead", "an hour", "a year ahead", "past all time", "unreadable"],
)
def test_what_was_found_while_an_event_was_read_is_what_follows_once_it_is_received(
    station: SealingStation, time: str, alarming: bool
) -> None:
    for event in (
        station.seal(EventType.ERRAND_STARTED, {"errand": "E-1", "kind": "pickup"}, time=time),
        station.seal(
            EventType.ERRAND_ENDED, {"errand": "E-1", "kind": "pickup", "outcome": "done", "seconds": 2}, time=time
        ),
    ):
        changes = changes_of(event, NOW)
        told = [one for one in changes_at(facts_of(event), event, NOW) if not isinstance(one, UnfitData)]
        assert told == list(changes)
        assert (len(changes_at(facts_of(event), event, NOW)) > len(changes)) is alarming
        assert changes[0].at <= NOW  # type: ignore[union-attr]


def test_an_errand_that_began_before_all_time_does_not_fit(station: SealingStation) -> None:
    end = {"errand": "E-1", "kind": "pickup", "outcome": "done", "seconds": 61.5}
    event = station.seal(EventType.ERRAND_ENDED, end, time="0001-01-01T00:00:00Z")
    assert [type(change) for change in facts_of(event).changes] == [UnfitData]
    assert [type(change) for change in changes_of(event, NOW)] == [UnfitData]
