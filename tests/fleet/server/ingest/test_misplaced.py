"""A wrong card in a slot: the order is offered to nobody, operations are told, and a row imported anew opens it again."""

from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.ingest.write import Writer
from fleet.server.orders.queries import orders_at
from fleet.server.readings.queries import StoreReadings
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record


def test_a_card_put_back_as_wrong_closes_the_order_until_it_is_imported_anew(database: Database) -> None:
    """Taken, found to be another card, put back."""
    hold_orders(database, record())
    station = SealingStation()
    about = {"errand": "e-1", "order": "O-1", "slot": 3}
    station.seal(EventType.EFFECT_DONE, {**about, "effect": "slot.take", "outcome": "taken"})
    station.seal(EventType.EFFECT_DONE, {**about, "effect": "slot.return", "outcome": "wrong_card"})
    Writer(database).commit(arrived(*station.sealed), NOW)
    readings = StoreReadings(database, lambda: NOW)
    assert [row.state for row in readings.orders()[0]] == ["misplaced"]
    assert ("entre-a", "order_misplaced", "O-1") in readings.summary(NOW).alarms
    with database.reading.connect() as connection:
        assert orders_at(connection, "entre-a", "2026-06-01", after="", limit=10) == []
    hold_orders(database, record())
    assert [row.state for row in readings.orders()[0]] == ["misplaced"], "the same row again changes nothing"
    hold_orders(database, record(slot=4))
    assert [row.state for row in readings.orders()[0]] == ["waiting"]


def test_a_card_that_went_from_the_open_slot_closes_the_order_and_is_no_hand_over(database: Database) -> None:
    hold_orders(database, record())
    station = SealingStation()
    about = {"errand": "e-1", "order": "O-1", "slot": 3}
    readings = StoreReadings(database, lambda: NOW)
    station.seal(EventType.EFFECT_DONE, {**about, "effect": "slot.look", "outcome": "gone"})
    Writer(database).commit(arrived(*station.sealed), NOW)
    assert [row.state for row in readings.orders()[0]] == ["waiting"], "its holder may have it, and is asked"
    station.seal(EventType.EFFECT_DONE, {**about, "effect": "slot.take", "outcome": "gone"})
    Writer(database).commit(arrived(*station.sealed), NOW)
    assert [row.state for row in readings.orders()[0]] == ["misplaced"]
    assert ("entre-a", "order_misplaced", "O-1") in readings.summary(NOW).alarms
