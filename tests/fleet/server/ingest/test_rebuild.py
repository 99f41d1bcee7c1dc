"""What was made from events as they came is what a rebuild makes of them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from fleet.messages.events import Event, Facts, seal
from fleet.messages.vocabulary import EventType
from fleet.server.cli import main
from fleet.server.database.database import Database, open_database
from fleet.server.errands.tables import errands
from fleet.server.events.tables import chains, events
from fleet.server.ingest.parse import Arrival, UnreadableMessage
from fleet.server.ingest.rebuild import PROJECTED, Rebuilt, rebuild
from fleet.server.ingest.write import Writer
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import alarms
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record

Rows = dict[str, set[tuple[object, ...]]]


def rows(database: Database) -> Rows:
    """All that follows from events."""
    with database.reading.begin() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(select(table))}
            for table in (*PROJECTED, chains, orders, alarms)
        }


def stocked(station: SealingStation, order: str, slot: int, minute: int) -> Event:
    about = {
        "errand": f"in-{order}",
        "card_number": "9752269875",
        "slot": slot,
        "by": "TEST000000-A001",
        "order": order,
    }
    return station.seal(EventType.CARD_STORED, about, time=f"2026-06-01T09:{minute:02}:00Z")


def emptied(station: SealingStation, seal_number: str, minute: int) -> Event:
    about = {"by": "TEST000000-A001", "second": "TEST000000-A002", "counted": 1, "expected": 1, "seal": seal_number}
    return station.seal(EventType.BIN_EMPTIED, about, time=f"2026-06-01T09:{minute:02}:00Z")


def dropped(station: SealingStation) -> Event:
    about = {"errand": "drop-1", "effect": "drop.card", "outcome": "dropped", "old_card": "9752269870"}
    return station.seal(EventType.EFFECT_DONE, about)


def a_day(name: str) -> list[Arrival]:
    """What one station tells, with all that may be wrong in it, in any order."""
    station = SealingStation(name)
    told = [stocked(station, f"{name}-1", 4, 10), *station.pickup(f"{name}-1"), emptied(station, "B", 30)]
    reserve = {"errand": "in-reserve", "card_number": "9752269879", "slot": 9, "by": "TEST000000-A001"}
    told += [
        station.seal(EventType.CARD_STORED, reserve),
        station.seal(EventType.CHAIN_CHECKPOINT, {"jws": "e30.e30.AA"}),
        dropped(station),
        emptied(station, "A", 20),
        *station.pickup("O-both"),
        station.seal(EventType.RECEIPT_ISSUED),
    ]
    told += [
        stocked(station, f"{name}-2", 5, 15),
        stocked(station, f"{name}-2", 6, 12),
        *station.pickup(f"{name}-2")[:2],
    ]
    stranger = seal(
        Facts(name, 1, len(told) + 2, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z", prev="f" * 64), {}
    )
    spoilt = UnreadableMessage(name, (1, len(told) + 1), "events", b"{", "not an event")
    late = seal(Facts(name, 1, len(told) + 9, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z"), {})
    last = UnreadableMessage(name, (2, 1), "events", b"[", "not an event")
    return [*arrived(*told, stranger, late, told[3]), spoilt, last]


def taken(database: Database, batches: Sequence[Sequence[Arrival]]) -> None:
    writer = Writer(database)
    for number, batch in enumerate(batches):
        writer.commit(batch, NOW + timedelta(seconds=number))


def a_story(database: Database, size: int, seed: int) -> None:
    """Two stations' days in batches of that size, shuffled, with an import in the middle."""
    told = [*a_day("entre-a"), *a_day("entre-b")]
    random.Random(seed).shuffle(told)
    batches = [told[start : start + size] for start in range(0, len(told), size)]
    known = [
        record(f"{name}-{n}", station=name, slot=n, card_number=f"975226{name[-1].upper()}{n}")
        for name in ("entre-a", "entre-b")
        for n in (1, 2)
    ]
    hold_orders(database, *known)
    half = len(batches) // 2
    taken(database, batches[:half])
    with database.reading.begin() as connection:
        movable = select(orders.c.order).where(orders.c.state.in_(["waiting", "misplaced"]))
        again = set(connection.execute(movable).scalars())
    hold_orders(database, *(replace(one, slot=one.slot + 10) for one in known if one.order in again))
    taken(database, batches[half:])


@pytest.mark.parametrize(("size", "seed"), [(1, 1), (7, 2), (500, 3)])
def test_a_rebuild_makes_what_was_made_as_events_came(database: Database, size: int, seed: int) -> None:
    a_story(database, size, seed)
    live = rows(database)
    assert all(live[table.name] for table in PROJECTED)
    with database.writing.begin() as connection:
        connection.execute(delete(errands))
        connection.execute(update(orders).values(state="taken", slot=99))
        connection.execute(update(chains).values(highest=0, gaps="[]", head=None, intact=True))
    assert rows(database) != live
    assert rebuild(database) == Rebuilt(events=46, stations=2)
    assert rows(database) == live
    rebuild(database)
    assert rows(database) == live, "a second time changes nothing"


def test_how_events_are_cut_into_batches_makes_no_difference(tmp_path: Path) -> None:
    found, told = [], a_day("entre-a")
    for size in (1, 500):
        with open_database(tmp_path / f"{size}.sqlite") as database:
            hold_orders(database, record("entre-a-1"), record("entre-a-2", slot=7, card_number="9752269876"))
            writer = Writer(database)
            for start in range(0, len(told), size):
                writer.commit(told[start : start + size], NOW)
            found.append(rows(database))
    assert found[0] == found[1]


def test_an_order_is_not_offered_again_where_data_was_erased(database: Database, station: SealingStation) -> None:
    hold_orders(database, record())
    Writer(database).commit(arrived(*station.pickup()), NOW)
    with database.writing.begin() as connection:
        connection.execute(update(events).values(data=None, salt=None))
    rebuild(database)
    with database.reading.begin() as connection:
        assert connection.execute(select(orders.c.state)).scalars().all() == ["taken"]
        assert connection.execute(select(errands)).all() == [], "what is erased is not told again"


def test_the_program_says_how_much_it_rebuilt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_database(tmp_path / "fleet.sqlite") as database:
        Writer(database).commit(arrived(*SealingStation().seals(3)), NOW)
    assert main(["rebuild", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "rebuilt from 3 events of 1 stations\n"
