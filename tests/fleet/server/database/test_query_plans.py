"""What people look for is found by an index: the database's own plan says so, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from fleet.server.cards import history as card_reading
from fleet.server.database.database import Database
from fleet.server.database.station_scope import stations_like
from fleet.server.readings.queries import StoreReadings
from fleet.server.timeline import queries as timeline
from tests.fleet.server.conftest import NOW, hold_orders, record

CARD = "9752269875"
PERSON = "TEST000000-0001"


@contextmanager
def noted(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database, as it is sent."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        asked.append((statement, values))

    event.listen(database.reading, "before_cursor_execute", note)
    yield asked
    event.remove(database.reading, "before_cursor_execute", note)


def plans(database: Database, read: Callable[[Connection], object]) -> str:
    """How the database would go about it, were the tables large."""
    with noted(database) as asked, database.reading.begin() as connection:
        read(connection)
    on_postgres = database.reading.dialect.name == "postgresql"
    with database.reading.begin() as connection:
        if on_postgres:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # of a few rows it reads them all
        explain = "EXPLAIN " if on_postgres else "EXPLAIN QUERY PLAN "
        rows = [row for statement, values in asked for row in connection.exec_driver_sql(explain + statement, values)]
    return "\n".join(str(row[-1]) for row in rows)


@pytest.fixture
def held(database: Database) -> Database:
    hold_orders(database, record())
    return database


def test_the_story_of_a_card(held: Database) -> None:
    plan = plans(held, lambda connection: card_reading.story(connection, CARD, "2026-06-01"))
    for table in ("orders", "errands", "requests", "wishes", "deeds", "bin_cards"):
        assert f"ix_{table}_card_number" in plan, table
    assert "ix_errands_order" in plan
    assert "pk_certificates" in plan or "sqlite_autoindex_certificates" in plan


def test_what_is_only_in_the_whole_story_of_a_card_and_of_a_person(held: Database) -> None:
    everywhere = stations_like(frozenset("*"))
    plan = plans(held, lambda connection: list(timeline.other_rows(connection, CARD, ["O-1"], everywhere)))
    plan += "\n" + plans(held, lambda connection: timeline.cards_of(connection, PERSON, everywhere))
    for index in ("ix_bin_cards_card_number", "ix_errands_stock", "ix_events_errand", "ix_errands_hsa_id"):
        assert index in plan, index
    for table in ("events", "errands", "orders"):
        assert f"SCAN {table}\n" not in f"{plan}\n", table
        assert f"Seq Scan on {table}" not in plan, table


@pytest.mark.parametrize("whole", [CARD, PERSON])
def test_a_whole_number_finds_without_reading_every_order(held: Database, readings: StoreReadings, whole: str) -> None:
    found: list[int] = []
    plan = plans(held, lambda _connection: found.append(readings.orders(search=f" {whole} ")[1]))
    assert found == [1]
    assert "ix_orders_card_number" in plan
    assert "ix_orders_hsa_id" in plan
    assert "Seq Scan on orders" not in plan
    assert "SCAN orders" not in plan


def test_the_orders_that_changed_last(held: Database, readings: StoreReadings) -> None:
    assert "ix_orders_changed" in plans(held, lambda _connection: readings.orders())


def test_the_errands_of_each_station_today(held: Database, readings: StoreReadings) -> None:
    plan = plans(held, lambda _connection: readings.stations(NOW))
    assert "ix_errands_started_station" in plan
    if held.reading.dialect.name == "sqlite":
        assert "COVERING INDEX ix_errands_started_station" in plan, "the errands themselves are not read"
