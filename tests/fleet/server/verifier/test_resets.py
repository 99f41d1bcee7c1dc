"""A letter whose tries were used up gets as many again: once, durably, and by the verifier's own protocol."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fleet.messages.link import EnvelopeAsk
from fleet.server.verifier.answering import answer, reset
from fleet.server.verifier.attempt_counters import (
    EARLIER,
    TRIES_PER_ENVELOPE,
    AttemptCounters,
    FileAttemptStore,
    TriesDamagedError,
    begin_anew,
)
from fleet.server.verifier.judge import Judge, Keys
from fleet.server.verifier.model import EnvelopeVerdict, TryReset
from fleet.server.verifier.service import VerifierService
from fleet.server.verifier.socket_client import VerifierConnection
from tests.fakes.server.envelopes import PUK, Envelopes, envelopes, facts

__all__ = ["envelopes"]
BOTH = ("SE2321000999-1A13", "SE2321000999-1A14")


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[AttemptCounters]:
    with closing(AttemptCounters(FileAttemptStore(tmp_path / "counters.sqlite"))) as opened:
        yield opened


@pytest.fixture
def judge(envelopes: Envelopes) -> Judge:
    return Judge(Keys.load(envelopes.directory))


def try_codes(envelopes: Envelopes, judge: Judge, counters: AttemptCounters, *codes: str) -> list[EnvelopeVerdict]:
    return [answer(envelopes.check(code, facts()), judge, counters, 1000.0) for code in codes]


def asked(order: str = "O-1") -> TryReset:
    return TryReset(1, order, facts(), BOTH)


def wrong() -> list[str]:
    return [f"{number:08d}" for number in range(TRIES_PER_ENVELOPE)]


def test_the_right_letter_is_taken_again_and_guesses_end_again(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    said = try_codes(envelopes, judge, counters, *wrong(), PUK)
    assert (said[-1].verdict, said[-1].alarm) == ("too_many", True)
    assert reset(asked(), counters, 1001.0).result == "reset"
    assert try_codes(envelopes, judge, counters, PUK)[0].verdict == "match"
    said = try_codes(envelopes, judge, counters, *wrong()[1:], PUK, PUK)
    assert [one.verdict for one in said] == ["no_match"] * (TRIES_PER_ENVELOPE - 1) + ["too_many"] * 2
    assert [one.alarm for one in said][-2:] == [True, False], "and it is told again"


def test_a_letter_gets_new_tries_once_ever_and_not_before_they_are_used_up(
    envelopes: Envelopes, judge: Judge, counters: AttemptCounters
) -> None:
    assert reset(asked(), counters, 999.0).result == "not_used_up"
    try_codes(envelopes, judge, counters, *wrong()[1:])
    assert reset(asked(), counters, 999.0).result == "not_used_up"
    try_codes(envelopes, judge, counters, *wrong()[:1])
    assert reset(asked("O-2"), counters, 1001.0).result == "not_used_up", "another order's letter"
    assert [reset(asked(), counters, 1001.0).result for _ in range(2)] == ["reset", "not_used_up"]
    try_codes(envelopes, judge, counters, *wrong())
    assert reset(asked(), counters, 1002.0).result == "reset_before"
    assert try_codes(envelopes, judge, counters, PUK)[0].verdict == "too_many"


def test_new_tries_outlive_a_restart_and_a_file_that_is_begun_anew(
    envelopes: Envelopes, judge: Judge, tmp_path: Path
) -> None:
    path = tmp_path / "counters.sqlite"
    with closing(AttemptCounters(FileAttemptStore(path))) as first:
        try_codes(envelopes, judge, first, *wrong())
        assert reset(asked(), first, 1001.0).result == "reset"
    damage(path)
    with pytest.raises(TriesDamagedError):
        FileAttemptStore(path)
    assert begin_anew(path, time.gmtime(0)) is not None
    with closing(AttemptCounters(FileAttemptStore(path))) as second:
        assert try_codes(envelopes, judge, second, PUK)[0].verdict == "match"
        try_codes(envelopes, judge, second, *wrong())
        assert reset(asked(), second, 1002.0).result == "reset_before"


def damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX tries_station")


def test_a_file_of_an_earlier_version_counts_on(envelopes: Envelopes, judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "counters.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in EARLIER:
            connection.execute(statement)
    with closing(AttemptCounters(FileAttemptStore(path))) as counters:
        try_codes(envelopes, judge, counters, *wrong())
        assert reset(asked(), counters, 1001.0).result == "reset"
    FileAttemptStore(path).close()


async def test_they_are_asked_for_over_the_socket(
    judge: Judge, counters: AttemptCounters, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "socket"
    served = VerifierService(path, judge, counters, frozenset({os.geteuid()}), os.getegid(), lambda: 1000.0)
    async with served, VerifierConnection(path) as verifier:
        for number in range(TRIES_PER_ENVELOPE):
            ask = EnvelopeAsk(order="O-1", nonce=f"{number:032x}", sealed="AAAA")
            assert (await verifier.ask("entre-a", ask, facts())).verdict == "no_match"
        assert await verifier.reset_tries("O-1", facts(), BOTH) == "reset"
        ask = EnvelopeAsk(order="O-1", nonce="f" * 32, sealed="AAAA")
        assert (await verifier.ask("entre-a", ask, facts())).verdict == "no_match"
    assert any(
        "tries of order O-1: reset, as SE2321000999-1A13 and SE2321000999-1A14" in one for one in caplog.messages
    )
