"""A store that is damaged is known to be: at the start, in the night, and before anything is called a station's fault."""

import asyncio
import logging
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from fleet.server.database.database import Database, open_database
from fleet.server.database.integrity import DatabaseCheck, NotCheckedError, problems_of
from fleet.server.ingest.write import Writer
from tests.fakes.server.databases import damage_index, new_store
from tests.fakes.server.postgres import cluster
from tests.fleet.server.conftest import NOW, SealingStation, arrived


def filled(path: Path) -> None:
    database = new_store(path)
    Writer(database).commit(arrived(*(SealingStation().seals(300))), NOW)
    database.close()


def test_a_sound_store_has_no_problems(database: Database) -> None:
    if database.reading.dialect.name == "postgresql":
        with pytest.raises(NotCheckedError, match="CREATE EXTENSION amcheck"):
            problems_of(database)
        return
    assert problems_of(database) == []


def test_a_damaged_index_is_found_though_nothing_that_is_asked_of_the_store_fails(tmp_path: Path) -> None:
    filled(tmp_path / "fleet.sqlite")
    damage_index(tmp_path / "fleet.sqlite", "ix_events_errand")
    with open_database(tmp_path / "fleet.sqlite") as database:
        check = DatabaseCheck(database, lambda: NOW)
        assert check.trouble is None
        check.look()
        assert (check.trouble, check.is_sound()) == ("damaged", False)


def test_on_postgresql_amcheck_finds_a_damaged_index_where_it_is_installed() -> None:
    with cluster() as server:
        place = server.place()
        with open_database(place) as database:
            Writer(database).commit(arrived(*(SealingStation().seals(300))), NOW)
            with database.writing.begin() as connection:
                connection.exec_driver_sql("CREATE EXTENSION amcheck")
            assert problems_of(database) == []
            with database.writing.begin() as connection:
                file = connection.exec_driver_sql("SELECT pg_relation_filepath('ix_events_errand')").scalar_one()
        with server.session() as session:
            session.execute("CHECKPOINT")  # else the log writes the page again
        server.kill()
        with (server.folder / "data" / str(file)).open("r+b") as index:
            index.seek(8192 + 24)  # behind the header of the first leaf
            index.write(bytes(4096))
        server.start()
        with open_database(place) as database:
            assert any("ix_events_errand" in problem for problem in problems_of(database))


def test_a_check_that_cannot_be_made_says_nothing_of_the_store_and_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [NOW]
    with open_database(tmp_path / "fleet.sqlite") as database:
        check = DatabaseCheck(database, lambda: now[0])

        def fail(*_: object) -> bool:
            raise sqlite3.OperationalError("disk I/O error")

        event.listen(database.reading, "do_execute", fail)
        with caplog.at_level(logging.ERROR):
            check.look()
        assert "cannot be checked just now" in caplog.text
        event.remove(database.reading, "do_execute", fail)
        assert check.trouble is None
        assert check.is_due(NOW)
        check.look()
        assert not check.is_due(NOW)


@pytest.mark.parametrize(("hours", "due"), [(1, False), (14, False), (24, True)])
def test_it_is_due_once_a_night(tmp_path: Path, hours: float, *, due: bool) -> None:
    with open_database(tmp_path / "fleet.sqlite") as database:
        now = [NOW]
        check = DatabaseCheck(database, lambda: now[0])
        check.look()
        now[0] += timedelta(hours=hours)
        assert check.is_due(now[0]) is due


async def test_it_runs_by_itself(tmp_path: Path) -> None:
    filled(tmp_path / "fleet.sqlite")
    damage_index(tmp_path / "fleet.sqlite", "ix_events_errand")
    with open_database(tmp_path / "fleet.sqlite") as database:
        check = DatabaseCheck(database, lambda: NOW)
        running = asyncio.create_task(check.run())
        async with asyncio.timeout(60):
            while check.trouble is None:  # noqa: ASYNC110  # what changes is set in a thread
                await asyncio.sleep(0.01)
        running.cancel()
