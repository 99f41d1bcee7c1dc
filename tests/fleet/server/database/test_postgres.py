"""What only PostgreSQL brings: an address without a password, several writers, a server that goes away."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import delete, func, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError

from fleet.messages.link import Acked
from fleet.server.cli import main
from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import Database, StoreError
from fleet.server.database.database_url import DatabaseUrlError, describe_database, postgres_place
from fleet.server.database.overlap import overlapping
from fleet.server.errands.tables import errands
from fleet.server.events.tables import chains, events, quarantine
from fleet.server.ingest.write import Writer, insert_events
from fleet.server.stations.tables import alarms, stations
from sim.stories.patience import LIMIT_S
from tests.fakes.server.databases import empty
from tests.fakes.server.ingesting import ingesting, message
from tests.fakes.server.postgres import Cluster, cluster
from tests.fleet.server.conftest import NOW, SealingStation, arrived


@pytest.fixture
def shared(on_postgres: Database) -> Iterator[Database]:
    yield on_postgres
    empty(on_postgres)


def together(*work: threading.Thread) -> None:
    for one in work:
        one.start()
    for one in work:
        one.join(LIMIT_S)
        assert not one.is_alive()


def test_several_writers_of_the_same_stations_lose_and_double_nothing(shared: Database) -> None:
    stations = [SealingStation(f"s-{number}") for number in range(3)]
    told = [event for _ in range(5) for station in stations for event in station.pickup(order=f"O-{station.name}")]
    failures: list[Exception] = []

    def write(batches: list[slice]) -> None:
        writer = Writer(shared)
        for batch in batches:
            try:
                writer.commit(arrived(*told[batch]), NOW)
            except Exception as error:
                failures.append(error)

    # Three ways to cut the same events, so that each is sent by every writer, in other company.
    cuts = [[slice(start, start + size) for start in range(0, len(told), size)] for size in (4, 7, 25)]
    together(*(threading.Thread(target=write, args=(cut,)) for cut in cuts))

    assert failures == []
    with shared.reading.begin() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar() == len(told)
        assert connection.execute(select(func.count()).select_from(errands)).scalar() == 15
        assert connection.execute(select(chains.c.highest, chains.c.gaps, chains.c.intact)).all() == [
            (25, "[]", True) for _ in stations
        ]


def test_a_server_that_is_killed_keeps_every_commit_and_takes_the_rest_when_it_is_back() -> None:
    station = SealingStation()
    with cluster(sync=True) as server:
        database = Database.open(server.place())
        writer = Writer(database)
        writer.commit(arrived(*station.seals(3)), NOW)
        server.kill()
        rest = arrived(*station.seals(2))
        with pytest.raises(OperationalError):
            writer.commit(rest, NOW)
        server.start()
        assert writer.commit(rest, NOW).acked[0][1].through == 5
        database.close()


def test_a_commit_is_durable_and_sees_what_others_wrote_though_the_database_is_set_otherwise(postgres: Cluster) -> None:
    place = postgres.place()
    with postgres.session() as session:
        for setting in ("synchronous_commit = off", "default_transaction_isolation = 'repeatable read'"):
            session.execute(f"ALTER DATABASE {place.database} SET {setting}")  # type: ignore[call-overload]
    database = Database.open(place)
    with database.ingesting.begin() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    with database.reading.begin() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
    database.close()


async def test_what_postgresql_cannot_hold_is_quarantined_and_the_stream_goes_on(shared: Database) -> None:
    station = SealingStation()
    told = [station.seal(), station.seal(subject="a\0b"), *station.pickup(errand="with\0in"), station.seal()]
    async with ingesting(Writer(shared)) as bench:
        await bench.send(*map(message, told))
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 8)
    with shared.reading.begin() as connection:
        kept = connection.execute(select(quarantine.c.raw)).scalars().all()
        assert kept == [event.wire for event in told[1:7]], "exact bytes"
        assert connection.execute(select(func.count()).select_from(events)).scalar() == 2


def test_a_server_without_fsync_is_warned_of(postgres: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    Database.open(postgres.place()).close()
    assert "fsync off" in caplog.text


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path, postgres: Cluster) -> None:
    secret = tmp_path / "password"
    secret.write_text("made-up-word\n")
    secret.chmod(0o600)
    with pytest.raises(StoreError, match=r"postgresql://fleet@/nowhere.*does not exist") as told:
        Database.open(postgres_place(postgres.address("nowhere"), secret))
    assert "made-up-word" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://fleet:made-up-word@db.example/fleet", "does not belong into the address"),
        ("postgresql://fleet@db.example/fleet?password=made-up-word", "does not belong into the address"),
        ("postgresql://fleet@db.example", "names no database"),
        ("mysql://fleet@db.example/fleet", "begins with postgresql://"),
        ("fleet", "write postgresql://"),
        ("postgresql://db.example:port/fleet", "write postgresql://"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_repeated(
    address: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["migrate", "--database", address])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert why in said
    assert "made-up-word" not in said


def test_the_password_comes_from_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("made-up-word\n")
    secret.chmod(0o644)
    with pytest.raises(DatabaseUrlError, match="others can read"):
        postgres_place("postgresql://fleet@db.example/fleet", secret)
    secret.chmod(0o600)
    place = postgres_place("postgresql://fleet@db.example/fleet", secret)
    assert place.password == "made-up-word"
    assert describe_database(place) == "postgresql://fleet@db.example/fleet"


def test_the_program_says_what_is_wrong_with_the_database(
    tmp_path: Path, postgres: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--database", postgres.address("nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["migrate", "--database", postgres.address("x"), "--database-password", str(tmp_path / "no")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["init", "--data", str(tmp_path), "--database-password", str(tmp_path / "no")]) == 2
    assert "with --database only" in capsys.readouterr().err


def test_the_program_migrates_and_imports_there(postgres: Cluster, tmp_path: Path) -> None:
    address = postgres.address(postgres.place().database or "")
    people = tmp_path / "people.csv"
    head = "hsa_id,name,roles,level,scope,valid_from,valid_until,decision"
    people.write_text(f"{head}\nSE2321000999-1A01,Tove Test,KRA,3,*,,,IT-1\n")
    assert main(["migrate", "--database", address]) == 0
    assert main(["import-administrators", str(people), "--database", address]) == 0


def test_no_event_is_stored_of_a_station_that_is_not_there(shared: Database) -> None:
    """Its row refers to no station there, nor does that of its errand; that of its chain does."""
    writer, station = Writer(shared), SealingStation()
    writer.commit(arrived(*station.pickup()), NOW)
    with shared.writing.begin() as connection:
        for table in ("events", "errands"):
            assert inspect(connection).get_foreign_keys(table) == []
    empty(shared)  # another database in its place, as after a restore
    with pytest.raises(IntegrityError, match="fk_chains_station"):
        writer.commit(arrived(station.pickup(errand="E-2")[0]), NOW)
    with shared.reading.begin() as connection:
        for table in (events, errands):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0


def test_no_station_can_be_taken_away_from_its_events(shared: Database) -> None:
    Writer(shared).commit(arrived(SealingStation().seal()), NOW)
    with pytest.raises(IntegrityError, match="fk_chains_station"), shared.writing.begin() as connection:
        connection.execute(delete(stations))


def test_the_commit_goes_with_the_last_statements_and_not_where_one_of_them_fails(shared: Database) -> None:
    def row(**changes: object) -> dict[str, object]:
        return {"station": "entre-a", "code": "c", "argument": "", "first": NOW, "last": NOW, "times": 1, **changes}

    with shared.ingesting.begin() as connection:
        put_all(connection, [Put(alarms, [row()], ("times",))], last=True)
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.transaction_status == TransactionStatus.IDLE
    failing = [Put(alarms, [row(times=2)], ("times",)), Put(alarms, [row(code="d", argument=None)], ("times",))]
    with pytest.raises(IntegrityError), shared.ingesting.begin() as connection:
        put_all(connection, failing, last=True)
    with shared.reading.begin() as connection:
        assert connection.execute(select(alarms.c.code, alarms.c.times)).all() == [("c", 1)]


def test_a_row_that_is_there_already_ends_the_copy_and_leaves_the_connection_fit(shared: Database) -> None:
    writer, station = Writer(shared), SealingStation()
    writer.commit(arrived(station.seal()), NOW)
    worked: list[bool] = []
    with shared.ingesting.connect() as connection:
        number = connection.execute(select(stations.c.id)).scalar_one()
        with (
            pytest.raises(IntegrityError, match="uq_events_station_epoch_sequence"),
            overlapping(connection, lambda: worked.append(True)),
        ):
            insert_events(connection, {(number, 1, 1): arrived(*station.sealed)[0]}, NOW)
        connection.rollback()
        assert connection.execute(select(func.count()).select_from(events)).scalar() == 1
    assert worked == [True], "there was something to do while the server worked"


def test_more_comes_while_the_server_works(shared: Database) -> None:
    worked: list[bool] = []
    Writer(shared).commit(arrived(*SealingStation().pickup()), NOW, lambda: worked.append(True))
    assert worked == [True, True], "after COPY, and after the commit was sent"


def test_what_fails_while_the_server_works_leaves_the_connection_fit(shared: Database) -> None:
    writer, station = Writer(shared), SealingStation()
    writer.commit(arrived(station.seal()), NOW)

    def fail() -> None:
        raise ValueError("no")

    with shared.ingesting.connect() as connection:
        number = connection.execute(select(stations.c.id)).scalar_one()
        with pytest.raises(ValueError, match="no"), overlapping(connection, fail):
            insert_events(connection, {(number, 1, 2): arrived(station.seal())[0]}, NOW)
        connection.rollback()
        assert connection.execute(select(func.count()).select_from(events)).scalar() == 1
