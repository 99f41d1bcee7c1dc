"""A log that lies beside a file of another time is refused; one that a crash left never is, at whatever moment it came."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fleet.server.cli import main
from fleet.server.database import generation
from fleet.server.database.database import Database, StoreError, open_database
from fleet.server.database.generation import check_log, renew
from fleet.server.events.tables import events
from fleet.server.ingest.write import Writer
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.server.databases import new_store
from tests.fleet.server.conftest import NOW, SealingStation, arrived

STORE = "fleet.sqlite"


def begun(folder: Path) -> tuple[Database, SealingStation]:
    """A store as a server has it that has just started."""
    folder.mkdir()
    database, station = new_store(folder / STORE), SealingStation()
    renew(folder / STORE, checkpoint="TRUNCATE")
    return database, station


def write(database: Database, station: SealingStation, number: int) -> None:
    Writer(database).commit(arrived(*station.seals(number)), NOW)


def killed(folder: Path, into: Path) -> Path:
    """What the disk holds of a process that is killed at this moment."""
    return shutil.copytree(folder, into) / STORE


def held(path: Path) -> int:
    with open_database(path) as database, database.reading.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())


def another_program_looks_in(store: Path) -> None:
    """As a back-up by hand does, or any command at a desk: it opens the store, reads, and closes it."""
    script = (
        "import sqlite3, sys; s = sqlite3.connect(sys.argv[1]); s.execute('SELECT 1 FROM events').fetchone(); s.close()"
    )
    subprocess.run([sys.executable, "-c", script, store], check=True, timeout=LIMIT_S)


@pytest.mark.parametrize("then", ["the log is written back", "the store is opened once more", "nothing"])
def test_the_log_of_a_store_in_use_outlives_other_programs(then: str, tmp_path: Path) -> None:
    """Before, whoever closed the store after its log was written back deleted that log under the server: it went on in a file
    without a name, or took nothing any more (`disk I/O error`) until it was started again."""
    database, station = begun(tmp_path / "data")
    store = tmp_path / "data" / STORE
    write(database, station, 10)
    if then == "the log is written back":
        renew(store)
    elif then == "the store is opened once more":
        with open_database(store):
            check_log(store)
    another_program_looks_in(store)
    write(database, station, 20)
    with closing(sqlite3.connect(store)) as of_now:
        assert of_now.execute("SELECT count(*) FROM events").fetchone() == (30,)
    assert held(killed(tmp_path / "data", tmp_path / "killed")) == 30
    database.close()


def test_a_copy_that_is_restored_beside_an_old_log_is_refused_and_said_what_to_do(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, the server started, said that all is well, and `integrity_check` was full of errors."""
    database, station = begun(tmp_path / "data")
    write(database, station, 100)
    assert main(["backup", str(tmp_path / "copy"), "--data", str(tmp_path / "data")]) == 0
    write(database, station, 300)
    store = killed(tmp_path / "data", tmp_path / "crashed")
    database.close()
    shutil.copyfile(tmp_path / "copy", store)
    where = ["--data", str(store.parent), "--authority", str(authority.directory), "--http", "127.0.0.1:0"]
    assert main(["serve", "--unseparated", *where]) == 2
    said = capsys.readouterr().err
    assert f"{store}-wal: is not the log of the {STORE} beside it" in said
    assert f"remove {STORE}-wal and {STORE}-shm" in said
    store.with_name(f"{STORE}-wal").unlink()
    store.with_name(f"{STORE}-shm").unlink(missing_ok=True)
    assert held(store) == 100


@pytest.mark.parametrize("write_back", [False, True], ids=["with the same log", "after the log began anew"])
def test_a_copy_of_another_program_is_refused_or_becomes_whole_with_the_log(
    tmp_path: Path, *, write_back: bool
) -> None:
    database, station = begun(tmp_path / "data")
    write(database, station, 100)
    with (
        closing(sqlite3.connect(tmp_path / "data" / STORE)) as source,
        closing(sqlite3.connect(tmp_path / "copy")) as copy,
    ):
        source.backup(copy)
    write(database, station, 200)
    if write_back:
        renew(tmp_path / "data" / STORE)
        write(database, station, 50)
    store = killed(tmp_path / "data", tmp_path / "crashed")
    database.close()
    shutil.copyfile(tmp_path / "copy", store)
    if write_back:
        with pytest.raises(StoreError, match="is not the log"):
            held(store)
    else:
        assert held(store) == 300


def test_whenever_a_server_dies_its_log_goes_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step of a change of the number, with and without a reader that keeps the log from being written back."""
    database, station = begun(tmp_path / "data")
    write(database, station, 50)
    crashes: list[Path] = []

    def crash() -> None:
        crashes.append(killed(tmp_path / "data", tmp_path / f"crash-{len(crashes)}"))

    noted, numbered = generation.note_numbers, generation.number_of

    def note(path: Path, numbers: set[int]) -> None:
        crash()
        noted(path, numbers)
        crash()

    def look(path: Path) -> int:
        crash()
        return numbered(path)

    with monkeypatch.context() as patched:
        patched.setattr(generation, "note_numbers", note)
        patched.setattr(generation, "number_of", look)
        for _ in range(2):
            renew(tmp_path / "data" / STORE)
            write(database, station, 1)
        with database.reading.begin() as reader:
            reader.execute(select(events.c.id)).first()
            for _ in range(2):
                renew(tmp_path / "data" / STORE)
                write(database, station, 1)
                crash()
    database.close()
    assert len(crashes) > 20
    assert {held(store) for store in crashes} <= {50, 51, 52, 53, 54}


def test_a_server_that_is_killed_again_and_again_while_numbers_change_opens_each_time(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from fleet.server.database.database import Database\n"
        "from fleet.server.database.generation import renew\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "database = Database.open(path)\n"
        "print('open', flush=True)\n"
        "while True:\n"
        "    with database.writing.begin() as connection:\n"
        "        connection.exec_driver_sql('INSERT INTO stations (name, online) SELECT hex(randomblob(9)), 1')\n"
        "    renew(path)\n"
    )
    for _ in range(3):
        command = [sys.executable, "-c", program, str(tmp_path / STORE)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        before = generation.noted_numbers(tmp_path / STORE)
        while generation.noted_numbers(tmp_path / STORE) == before:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT_S)
        process.stdout.close()
        check_log(tmp_path / STORE)
    assert held(tmp_path / STORE) == 0


def test_a_damaged_note_refuses_nothing(tmp_path: Path) -> None:
    database, station = begun(tmp_path / "data")
    write(database, station, 5)
    store = killed(tmp_path / "data", tmp_path / "crashed")
    database.close()
    store.with_name(f"{STORE}-generation").write_bytes(b"\xff[")
    assert held(store) == 5


def test_a_backup_is_private_sound_and_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database, station = begun(tmp_path / "data")
    write(database, station, 30)
    command = ["backup", str(tmp_path / "copy"), "--data", str(tmp_path / "data"), "--json"]
    assert main(command) == 0
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert main(command) == 2
    assert "File exists" in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "other"), "--data", str(tmp_path / "mistyped")]) == 2
    database.close()
    assert held(tmp_path / "copy") == 30
