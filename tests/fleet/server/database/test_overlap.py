"""Work that overlaps with PostgreSQL's: done at each wait of a transaction, and nowhere else."""

from datetime import UTC, datetime

from fleet.server.database.bulk import is_postgres
from fleet.server.database.database import Database
from fleet.server.database.overlap import overlapping
from fleet.server.stations.alarms import CONFLICT, Alarm, raise_alarm

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def test_it_is_done_at_each_wait_for_postgresql_inside_and_never_on_sqlite(database: Database) -> None:
    done: list[str] = []
    with database.writing.begin() as connection:
        with overlapping(connection, lambda: done.append("inside")):
            raise_alarm(connection, Alarm("entre-a", CONFLICT, "1:1"), NOW)
            raise_alarm(connection, Alarm("entre-a", CONFLICT, "1:2"), NOW)
        raise_alarm(connection, Alarm("entre-a", CONFLICT, "1:3"), NOW)
        waits = 2 if is_postgres(connection) else 0
    assert done == ["inside"] * waits


def test_after_a_fault_nothing_is_left_for_the_next_transaction(database: Database) -> None:
    done: list[str] = []
    try:
        with database.writing.begin() as connection, overlapping(connection, lambda: done.append("failed")):
            raise ValueError("of the work itself")
    except ValueError:
        pass
    with database.writing.begin() as connection:
        raise_alarm(connection, Alarm("entre-a", CONFLICT, "1:1"), NOW)
    assert done == []
