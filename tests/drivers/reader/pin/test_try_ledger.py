"""The station's own count of tries outlives the program, and when it is lost the strict side is taken."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.reader.errors import LedgerError
from drivers.reader.pin.try_ledger import UNREADABLE, FileLedger, MemoryLedger, TryLedger


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_try_is_counted_before_it_is_made_and_settled_after(kind: str, tmp_path: Path) -> None:
    ledger: TryLedger = MemoryLedger() if kind == "memory" else FileLedger(tmp_path / "deep" / "tries.json")
    ledger.spend("9999", "01")
    ledger.spend("9999", "01")
    assert ledger.used("9999", "01") == 2
    assert ledger.used("9999", "02") == ledger.used("8888", "01") == 0
    ledger.settle("9999", "01", 0)
    assert ledger.used("9999", "01") == 0


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_card_of_another_name_is_counted_at_least_as_strictly(kind: str, tmp_path: Path) -> None:
    ledger: TryLedger = MemoryLedger() if kind == "memory" else FileLedger(tmp_path / "tries.json")
    for card, code, used in (
        ("old", "01", 2),
        ("old", "02", 1),
        ("old", "03", 0),
        ("new", "02", 4),
        ("older", "01", 9),
    ):
        ledger.settle(card, code, used)
    assert ledger.carry("old", "new")
    assert [ledger.used("new", code) for code in ("01", "02", "03")] == [2, 4, 0]
    assert [ledger.used("old", code) for code in ("01", "02")] == [2, 1]
    assert not ledger.carry("nobody", "new")
    assert ledger.used("new", "01") == 2


def test_the_count_is_there_for_the_next_program(tmp_path: Path) -> None:
    FileLedger(str(tmp_path / "tries.json")).spend("9999", "01")
    assert FileLedger(tmp_path / "tries.json").used("9999", "01") == 1


def test_a_count_that_cannot_be_kept_is_a_fault_of_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "tries.new").mkdir()  # in the way of the draft
    with pytest.raises(LedgerError):
        FileLedger(str(tmp_path / "tries.json")).spend("9999", "01")


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', '{"9999/01": -5}', "\x00", "[" * 100_000])
def test_a_damaged_count_counts_as_used_up_and_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tries.json"
    path.write_text(content)
    ledger = FileLedger(path)
    ledger.spend("9999", "01")
    assert ledger.used("9999", "01") == UNREADABLE
    assert path.read_text() == content


def test_no_flipped_bit_forgets_a_try(tmp_path: Path) -> None:
    path = tmp_path / "tries.json"
    for _ in range(3):
        FileLedger(path).spend("9999", "01")
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            assert FileLedger(path).used("9999", "01") >= 3, (at, bit)


def test_the_counts_of_an_earlier_version_go_on(tmp_path: Path) -> None:
    path = tmp_path / "tries.json"
    path.write_text('{"9999/01": 2}')
    FileLedger(path).spend("9999", "01")
    assert FileLedger(path).used("9999", "01") == 3


@pytest.mark.parametrize("programs", [1, 2])
def test_two_readers_that_count_at_once_lose_no_try(tmp_path: Path, programs: int) -> None:
    """Of one program, and of two: a ledger of its own is all that a second program would have."""
    ledgers = [FileLedger(tmp_path / "tries.json") for _ in range(programs)]
    together = threading.Barrier(4)

    def spend(at: int) -> None:
        together.wait()
        for _ in range(20):
            ledgers[at % programs].spend(("8888", "9999")[at // 2], "02")

    threads = [threading.Thread(target=spend, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ledgers[0].used(card, "02") for card in ("8888", "9999")] == [40, 40]


def test_a_count_is_on_the_disk_with_its_name_before_the_code_goes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_sync: Callable[[int], None] = os.fsync
    real_replace = Path.replace

    def fsync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_sync(handle)

    def replace(draft: Path, target: Path) -> Path:
        done.append("replace")
        return real_replace(draft, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    FileLedger(str(tmp_path / "tries.json")).spend("9999", "01")
    assert done == ["file", "replace", "folder"]
