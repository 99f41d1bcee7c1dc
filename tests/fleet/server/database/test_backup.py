"""A store that was restored from an older copy asks stations for what it lacks, and ends with every event once."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from fleet.messages.link import Acked
from fleet.server.database.database import Database, open_database
from fleet.server.database.database_url import Place
from fleet.server.errands.tables import errands
from fleet.server.events.tables import events
from fleet.server.ingest.write import Writer
from tests.fakes.server.postgres import Cluster
from tests.fleet.server.conftest import NOW, SealingStation, arrived


def begun(database: Database) -> SealingStation:
    """A store with a whole pick-up: the state in which it is copied, while the server has it open."""
    station = SealingStation()
    Writer(database).commit(arrived(*station.pickup()), NOW)
    return station


def healed(copy: Place, station: SealingStation) -> None:
    """The station goes on, hears what the restored server holds, and sends the rest again."""
    with open_database(copy) as database:
        writer = Writer(database)
        assert writer.commit(arrived(station.seal()), NOW).acked == (("entre-a", Acked(1, 5, ((6, 8),))),)
        assert writer.commit(arrived(*station.sealed[5:]), NOW).acked == (("entre-a", Acked(1, 9)),)
        with database.reading.begin() as connection:
            rows = select(events.c.envelope).order_by(events.c.sequence)
            assert connection.execute(rows).scalars().all() == [event.envelope for event in station.sealed]
            assert connection.execute(select(errands.c.outcome)).scalars().all() == ["done"]


def test_sqlite_is_copied_while_it_runs(tmp_path: Path) -> None:
    path, copy = tmp_path / "fleet.sqlite", tmp_path / "copy.sqlite"
    with open_database(path) as database:
        station = begun(database)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        Writer(database).commit(arrived(*station.seals(3)), NOW)
    healed(copy, station)


def test_postgresql_is_dumped_while_it_runs(postgres: Cluster) -> None:
    place, copy = postgres.place(), postgres.place()
    dump = str(postgres.folder / "fleet.dump")
    with open_database(place) as database:
        station = begun(database)
        postgres.tool("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={place.database}")
        Writer(database).commit(arrived(*station.seals(3)), NOW)
    postgres.tool("pg_restore", "--exit-on-error", f"--dbname={copy.database}", dump)
    healed(copy, station)
