"""Cards in slots and in the bin, as stations tell of them, in any order of arrival."""

import itertools
from datetime import datetime
from typing import Any

import pytest

from fleet.messages.asking import StockMove
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType
from fleet.server.cards.service import CardService
from fleet.server.cards.stock.model import BinRow, Emptied
from fleet.server.database.database import Database
from fleet.server.ingest.write import Writer
from fleet.server.orders.queries import orders_at
from fleet.server.orders.service import place_cards
from fleet.server.readings.queries import StoreReadings
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, record

BY = "TEST000000-A001"
CARD = "9752269875"


def stored(station: SealingStation, slot: int, time: str, order: str | None = "O-1") -> Event:
    """An administrator puts the card in."""
    about = {"errand": "e-1", "card_number": CARD, "slot": slot, "by": BY, **({"order": order} if order else {})}
    return station.seal(EventType.CARD_STORED, about, time=time)


def taken_out(station: SealingStation, time: str, why: str = "expired", order: str | None = "O-1") -> Event:
    """An administrator takes it out, or finds that it is not there."""
    about = {
        "errand": "e-1",
        "card_number": CARD,
        "slot": 5,
        "why": why,
        "by": BY,
        **({"order": order} if order else {}),
    }
    return station.seal(EventType.CARD_TAKEN_OUT, about, time=time)


def place(database: Database, slot: int, time: str, what: Any = "stored", station: str = "entre-a") -> None:
    """What an administrator has proved (`stock.moved`)."""
    with database.writing.begin() as connection:
        place_cards(connection, station, [(StockMove("O-1", slot, what, time), datetime.fromisoformat(time))])


def states(database: Database) -> list[tuple[str, int]]:
    """State and slot of every order."""
    return [(row.state, row.slot) for row in StoreReadings(database, lambda: NOW).orders()[0]]


def test_an_order_without_a_slot_is_coming_until_the_station_has_put_the_card_in(database: Database) -> None:
    hold_orders(database, record(slot=0))
    assert states(database) == [("coming", 0)]
    with database.reading.connect() as connection:
        assert [one.slot for one in orders_at(connection, "entre-a", "2026-06-01", after="", limit=10)] == [0]
    Writer(database).commit(arrived(stored(SealingStation(), 5, "2026-05-01T08:00:00Z")), NOW)
    assert states(database) == [("coming", 0)], "what a station tells moves nothing"
    place(database, 5, "2026-05-01T08:00:00Z")
    assert states(database) == [("waiting", 5)], "the first slot counts, whatever the station's clock says"
    hold_orders(database, record(slot=0))
    assert states(database) == [("waiting", 5)], "a row without a slot does not take the card out again"
    hold_orders(database, record(slot=0, last_day="2026-09-30"))
    assert states(database) == [("waiting", 5)]


def test_two_cards_on_their_way_do_not_share_a_slot(database: Database) -> None:
    hold_orders(database, record("O-1", slot=0), record("O-2", slot=0, card_number="9752269876"))
    assert states(database) == [("coming", 0), ("coming", 0)]


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
def test_the_last_word_on_a_card_counts_in_any_order_of_arrival(
    database: Database, sequence: tuple[int, int, int]
) -> None:
    hold_orders(database, record())
    told = [(5, "stored"), (5, "taken_out"), (7, "stored")]
    for number in sequence:
        slot, what = told[number]
        place(database, slot, f"2026-06-01T10:0{number + 1}:00Z", what)
    assert states(database) == [("waiting", 7)]


@pytest.mark.parametrize(("what", "state"), [("taken_out", "taken_out"), ("missing", "misplaced")])
def test_a_card_that_is_not_there_is_misplaced_and_one_taken_out_is_offered_to_nobody(
    database: Database, what: str, state: str
) -> None:
    hold_orders(database, record())
    Writer(database).commit(arrived(taken_out(SealingStation(), "2026-06-01T10:02:00Z")), NOW.replace(hour=11))
    assert states(database) == [("waiting", 3)], "what a station tells moves nothing"
    place(database, 5, "2026-06-01T10:02:00Z", what)
    assert states(database) == [(state, 5)]
    with database.reading.connect() as connection:
        assert orders_at(connection, "entre-a", "2026-06-01", after="", limit=10) == []


def test_another_station_moves_no_order_and_a_card_without_order_changes_none(database: Database) -> None:
    hold_orders(database, record())
    place(database, 9, "2026-06-01T10:02:00Z", station="entre-b")
    here = SealingStation()
    Writer(database).commit(arrived(stored(here, 9, "2026-06-01T10:02:00Z", None)), NOW.replace(hour=11))
    assert states(database) == [("waiting", 3)]


def returned(station: SealingStation, time: str, outcome: str) -> Event:
    """The card of the order goes back into its slot."""
    about = {
        "errand": "e-4",
        "effect": "slot.return",
        "outcome": outcome,
        "slot": 5,
        "order": "O-1",
        "card_number": CARD,
    }
    return station.seal(EventType.EFFECT_DONE, about, time=time)


@pytest.mark.parametrize("early", [False, True])
def test_a_card_that_is_not_genuine_is_in_quarantine_until_it_is_taken_out(database: Database, early: bool) -> None:
    hold_orders(database, record())
    station, writer, later = SealingStation(), Writer(database), NOW.replace(hour=12)
    back = returned(station, "2026-06-01T10:01:00Z", "not_genuine")
    out = taken_out(station, "2026-06-01T10:02:00Z", "not_genuine", None)
    desk = CardService(database, KeptChanges(), lambda: later)
    writer.commit(arrived(out if early else back), later)
    if not early:
        (row,), total = desk.stock(kind="quarantined")
        assert (total, row.kind, row.slot, row.card_number, row.order) == (1, "quarantined", 5, CARD, "")
        assert desk.stock(kind="reserve") == ([], 0), "nobody is offered it"
        assert [place.reserve for place in desk.places()] == [0]
        assert states(database)[0][0] == "misplaced", "the order waits for another card"
    writer.commit(arrived(back if early else out), later)
    assert desk.stock(kind="quarantined") == ([], 0)


@pytest.mark.parametrize("outcome", ["wrong_card", "not_vouched"])
def test_a_card_that_went_back_for_another_reason_is_not_in_quarantine(database: Database, outcome: str) -> None:
    hold_orders(database, record())
    later = NOW.replace(hour=12)
    Writer(database).commit(arrived(returned(SealingStation(), "2026-06-01T10:01:00Z", outcome)), later)
    assert CardService(database, KeptChanges(), lambda: later).stock(kind="quarantined") == ([], 0)
    assert states(database)[0][0] == "misplaced"


def emptied(station: SealingStation, time: str, seal: str, **more: object) -> Event:
    """Two administrators empty the bin."""
    about = {"errand": "e-2", "by": BY, "second": "TEST000000-A002", "counted": 1, "expected": 2, "sensor": 2}
    signed: dict[str, object] = {"seal": seal, "statement": "{}", "signatures": []}
    return station.seal(EventType.BIN_EMPTIED, {**about, **signed, **more}, time=time)


def dropped(station: SealingStation, time: str) -> Event:
    """A card falls."""
    about = {"errand": "e-3", "effect": "drop.card", "outcome": "dropped", "old_card": CARD}
    return station.seal(EventType.EFFECT_DONE, about, time=time)


def test_the_bin_holds_what_fell_since_it_was_last_emptied(database: Database) -> None:
    station, writer, later = SealingStation(), Writer(database), NOW.replace(hour=12)
    readings = StoreReadings(database, lambda: NOW)
    assert readings.bin("entre-a") == BinRow(0)
    writer.commit(arrived(dropped(station, "2026-06-01T10:01:00Z"), dropped(station, "2026-06-01T10:02:00Z")), later)
    assert readings.bin("entre-a") == BinRow(2)
    first = emptied(station, "2026-06-01T10:03:00Z", "4411", reason="missing", reference="77")
    last = dropped(station, "2026-06-01T10:04:00Z")
    writer.commit(arrived(last, first), later)
    by = (BY, "TEST000000-A002")
    told = Emptied(NOW.replace(minute=3), by, 1, 2, 2, "4411", "missing", "77", differs=True)
    assert readings.bin("entre-a") == BinRow(1, told)
    older = emptied(station, "2026-06-01T09:00:00Z", "4410")
    writer.commit(arrived(older), later)
    assert readings.bin("entre-a").emptied == told, "an older word that comes late changes nothing"
