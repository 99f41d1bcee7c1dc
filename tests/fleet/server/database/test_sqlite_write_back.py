"""SQLite's log is written back into the file by a thread of its own, while the ingest goes on."""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fleet.server.database.database import Database, open_database
from fleet.server.database.sqlite import WRITE_BACK_EVENTS, WriteBack
from fleet.server.ingest.write import Writer
from tests.fleet.server.conftest import NOW, SealingStation, arrived


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "fleet.sqlite") as database:
        yield database


def held_without_log(path: Path) -> int:
    """The events in the file alone, as if what lies beside it had been lost."""
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        try:
            (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
        except sqlite3.DatabaseError:  # not whole, or not even the tables
            return 0
    return int(count)


def test_when_much_has_come_it_is_in_the_file_and_a_reader_holds_nothing_up(
    store: Database, tmp_path: Path, station: SealingStation
) -> None:
    path = tmp_path / "fleet.sqlite"
    assert store.write_back is not None
    with store.reading.begin() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM stations").all()
        Writer(store).commit(arrived(*station.pickup()), NOW)
        store.write_back.added(WRITE_BACK_EVENTS)
        store.write_back.close()  # waits for the pass, which does not wait for the reader
    assert held_without_log(path) == 0
    write_back = WriteBack(path)
    write_back.added(WRITE_BACK_EVENTS)
    write_back.close()
    assert held_without_log(path) == 5


def test_a_few_events_are_left_to_the_log(store: Database, tmp_path: Path, station: SealingStation) -> None:
    Writer(store).commit(arrived(*station.pickup()), NOW)
    assert store.write_back is not None
    store.write_back.close()
    assert held_without_log(tmp_path / "fleet.sqlite") == 0


def test_the_writer_says_how_many_events_have_come(
    store: Database, tmp_path: Path, station: SealingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.server.database.sqlite.WRITE_BACK_EVENTS", 5)
    writer = Writer(store)
    first, *rest = station.pickup()
    writer.commit(arrived(first), NOW)
    writer.commit(arrived(first), NOW)  # told again, and not added again
    assert store.write_back is not None
    writer.commit(arrived(*rest), NOW)
    store.write_back.close()
    assert held_without_log(tmp_path / "fleet.sqlite") == 5


def test_a_file_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_back = WriteBack(tmp_path)  # a folder
    with caplog.at_level(logging.WARNING):
        write_back.added(WRITE_BACK_EVENTS)
        write_back.close()
    assert "was not written back: unable to open database file" in caplog.text


def test_a_commit_that_ends_after_the_store_is_closed_is_no_error(tmp_path: Path) -> None:
    write_back = WriteBack(tmp_path / "fleet.sqlite")
    write_back.close()
    write_back.added(WRITE_BACK_EVENTS)


class Readers:
    """Several, each of whom begins to read before the one before has ended."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._gone = threading.Event()

    def __enter__(self) -> "Readers":
        self._threads = [threading.Thread(target=self._read, args=(0.01 * number,)) for number in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join()

    def _read(self, later_s: float) -> None:
        self._gone.wait(later_s)
        while not self._gone.is_set():
            with self._store.reading.begin() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM stations").all()
                self._gone.wait(0.04)


def test_the_log_ends_somewhere_though_somebody_always_reads(
    tmp_path: Path, station: SealingStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, the log of a server whose pages five people read had 262 MB after six minutes."""
    limit = 1 << 20
    for name, value in (("LOG_LIMIT", limit), ("CHECKPOINT_PAGES", 100), ("WRITE_BACK_EVENTS", 20)):
        monkeypatch.setattr(f"fleet.server.database.sqlite.{name}", value)
    log, longest = tmp_path / "fleet.sqlite-wal", 0
    with open_database(tmp_path / "fleet.sqlite") as store, Readers(store):
        writer = Writer(store)
        for _ in range(500):
            writer.commit(arrived(*station.seals(5)), NOW)
            longest = max(longest, log.stat().st_size)
    assert longest < 8 * limit
