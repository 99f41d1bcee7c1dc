"""Orders whose card goes by post: imported, offered for activation at any station, never for a slot."""

import pytest
from sqlalchemy import select

from fleet.messages.events import Event
from fleet.messages.link import Order
from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.files.csv_files import FileError
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.orders.model import OrderLine, OrderRecord
from fleet.server.orders.order_files import ORDER_COLUMNS, read_orders
from fleet.server.orders.queries import envelope_of, orders_at, orders_for
from fleet.server.orders.request_bodies import NewOrder, OrderChange
from fleet.server.orders.service import import_orders
from fleet.server.orders.tables import orders
from fleet.server.stations.service import add_stations
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, prove_hand_over, record

TODAY = "2026-06-01"
HOLDER = "TEST000000-0001"
HEADER = ",".join((*ORDER_COLUMNS, "delivery"))


def file_of(delivery: str, slot: str = "") -> bytes:
    row = f"O-1,{HOLDER},Tove Test,no,9752269875,etjanstekort,3,entre-a,{slot},2099-12-31,,,{delivery}"
    return f"{HEADER}\n{row}\n".encode()


def posted(order: str = "O-1", **changes: object) -> OrderRecord:
    return record(order, **{"slot": 0, "delivery": "post", **changes})


def offered(database: Database, station: str) -> tuple[list[Order], list[Order]]:
    """What that station's list has, and what it is told when the holder stands there."""
    with database.reading.begin() as connection:
        return (
            orders_at(connection, station, TODAY, after="", limit=10),
            orders_for(connection, station, HOLDER, TODAY, since=TODAY),
        )


@pytest.mark.parametrize(("said", "is_"), [("post", "post"), ("station", "station"), ("", "station")])
def test_a_file_may_say_how_the_card_is_delivered(said: str, is_: str) -> None:
    assert [row.record.delivery for row in read_orders(file_of(said))] == [is_]


def test_a_file_without_the_column_is_of_cards_that_go_to_stations() -> None:
    raw = b"\n".join(row.rpartition(b",")[0] for row in file_of("post").splitlines())
    assert [row.record.delivery for row in read_orders(raw)] == ["station"]


@pytest.mark.parametrize(("delivery", "slot", "column"), [("pigeon", "", "delivery"), ("post", "3", "slot")])
def test_what_cannot_be_is_refused_with_its_place(delivery: str, slot: str, column: str) -> None:
    with pytest.raises(FileError) as refused:
        read_orders(file_of(delivery, slot))
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [(2, column)]


def test_a_program_says_it_too() -> None:
    body = {
        "order": "O-1",
        "hsa_id": HOLDER,
        "name": "Tove Test",
        "card_number": "9752269875",
        "product": "601",
        "loa": 3,
    }
    body |= {"station": "entre-a", "last_day": "2026-08-30"}
    assert NewOrder.model_validate(body).record("O-1").delivery == "station"
    assert NewOrder.model_validate(body | {"delivery": "post"}).record("O-1").delivery == "post"
    assert OrderChange.model_validate({"delivery": "post"}).on(record(slot=4)).slot == 0


@pytest.mark.parametrize("changed", [{"delivery": "post", "slot": 4}, {"slot": 4}])
def test_a_program_gives_no_posted_card_a_slot(database: Database, changed: dict[str, object]) -> None:
    """Refused with the column, and nothing is stored: the bodies' schema cannot say it."""
    hold_orders(database, posted())
    told = OrderChange.model_validate(changed).on(posted())
    with database.writing.begin() as connection, pytest.raises(ImportRefusedError) as refused:
        import_orders(connection, [OrderLine(1, told)], NOW)
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [(1, "slot")]


def test_it_stands_on_its_stations_list_and_is_found_at_every_other(database: Database) -> None:
    hold_orders(database, posted())
    with database.writing.begin() as connection:
        add_stations(connection, ["entre-b"])
    here, asked_here = offered(database, "entre-a")
    there, asked_there = offered(database, "entre-b")
    assert [(one.delivery, one.slot) for one in (*here, *asked_here, *asked_there)] == [("post", 0)] * 3
    assert there == []
    with database.reading.begin() as connection:
        assert envelope_of(connection, "entre-b", "O-1", TODAY) is not None, "its letter is verified there too"


def test_a_card_that_lies_in_a_slot_is_not_in_the_post(database: Database) -> None:
    hold_orders(database, record())
    with database.writing.begin() as connection, pytest.raises(ImportRefusedError) as refused:
        import_orders(connection, [OrderLine(2, posted())], NOW)
    assert [problem.column for problem in refused.value.problems] == ["delivery"]


def activated_at(station: str) -> list[Event]:
    """The events of an activation there: a card with its code, a signed receipt, and no slot."""
    errand = [event for event in SealingStation(station).pickup() if event.type != EventType.EFFECT_DONE]
    place = SealingStation(station)
    return [place.seal(EventType(event.type), event.content()) for event in errand]


@pytest.mark.parametrize("delivery", ["post", "station"])
def test_a_card_is_activated_by_no_word_of_a_station_but_by_its_proof(database: Database, delivery: str) -> None:
    """At which station it may be proved: `fleet.server.issuers.proved_facts`."""
    hold_orders(database, posted(delivery=delivery))
    Writer(database).commit(arrived(*activated_at("entre-b")), NOW)
    assert state(database) == "coming"
    prove_hand_over(database)
    rebuild(database)
    assert state(database) == "collected"


def state(database: Database) -> str:
    with database.reading.begin() as connection:
        return str(connection.execute(select(orders.c.state)).scalar())
