"""The station's file: what is committed stays, and a disk that fails says so in words."""

import asyncio
import contextlib
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from fleet.agent.store import StationStore, StoreError, set_aside

SCHEMA = "CREATE TABLE IF NOT EXISTS note (text TEXT NOT NULL) STRICT;"


def opened(path: Path) -> StationStore:
    return StationStore.open(path, schemas=[SCHEMA])


def notes(store: StationStore) -> list[str]:
    return store.transact_now(lambda cx: [row[0] for row in cx.execute("SELECT text FROM note ORDER BY rowid")])


def write(cx: sqlite3.Connection, text: str) -> None:
    cx.execute("INSERT INTO note VALUES (?)", (text,))


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "station.sqlite"
    store = opened(path)
    await store.transact(lambda cx: write(cx, "first"))
    store.close()
    store.close()
    again = opened(path)
    assert notes(again) == ["first"]
    again.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_opened_for_durability(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
    found = store.transact_now(lambda cx: [cx.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas])
    store.close()
    assert found == ["wal", 2, 1, 5000, 1]


async def test_work_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")

    def half(cx: sqlite3.Connection) -> None:
        write(cx, "half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(half)
    assert notes(store) == []
    store.close()


async def test_work_of_a_cancelled_caller_is_done_all_the_same(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")
    task = asyncio.create_task(store.transact(lambda cx: write(cx, "shielded")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes(store) == ["shielded"]
    store.close()


async def test_many_callers_at_once_each_get_their_own_transaction(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")

    def count_up(cx: sqlite3.Connection) -> int:
        number = int(cx.execute("SELECT count(*) FROM note").fetchone()[0])
        write(cx, str(number))
        return number

    numbers = await asyncio.gather(*(store.transact(count_up) for _ in range(40)))
    assert sorted(numbers) == list(range(40))
    store.close()


async def test_a_full_disk_is_named_and_the_store_works_on_once_there_is_room(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")
    pages = store.transact_now(lambda cx: cx.execute("PRAGMA page_count").fetchone()[0])
    store.transact_now(lambda cx: cx.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(StoreError) as failed:
        await store.transact(lambda cx: write(cx, "x" * 100_000))
    assert failed.value.fault == "full"
    assert "station.sqlite" in str(failed.value)
    assert "make room" in str(failed.value)
    store.transact_now(lambda cx: cx.execute("PRAGMA max_page_count = 100000").fetchone())
    await store.transact(lambda cx: write(cx, "room"))
    assert notes(store) == ["room"]
    store.close()


def test_bytes_that_are_no_database_are_refused_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(StoreError) as failed:
        opened(path)
    assert failed.value.fault == "damaged"
    assert path.read_bytes().startswith(b"this is no database")


def test_a_flipped_page_is_found_when_the_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    store = opened(path)
    store.transact_now(lambda cx: [write(cx, f"note {n} " + "x" * 500) for n in range(200)])
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 + 8 : 4096 + 600] = b"\xff" * 592
    path.write_bytes(content)
    with pytest.raises(StoreError) as failed:
        opened(path)
    assert failed.value.fault == "damaged"


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    cx = sqlite3.connect(path)
    cx.execute("PRAGMA user_version = 99")
    cx.close()
    with pytest.raises(StoreError, match="newer version") as failed:
        opened(path)
    assert failed.value.fault == "newer"


def test_a_place_that_cannot_hold_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as failed:
        opened(tmp_path / "file" / "station.sqlite")
    assert failed.value.fault == "unwritable"
    (tmp_path / "directory").mkdir()
    with pytest.raises(StoreError) as failed:
        opened(tmp_path / "directory")
    assert failed.value.fault == "unwritable"


def test_a_callers_own_mistake_keeps_its_type(tmp_path: Path) -> None:
    store = opened(tmp_path / "station.sqlite")
    with pytest.raises(sqlite3.OperationalError):
        store.transact_now(lambda cx: cx.execute("SELECT nothing FROM nowhere"))
    with pytest.raises(sqlite3.IntegrityError):
        store.transact_now(lambda cx: cx.execute("INSERT INTO note VALUES (NULL)"))
    store.close()


def filled(path: Path) -> bytes:
    store = opened(path)
    store.transact_now(lambda cx: [write(cx, f"note {n} " + "x" * 500) for n in range(40)])
    store.close()
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_damage_opening_says_so_or_works(seed: int, tmp_path: Path) -> None:
    """In the first pages, where damage comes out as errors of every type."""
    path, random = tmp_path / "station.sqlite", Random(seed)
    whole = filled(path)
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(random.choice((1, 3, 30))):
            content[random.randrange(len(content) if random.random() < 0.5 else 8192)] ^= 1 << random.randrange(8)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        path.write_bytes(content)
        with contextlib.suppress(StoreError):
            opened(path).close()


def test_an_integrity_check_that_cannot_even_be_read_is_damage(tmp_path: Path) -> None:
    """The name of an index that is no UTF-8 stands in the very words of the check."""
    path = tmp_path / "station.sqlite"
    filled(path)
    cx = sqlite3.connect(path, isolation_level=None)
    cx.execute("PRAGMA writable_schema = ON")
    cx.execute("CREATE TABLE other (text TEXT NOT NULL)")
    cx.execute("INSERT INTO other VALUES (1)")
    cx.execute("UPDATE sqlite_schema SET name = CAST(x'6e6f7465ff' AS TEXT) WHERE name = 'note'")
    cx.close()
    with pytest.raises(StoreError) as failed:
        opened(path)
    assert failed.value.fault == "damaged"


def test_a_table_whose_name_was_damaged_is_not_made_anew_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    whole = filled(path)
    assert whole.count(b"CREATE TABLE note") >= 1
    path.write_bytes(whole.replace(b"CREATE TABLE note", b"CREATE TABLE nope"))
    with pytest.raises(StoreError) as failed:
        opened(path)
    assert failed.value.fault == "damaged"


def test_a_damaged_file_is_kept_beside_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    path.write_bytes(b"damaged")
    path.with_name("station.sqlite-wal").write_bytes(b"log")
    folder = set_aside([path], datetime(2026, 3, 2, 8, 15, tzinfo=UTC))
    assert folder == tmp_path / "set-aside" / "20260302T081500Z"
    assert {part.name: part.read_bytes() for part in folder.iterdir()} == {
        "station.sqlite": b"damaged",
        "station.sqlite-wal": b"log",
    }
    assert notes(opened(path)) == []
