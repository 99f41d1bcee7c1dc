"""Orders by the table of their life: what the server does to them, what is imported again, and cards that come back."""

import itertools

import pytest

from fleet.messages.asking import StockMove
from fleet.messages.events import Event
from fleet.messages.vocabulary import AskName, EventType
from fleet.server.database.database import Database
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.orders.queries import orders_at
from fleet.server.orders.service import StepResult, apply_step, place_cards
from fleet.server.readings.queries import StoreReadings
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, prove_ask, prove_hand_over, record

LATER = NOW.replace(hour=12)
CARD = record().card_number


def state(database: Database, order: str = "O-1") -> tuple[str, int]:
    (row,) = StoreReadings(database, lambda: NOW).orders(search=order)[0]
    return row.state, row.slot


def offered(database: Database) -> list[str]:
    with database.reading.connect() as connection:
        return [one.order for one in orders_at(connection, "entre-a", "2026-06-01", after="", limit=10)]


def void(database: Database) -> StepResult | None:
    with database.writing.begin() as connection:
        return apply_step(connection, "O-1", "voided", NOW)


def dropped(station: SealingStation, time: str = "2026-06-01T10:30:00Z") -> Event:
    about = {"errand": "e-3", "effect": "drop.card", "outcome": "dropped", "old_card": CARD}
    return station.seal(EventType.EFFECT_DONE, about, time=time)


def emptied(station: SealingStation, time: str = "2026-06-01T11:00:00Z") -> Event:
    about = {"by": "TEST000000-A001", "second": "TEST000000-A002", "counted": 1, "expected": 1, "seal": "4411"}
    return station.seal(EventType.BIN_EMPTIED, about, time=time)


def test_a_voided_order_is_offered_to_nobody_and_stays_so_when_its_row_comes_again(database: Database) -> None:
    hold_orders(database, record())
    assert void(database) == StepResult("waiting", "voided")
    assert void(database) == StepResult("voided", None)
    assert offered(database) == []
    hold_orders(database, record())
    hold_orders(database, record(slot=9))
    assert state(database) == ("voided", 3), "a slot alone opens nothing again"
    hold_orders(database, record(last_day="2026-12-31"))
    assert state(database) == ("waiting", 3)
    assert offered(database) == ["O-1"]


def test_the_card_of_a_voided_order_that_was_taken_out_lies_nowhere(database: Database) -> None:
    hold_orders(database, record())
    void(database)
    about = {"errand": "e", "card_number": CARD, "slot": 3, "why": "voided", "by": "TEST000000-A001", "order": "O-1"}
    out = SealingStation().seal(EventType.CARD_TAKEN_OUT, about, time="2026-06-01T10:05:00Z")
    Writer(database).commit(arrived(out), LATER)
    assert state(database) == ("voided", 3), "what a station tells moves nothing"
    with database.writing.begin() as connection:
        place_cards(connection, "entre-a", [(StockMove("O-1", 3, "taken_out", ""), LATER)])
    assert state(database) == ("voided", 0)
    hold_orders(database, record())
    assert state(database) == ("voided", 0)


def test_a_rebuild_keeps_what_the_server_did_and_plays_what_came_after(database: Database) -> None:
    hold_orders(database, record())
    void(database)
    rebuild(database)
    assert state(database) == ("voided", 3)
    Writer(database).commit(arrived(*SealingStation().pickup()), LATER)
    rebuild(database)
    assert state(database)[0] == "taken", "a station that was away gave it out before it knew"
    prove_hand_over(database)
    rebuild(database)
    assert state(database)[0] == "collected"


def test_an_order_that_is_not_there_takes_no_step(database: Database) -> None:
    assert void(database) is None


def test_an_order_whose_card_is_with_its_holder_is_changed_by_no_row(database: Database) -> None:
    hold_orders(database, record())
    Writer(database).commit(arrived(*SealingStation().pickup()[:2]), LATER)
    with pytest.raises(ImportRefusedError) as refused:
        hold_orders(database, record(last_day="2026-12-31"))
    assert "O-1 is taken and cannot be changed" in refused.value.problems[0].reason


def test_an_order_that_opens_again_does_not_share_its_card_with_another(database: Database) -> None:
    hold_orders(database, record())
    void(database)
    hold_orders(database, record("O-2"))
    with pytest.raises(ImportRefusedError):
        hold_orders(database, record(last_day="2026-12-31"))


@pytest.mark.parametrize("sequence", list(itertools.permutations(range(3))))
def test_a_card_that_came_back_is_returned_and_then_destroyed_in_any_order_of_arrival(
    database: Database, sequence: tuple[int, ...]
) -> None:
    hold_orders(database, record())
    elsewhere = SealingStation("entre-b")
    parts = [SealingStation().pickup(), [dropped(elsewhere)], [emptied(elsewhere)]]
    proofs = [
        lambda: prove_hand_over(database),
        lambda: prove_ask(database, AskName.CARD_BLOCK, "entre-b", LATER, CARD, "blocked"),
        lambda: prove_ask(database, AskName.BIN_EMPTIED, "entre-b", LATER),
    ]
    for place in sequence:
        Writer(database).commit(arrived(*parts[place]), LATER)
        proofs[place]()
    assert state(database)[0] == "destroyed"
    rebuild(database)
    assert state(database)[0] == "destroyed"


def test_a_card_in_a_bin_that_was_not_emptied_since_is_returned(database: Database) -> None:
    hold_orders(database, record())
    station = SealingStation()
    Writer(database).commit(arrived(*station.pickup()), LATER)
    prove_hand_over(database)
    prove_ask(database, AskName.CARD_BLOCK, "entre-a", LATER, CARD, "blocked")
    prove_ask(database, AskName.BIN_EMPTIED, "entre-a", LATER)
    told = [emptied(station, "2026-06-01T10:20:00Z"), dropped(station)]
    committed = Writer(database).commit(arrived(*told), LATER)
    assert state(database)[0] == "returned"
    assert "orders" in committed.topics


@pytest.mark.parametrize("proved", [(), (AskName.CARD_BLOCK,), (AskName.BIN_EMPTIED,)])
def test_what_nobody_proved_neither_returns_nor_destroys_a_card(
    database: Database, proved: tuple[AskName, ...]
) -> None:
    hold_orders(database, record())
    station = SealingStation()
    Writer(database).commit(arrived(*station.pickup()), LATER)
    prove_hand_over(database)
    for ask in proved:
        prove_ask(database, ask, "entre-a", LATER, CARD if ask == AskName.CARD_BLOCK else "")
    Writer(database).commit(arrived(dropped(station), emptied(station)), LATER)
    assert state(database)[0] == ("returned" if AskName.CARD_BLOCK in proved else "collected")


def test_a_card_that_fell_before_it_was_handed_over_is_another_story(database: Database) -> None:
    hold_orders(database, record())
    station = SealingStation()
    Writer(database).commit(arrived(dropped(station, "2026-06-01T09:00:00Z"), *station.pickup()), LATER)
    prove_hand_over(database)
    prove_ask(database, AskName.CARD_BLOCK, "entre-a", LATER, CARD, "blocked")
    assert state(database)[0] == "collected"


def signed_elsewhere() -> list[Event]:
    """The receipt of an order whose card was handed out at another station."""
    station = SealingStation("entre-b")
    events = station.pickup()
    return [*events[:1], *events[3:]]


@pytest.mark.parametrize("batches", ["a b", "b a", "ab", "ba"])
def test_a_receipt_that_is_signed_at_another_station_counts_whichever_is_heard_of_first(
    database: Database, batches: str
) -> None:
    """A server that was restored from a copy hears of both again, in any order."""
    hold_orders(database, record())
    heard = {"a": SealingStation().pickup()[:3], "b": signed_elsewhere()}
    for batch in batches.split():
        Writer(database).commit(arrived(*(event for name in batch for event in heard[name])), LATER)
    assert state(database)[0] == "taken", "what stations tell hands nothing over"
    prove_hand_over(database)
    assert state(database)[0] == "collected"
    rebuild(database)
    assert state(database)[0] == "collected"


def test_no_other_station_has_a_card_collected_that_was_not_handed_out(database: Database) -> None:
    hold_orders(database, record())
    Writer(database).commit(arrived(*SealingStation().pickup()[:2], *signed_elsewhere()), LATER)
    assert state(database)[0] == "taken"
