"""Counters of tries at their edges: the last try of an envelope and of an hour, whom an alarm names, and the file itself."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from fleet.server.verifier.attempt_counters import (
    STATION_WINDOW_S,
    TRIES_PER_ENVELOPE,
    TRIES_PER_STATION,
    Admission,
    AttemptCounters,
    FileAttemptStore,
    TriesDamagedError,
    begin_anew,
)
from fleet.server.verifier.judge import envelope_digest
from fleet.server.verifier.model import EnvelopeFacts

TOO_MANY, TOLD_BEFORE = Admission("too_many", alarm=True), Admission("too_many")
NOW = 10 * STATION_WINDOW_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verifier.sqlite"


@pytest.fixture
def counters(path: Path) -> Iterator[AttemptCounters]:
    with closing(AttemptCounters(FileAttemptStore(path))) as opened:
        yield opened


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def ask(
    counters: AttemptCounters, number: int, now: float = NOW, *, station: str = "entre-a", envelope: str | None = None
) -> Admission:
    """A try with a nonce of its own; of an envelope of its own where none is named."""
    return counters.admit(station, envelope or f"envelope-{number}", f"nonce-{station}-{number}-{now}", now)


def test_an_envelope_has_five_tries_at_whichever_stations(counters: AttemptCounters) -> None:
    said = [ask(counters, number, envelope="one", station=f"s-{number}") for number in range(TRIES_PER_ENVELOPE + 2)]
    assert said == [Admission(None)] * TRIES_PER_ENVELOPE + [TOO_MANY, TOLD_BEFORE]
    assert ask(counters, 50, envelope="other", station="s-1") == Admission(None)
    assert ask(counters, 1, NOW + 1e9, envelope="one") == TOLD_BEFORE, "no time gives them back"


def test_a_station_has_twenty_tries_in_an_hour_that_moves_with_it(counters: AttemptCounters) -> None:
    said = [ask(counters, number, NOW + number) for number in range(TRIES_PER_STATION)]
    assert said == [Admission(None)] * TRIES_PER_STATION
    assert ask(counters, 98, NOW + 20) == TOO_MANY
    assert ask(counters, 97, NOW + STATION_WINDOW_S - 0.5) == TOLD_BEFORE, "in the same hour it is said once"
    assert ask(counters, 99, NOW + 20, station="entre-b") == Admission(None)
    assert ask(counters, 96, NOW + STATION_WINDOW_S) == Admission(None), "the first is an hour ago"
    assert ask(counters, 95, NOW + STATION_WINDOW_S) == TOO_MANY, "and in the next hour again"


def test_what_is_refused_is_no_try(counters: AttemptCounters, path: Path) -> None:
    for number in range(TRIES_PER_ENVELOPE + 3):
        ask(counters, number, envelope="one")
    assert ask(counters, 0, envelope="one") == Admission("nonce_used"), "of a used nonce nothing else is said"
    assert rows(path, "SELECT count(*) FROM tries") == [(TRIES_PER_ENVELOPE,)]
    assert rows(path, "SELECT * FROM alarms") == [("envelope one", NOW)]
    assert rows(path, "SELECT * FROM tries LIMIT 1") == [("nonce-entre-a-0-36000.0", "one", "entre-a", NOW)]


def test_new_tries_are_as_many_again_and_for_what_is_used_up_alone(counters: AttemptCounters, path: Path) -> None:
    for number in range(TRIES_PER_ENVELOPE):
        ask(counters, number, envelope="one", station=f"s-{number}")
    assert counters.reset(["other"], NOW) == "not_used_up"
    assert counters.reset(["other", "one"], NOW + 1) == "reset"
    assert rows(path, "SELECT * FROM resets") == [("one", TRIES_PER_ENVELOPE, NOW + 1)]
    said = [ask(counters, 50 + number, envelope="one", station=f"s-{number}") for number in range(6)]
    assert said == [Admission(None)] * TRIES_PER_ENVELOPE + [TOO_MANY]
    assert counters.reset(["one"], NOW + 2) == "reset_before"
    assert counters.reset([], NOW) == "not_used_up"


def test_the_file_is_its_owners_alone(path: Path) -> None:
    FileAttemptStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    FileAttemptStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]


def test_what_fails_in_a_transaction_leaves_nothing_and_hinders_no_other(counters: AttemptCounters, path: Path) -> None:
    store, row = FileAttemptStore(path), ("n", "e", "s", 1.0)

    def insert_twice() -> None:
        with store.transaction() as execute:
            for _ in range(2):
                execute("INSERT INTO tries VALUES (?, ?, ?, ?)", *row)

    with pytest.raises(sqlite3.IntegrityError):
        insert_twice()
    store.close()
    assert rows(path, "SELECT count(*) FROM tries") == [(0,)]
    assert ask(counters, 1) == Admission(None)


def test_a_file_that_cannot_be_opened_for_writing_is_no_damaged_one(path: Path) -> None:
    path.mkdir()
    with pytest.raises(sqlite3.OperationalError):
        FileAttemptStore(path)


def test_a_name_in_the_file_that_is_no_text_is_damage(path: Path) -> None:
    FileAttemptStore(path).close()
    path.write_bytes(path.read_bytes().replace(b"tries_station", b"tr\xffes_station", 1))
    with pytest.raises(TriesDamagedError, match="utf-8"):
        FileAttemptStore(path)


def test_a_sound_file_is_not_begun_anew(counters: AttemptCounters, path: Path) -> None:
    ask(counters, 1)
    counters.close()
    assert begin_anew(path, time.gmtime(0)) is None
    assert rows(path, "SELECT count(*) FROM tries") == [(1,)]


def test_a_damaged_one_is_set_aside_whole_and_what_can_be_read_counts_on(counters: AttemptCounters, path: Path) -> None:
    for number in range(3):
        ask(counters, number, envelope="one")
    counters.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX tries_station")
        connection.execute("UPDATE tries SET station = x'00' WHERE nonce LIKE '%-2-%'")
    damaged = path.read_bytes()
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).write_bytes(b"")
    with pytest.raises(
        TriesDamagedError, match=r"verifier.sqlite: is damaged \(tables are missing\): no code is judged"
    ):
        FileAttemptStore(path)
    (path.with_name(path.name + ".new")).write_bytes(b"left by one that was killed")
    assert begin_anew(path, time.gmtime(0)) == (path.with_name("verifier.sqlite.damaged-19700101T000000Z"), 2)
    assert path.with_name("verifier.sqlite.damaged-19700101T000000Z").read_bytes() == damaged
    assert not any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-shm", "-journal"))
    assert not path.with_name(path.name + ".new").exists()
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (os.geteuid(), 0o600)
    assert rows(path, "SELECT nonce FROM tries ORDER BY 1") == [
        ("nonce-entre-a-0-36000.0",),
        ("nonce-entre-a-1-36000.0",),
    ]
    FileAttemptStore(path).close()


def test_each_code_of_each_letter_of_each_card_and_order_is_counted_apart() -> None:
    letter = EnvelopeFacts("9752269875", "2026a", "ab" * 32)
    digests = [
        envelope_digest(order, facts, what)
        for order in ("O-1", "O-2")
        for facts in (letter, replace(letter, card_number="9752269876"), replace(letter, mac="cd" * 32), None)
        for what in ("puk", "release")
    ]
    assert len(set(digests)) == len(digests)
    assert envelope_digest("O-1", replace(letter, key="2027a"), "puk") == digests[0]
