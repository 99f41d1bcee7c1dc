"""A verifier whose file of tries is damaged judges nothing, until a person begins a new one: nobody gets fresh guesses by it."""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fleet.server.cli import main
from fleet.server.verifier.attempt_counters import (
    TRIES_PER_ENVELOPE,
    FileAttemptStore,
    TriesDamagedError,
)
from fleet.server.verifier.child_process import VerifierProcess
from fleet.server.verifier.model import VerifierAwayError
from tests.fakes.server.envelopes import PUK, Envelopes, envelopes, facts

__all__ = ["envelopes"]

LIMIT = 500
"""Looks at a process that is started, of a fiftieth of a second."""


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(LIMIT):
        if reached():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come")


def counted(path: Path, envelopes: int = 40) -> None:
    """All tries of some envelopes are used up."""
    store = FileAttemptStore(path)
    with store.transaction() as execute:
        for number in range(envelopes * TRIES_PER_ENVELOPE):
            place = f"{number:032x}", f"{number % envelopes:064x}", f"station-{number}", 1000.0 + number
            execute("INSERT INTO tries VALUES (?, ?, ?, ?)", *place)
    store.close()


def flipped(content: bytes, chosen: random.Random) -> bytes:
    place = chosen.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chosen.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, chosen: random.Random) -> bytes:
    return content[: chosen.randrange(len(content))]


def zeroed(content: bytes, chosen: random.Random) -> bytes:
    page = 4096 * chosen.randrange(len(content) // 4096)
    return content[:page] + bytes(4096) + content[page + 4096 :]


def swapped(content: bytes, chosen: random.Random) -> bytes:
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    one, other = chosen.sample(range(len(pages)), 2)
    pages[one], pages[other] = pages[other], pages[one]
    return b"".join(pages)


@pytest.mark.parametrize("damage", [flipped, cut, zeroed, swapped])
def test_whatever_is_damaged_in_the_file_nobody_gets_a_try_more(
    tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    path, chosen = tmp_path / "verifier.sqlite", random.Random(damage.__name__)
    counted(path)
    whole = path.read_bytes()
    named = 0
    for _ in range(60):
        path.write_bytes(damage(whole, chosen))
        try:
            store = FileAttemptStore(path)
        except (TriesDamagedError, sqlite3.Error):
            named += 1
            continue
        with store.transaction() as execute:  # as the counters ask, without the commit of each
            for number in range(40):
                (tries,) = execute("SELECT count(*) FROM tries WHERE envelope = ?", f"{number:064x}").fetchone()
                assert tries == TRIES_PER_ENVELOPE
            assert execute("SELECT count(*) FROM tries WHERE nonce = ?", f"{7:032x}").fetchone() == (1,)
        store.close()
    assert named > 10


def test_a_file_without_anything_in_it_is_no_first_start(tmp_path: Path) -> None:
    (tmp_path / "verifier.sqlite").touch()
    with pytest.raises(TriesDamagedError, match="begin-tries"):
        FileAttemptStore(tmp_path / "verifier.sqlite")


def test_tries_are_not_in_a_log_that_may_be_lost(tmp_path: Path) -> None:
    """Before, up to a thousand pages of them stood in the write-ahead log alone."""
    path = tmp_path / "verifier.sqlite"
    with closing(sqlite3.connect(path)) as older:
        older.execute("PRAGMA journal_mode=WAL")
    path.unlink()
    counted(path, 1)
    assert [one.name for one in tmp_path.iterdir()] == ["verifier.sqlite"]


async def test_a_verifier_that_dies_is_started_again_before_anybody_asks(envelopes: Envelopes, tmp_path: Path) -> None:
    async with VerifierProcess(envelopes.directory, tmp_path / "verifier.sqlite") as verifier:
        for _ in range(2):
            first = verifier.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda dead=first: verifier.runs and verifier.pid != dead)  # type: ignore[misc]
        assert (await verifier.ask("entre-a", envelopes.seal(PUK), facts())).verdict == "match"


async def test_a_damaged_file_ends_no_server_judges_nothing_and_is_begun_anew_by_a_person(
    envelopes: Envelopes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "verifier.sqlite"
    async with VerifierProcess(envelopes.directory, path) as verifier:
        for _ in range(TRIES_PER_ENVELOPE):
            await verifier.ask("entre-a", envelopes.seal("00000000"), facts())
    whole = path.read_bytes()
    assert main(["begin-tries", "--data", str(tmp_path)]) == 3, "a sound file goes on counting"
    path.write_bytes(whole[:-4096] + b"x" * 4096)
    async with VerifierProcess(envelopes.directory, path) as verifier:
        assert not verifier.runs
        with pytest.raises(VerifierAwayError, match="begin-tries"):
            await verifier.ask("entre-a", envelopes.seal(PUK), facts())
        capsys.readouterr()
        assert main(["begin-tries", "--data", str(tmp_path), "--json"]) == 0
        done = json.loads(capsys.readouterr().out)
        await until(lambda: verifier.runs)
        verdict = (await verifier.ask("entre-a", envelopes.seal(PUK), facts())).verdict
    assert Path(done["aside"]).name.startswith("verifier.sqlite.damaged-2")
    assert (done["kept"], verdict) == (TRIES_PER_ENVELOPE, "too_many"), "what can be read is counted still"


def test_a_verifier_that_is_a_service_says_what_to_do(
    envelopes: Envelopes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "verifier.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4080)
    options = ["--socket", str(tmp_path / "s"), "--keys", str(envelopes.directory), "--peer", "root"]
    assert main(["verifier", *options, "--data", str(tmp_path), "--unseparated"]) == 2
    assert "begin-tries" in capsys.readouterr().err
