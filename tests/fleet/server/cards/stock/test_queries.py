"""What lies in slots and bins, one card's story, and what is done by the service of cards: on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from fleet.messages.asking import StockMove
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType
from fleet.server.audit_log.log import AuditEvent
from fleet.server.audit_log.tables import audit_head
from fleet.server.cards.model import Delivery, DroppedCard, StationStockRow
from fleet.server.cards.service import CardService
from fleet.server.database.database import Database
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.ingest.write import Writer
from fleet.server.issuers.model import RequestKey
from fleet.server.orders.model import OrderLine
from fleet.server.orders.service import apply_step, place_cards
from fleet.server.people.model import PersonRow
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import alarms as stored_alarms
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, record

CARD, OTHER, RESERVE = record().card_number, "9752269876", "9752269879"
BY = "TEST000000-A001"
LATER = NOW + timedelta(hours=2)


def service_of(database: Database, *patterns: str, by: str = BY) -> CardService:
    return CardService(database, KeptChanges(), lambda: LATER, by, frozenset(patterns or ("*",)))


def reserve(station: SealingStation, kind: str, time: str, **more: object) -> Event:
    about = {"errand": "in-1", "card_number": RESERVE, "slot": 9, "by": BY, **more}
    return station.seal(kind, about, time=time)


def dropped(station: SealingStation, number: str, minute: int, **more: object) -> Event:
    about = {"errand": "e-3", "effect": "drop.card", "outcome": "dropped", "old_card": number, **more}
    return station.seal(EventType.EFFECT_DONE, about, time=f"2026-06-01T10:{minute:02}:00Z")


def emptied(station: SealingStation, seal: str, minute: int, counted: int = 1, **more: object) -> Event:
    about = {"by": BY, "second": "TEST000000-A002", "counted": counted, "expected": 1, "seal": seal, **more}
    return station.seal(EventType.BIN_EMPTIED, about, time=f"2026-06-01T10:{minute:02}:00Z")


def test_cards_in_slots_are_those_of_orders_and_reserve_cards_the_oldest_first(database: Database) -> None:
    hold_orders(database, record(), record("O-2", slot=4, card_number=OTHER, station="entre-b"))
    station = SealingStation()
    Writer(database).commit(arrived(reserve(station, EventType.CARD_STORED, "2026-05-01T08:00:00Z")), LATER)
    service = service_of(database)
    rows, total = service.stock()
    assert [(row.station, row.slot, row.card_number, row.kind) for row in rows] == [
        ("entre-a", 9, RESERVE, "reserve"),
        ("entre-a", 3, CARD, "order"),
        ("entre-b", 4, OTHER, "order"),
    ]
    assert total == 3
    assert [row.slot for row in service.stock(kind="reserve")[0]] == [9]
    assert [row.slot for row in service.stock(station="entre-a", kind="order", limit=1)[0]] == [3]
    assert service.places() == [
        StationStockRow("entre-a", 1, 1, rows[0].since),
        StationStockRow("entre-b", 1, 0, rows[2].since),
    ]
    assert [row.slot for row in service_of(database, "entre-b").stock()[0]] == [4]


def test_a_reserve_card_that_was_taken_out_lies_no_more_in_any_order_of_arrival(database: Database) -> None:
    station = SealingStation()
    put = reserve(station, EventType.CARD_STORED, "2026-05-01T08:00:00Z")
    out = reserve(station, EventType.CARD_TAKEN_OUT, "2026-05-02T08:00:00Z", why="reserve")
    for event in (out, put):
        Writer(database).commit(arrived(event), LATER)
    assert service_of(database).stock() == ([], 0)


def test_a_voided_card_lies_in_its_slot_until_it_is_taken_out(database: Database) -> None:
    hold_orders(database, record())
    with database.writing.begin() as connection:
        apply_step(connection, "O-1", "voided", NOW)
    assert [row.order for row in service_of(database).stock()[0]] == ["O-1"]
    with database.writing.begin() as connection:
        place_cards(connection, "entre-a", [(StockMove("O-1", 3, "taken_out", ""), LATER)])
    assert service_of(database).stock() == ([], 0)


def test_bins_count_what_fell_since_and_tell_how_they_were_emptied(database: Database) -> None:
    here, there = SealingStation(), SealingStation("entre-b")
    told = [dropped(here, CARD, 1), emptied(here, "4411", 2), dropped(here, OTHER, 3), dropped(here, "", 4)]
    Writer(database).commit(arrived(*told, emptied(there, "4412", 5, counted=3)), LATER)
    service = service_of(database)
    rows, total = service.bins()
    assert [(row.station, row.cards, row.differs) for row in rows] == [("entre-a", 2, False), ("entre-b", 0, True)]
    assert total == 2
    assert [row.station for row in service.bins(show="differs")[0]] == ["entre-b"]
    assert [row.station for row in service.bins(show="cards", search="entre")[0]] == ["entre-a"]
    assert service.bins(search="100%") == ([], 0)
    assert [row.station for row in service_of(database, "entre-b").bins()[0]] == ["entre-b"]
    fallen, many = service.fallen("entre-a", limit=1)
    assert (fallen, many) == ([DroppedCard("", NOW.replace(minute=4))], 2)
    assert [one.seal for one in service.emptyings("entre-a")] == ["4411"]
    assert service.emptyings("entre-c") == []


def test_one_card_tells_its_story_to_whom_it_may(database: Database) -> None:
    hold_orders(database, record())
    here, there = SealingStation(), SealingStation("entre-b")
    Writer(database).commit(arrived(*here.pickup(), dropped(there, CARD, 30)), LATER)
    service = service_of(database)
    assert service.wish(CARD, "hold", "lost", "tove") is not None
    found = service.card(CARD)
    assert [(one.order, one.state) for one in found.orders] == [("O-1", "taken")]
    assert [one.kind for one in found.errands] == ["pickup"]
    assert [(one.station, one.who) for one in found.requests] == [("entre-a", "account:tove")]
    assert [station for station, _ in found.fell] == ["entre-b"]
    assert found.known
    elsewhere = service_of(database, "entre-b").card(CARD)
    assert (elsewhere.orders, elsewhere.errands, elsewhere.requests) == ((), (), ())
    assert len(elsewhere.fell) == 1
    assert not service.card("9999").known


def test_a_block_takes_an_hsa_id_and_a_hold_does_not(database: Database) -> None:
    nameless = service_of(database, by="")
    assert nameless.wish(CARD, "block", "lost", "tove") is None
    assert nameless.wish(CARD, "hold", "lost", "tove") is not None
    own = nameless.wish(CARD, "lift", None, "tove", BY)
    assert own is not None
    assert own.by == BY
    assert (nameless.may_block(""), nameless.may_block(BY), service_of(database).may_block("")) == (
        False,
        True,
        True,
    )


def test_a_request_is_tried_again_where_one_may(database: Database) -> None:
    hold_orders(database, record())
    row = service_of(database).wish(CARD, "hold", "lost", "tove")
    assert row is not None
    assert service_of(database, "entre-b").request(row.key) is None
    assert not service_of(database, "entre-b").retry(row.key)
    assert service_of(database).retry(row.key)
    assert not service_of(database).retry(RequestKey("entre-a", "0" * 32))
    assert [row.card_number for row in service_of(database).requests()[0]].count(CARD) == 1


def message(database: Database, name: str, digest: str = "d", *, cancel: tuple[str, ...] = ()) -> bool | None:
    told = ("order-system", "192.0.2.7", AuditEvent("order.place", name))
    return service_of(database).deliver(Delivery(name, digest), [OrderLine(1, record())], cancel, told)


@pytest.fixture
def chained(database: Database) -> Database:
    """With the head of the audit, which emptied tables have lost, and a station that is known."""
    with database.writing.begin() as connection:
        add_stations(connection, ["entre-a"])
        if connection.execute(select(audit_head)).first() is None:
            connection.execute(insert(audit_head).values(id=1, sequence=0, hash=""))
    return database


def test_a_message_is_taken_once_and_whole(chained: Database) -> None:
    with pytest.raises(ImportRefusedError):
        message(chained, "m-1", cancel=("O-9",))
    assert service_of(chained).order("O-1") is None
    assert message(chained, "m-1") is True
    assert message(chained, "m-1") is False
    assert message(chained, "m-1", "another") is None
    assert message(chained, "m-2", cancel=("O-1",)) is True
    order = service_of(chained).order("O-1")
    assert order is not None
    assert order.state == "cancelled"
    assert service_of(chained, "entre-b").order("O-1") is None


def test_people_are_taken_and_found(database: Database) -> None:
    service = service_of(database)
    row = PersonRow("TEST000000-0001", "Alva Test", left="2026-05-31")
    service.take_person(row, by_person=False)
    assert service.person(row.hsa_id) == row
    assert service.people(search="ALVA")[1] == 1
    assert service.step("O-9", "cancelled") is None


def test_a_card_returned_by_its_number_is_told_apart_until_the_bin_is_emptied(database: Database) -> None:
    hold_orders(database, record())
    station, service = SealingStation(), service_of(database)
    told = (dropped(station, CARD, 1), dropped(station, OTHER, 2, by_number=True))
    Writer(database).commit(arrived(*told), LATER)
    assert [(one.card_number, one.by_number) for one in service.fallen("entre-a")[0]] == [(OTHER, True), (CARD, False)]
    ((row,), _) = service.bins()
    assert (row.cards, row.by_number) == (2, 1)
    Writer(database).commit(arrived(emptied(station, "S-1", 3, 2, expected=2, numbers=[CARD, OTHER])), LATER)
    ((row,), _) = service.bins()
    assert (row.cards, row.by_number, row.differs) == (0, 0, False)


SWAPPED = {"numbers": [RESERVE], "missing": [CARD], "unlisted": [RESERVE], "reason": "other", "reference": "4711"}


def test_a_bin_with_as_many_cards_but_other_ones_differs(database: Database) -> None:
    hold_orders(database, record())
    station, service = SealingStation(), service_of(database)
    Writer(database).commit(arrived(emptied(station, "S-1", 3, **SWAPPED)), LATER)
    ((row,), total) = service.bins(show="differs")
    assert (total, row.differs) == (1, True)
    (told,) = service.emptyings("entre-a")
    assert (told.differs, told.missing, told.unlisted) == (True, (CARD,), (RESERVE,))


@pytest.mark.parametrize(
    ("said", "alarms"),
    [
        ({}, []),
        ({"sensor": 1}, []),
        ({"sensor": 2, "reason": "sensor", "reference": "4711"}, []),
        ({"counted": 2, "reason": "unlisted", "reference": "4711"}, []),
        ({"counted": 0, "reason": "missing", "reference": "4711"}, []),
        (SWAPPED, []),
        ({"counted": 2}, [("bin_differs", "S-1: 2/1")]),
        ({"counted": 2, "reason": "unlisted", "reference": "0"}, [("bin_differs", "S-1: 2/1")]),
        ({"counted": 2, "reason": "missing", "reference": "4711"}, [("bin_differs", "S-1: 2/1")]),
        ({"counted": 0, "reason": "unlisted", "reference": "4711"}, [("bin_differs", "S-1: 0/1")]),
        ({"counted": 0, "reason": "never_put_in", "reference": "4711"}, [("bin_differs", "S-1: 0/1")]),
        ({"sensor": 2}, [("bin_differs", "S-1: 1/1")]),
        (
            {"counted": 0, "missing": [CARD], "never_seen": [CARD], "reason": "never_put_in", "reference": "4711"},
            [("return_not_found", "S-1: 1")],
        ),
        ({**SWAPPED, "reason": "", "reference": ""}, [("bin_differs", "S-1: 1/1")]),
    ],
)
def test_a_difference_that_nothing_explains_is_an_alarm(
    database: Database, said: dict[str, object], alarms: list[tuple[str, str]]
) -> None:
    about = {"counted": 1, **said}
    Writer(database).commit(arrived(emptied(SealingStation(), "S-1", 3, **about)), LATER)  # type: ignore[arg-type]
    with database.reading.connect() as connection:
        rows = connection.execute(select(stored_alarms.c.code, stored_alarms.c.argument)).all()
    assert [tuple(row) for row in rows] == alarms
