"""The verifier behind its socket: whom it answers, what ends a connection, and how the server comes back to it."""

import asyncio
import base64
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.messages.link import EnvelopeAsk
from fleet.server.cli import main
from fleet.server.verifier import socket_client
from fleet.server.verifier.attempt_counters import AttemptCounters, FileAttemptStore
from fleet.server.verifier.judge import Judge, Keys
from fleet.server.verifier.model import (
    MAX_LINE_BYTES,
    MAX_SEALED_CHARACTERS,
    READY,
    Check,
    EnvelopeFacts,
    VerifierAwayError,
)
from fleet.server.verifier.service import MOST_CONNECTIONS, STRANGER_LOG_S, SocketError, VerifierService
from fleet.server.verifier.socket_client import VerifierConnection
from sim.stories.patience import LIMIT_S

ME = frozenset({os.geteuid()})


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    directory.mkdir()
    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "hpke.key").write_bytes(pem)
    (directory / "envelope-keys.json").write_text(json.dumps({"2026a": base64.b64encode(bytes(32)).decode()}))
    return directory


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[AttemptCounters]:
    with closing(AttemptCounters(FileAttemptStore(tmp_path / "counters.sqlite"))) as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def service(path: Path, keys: Path, counters: AttemptCounters, peers: frozenset[int] = ME) -> VerifierService:
    return VerifierService(path, Judge(Keys.load(keys)), counters, peers, os.getegid(), time.time)


def question(number: int) -> EnvelopeAsk:
    return EnvelopeAsk(order=f"O-{number}", nonce=f"{number:032x}", sealed="")


async def test_it_answers_its_peer_and_the_socket_is_for_the_group_alone(
    path: Path, keys: Path, counters: AttemptCounters
) -> None:
    async with service(path, keys, counters), VerifierConnection(path) as verifier:
        made = path.stat()  # noqa: ASYNC240  # nobody else waits for this loop
        mode = made.st_mode & 0o777
        said = [(await verifier.ask("entre-a", question(number), None)).verdict for number in (1, 2, 1)]
    assert said == ["no_match", "no_match", "nonce_used"]
    assert (mode, list(path.parent.glob("socket"))) == (0o660, [])
    assert (made.st_uid, made.st_gid) == (os.geteuid(), os.getegid())
    assert [task for task in asyncio.all_tasks() if task.get_name() == "verifier-connection"] == []


async def test_a_verifier_that_dies_is_come_back_to_at_once(path: Path, keys: Path, counters: AttemptCounters) -> None:
    async with VerifierConnection(path) as verifier:
        assert not verifier.runs, "the server starts without it"
        with pytest.raises(VerifierAwayError, match="No such file"):
            await verifier.ask("entre-a", question(1), None)
        async with service(path, keys, counters):
            assert (await verifier.ask("entre-a", question(1), None)).verdict == "no_match"
        with pytest.raises(VerifierAwayError):
            await verifier.ask("entre-a", question(2), None)
        assert not verifier.runs
        async with service(path, keys, counters), asyncio.timeout(LIMIT_S):
            await verifier.reached.wait()
            assert verifier.runs
            assert (await verifier.ask("entre-a", question(2), None)).verdict == "no_match"


async def test_a_stranger_is_put_out_unread_with_one_line_of_the_log(
    path: Path, keys: Path, counters: AttemptCounters, caplog: pytest.LogCaptureFixture
) -> None:
    async with service(path, keys, counters, frozenset({os.geteuid() + 1})), VerifierConnection(path) as verifier:
        for number in range(3):
            with pytest.raises(VerifierAwayError):
                await verifier.ask("entre-a", question(number), None)
    assert sum("may not ask: put out" in line for line in caplog.messages) == 1
    assert counters.admit("entre-a", "digest", f"{1:032x}", now=0.0).refused is None, "nothing was counted"


async def test_a_stranger_who_comes_back_later_is_told_of_again(
    path: Path, keys: Path, counters: AttemptCounters, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    strangers = VerifierService(
        path, Judge(Keys.load(keys)), counters, frozenset({os.geteuid() + 1}), os.getegid(), lambda: now[0]
    )

    async def put_out() -> int:
        reader, writer = await asyncio.open_unix_connection(str(path))
        assert await _rest(reader) == b""
        writer.close()
        return sum("may not ask: put out" in line for line in caplog.messages)

    async with strangers, asyncio.timeout(LIMIT_S):
        assert [await put_out(), await put_out()] == [1, 1]
        now[0] += STRANGER_LOG_S - 1
        assert await put_out() == 1
        now[0] += 1
        assert await put_out() == 2


async def test_who_has_left_makes_room_for_others(path: Path, keys: Path, counters: AttemptCounters) -> None:
    async with service(path, keys, counters), asyncio.timeout(LIMIT_S):
        for _ in range(MOST_CONNECTIONS + 2):
            reader, writer = await asyncio.open_unix_connection(str(path))
            assert await reader.readline() == READY
            writer.write(b"no question\n")  # and is put out
            assert await _rest(reader) == b""
            writer.close()


async def test_somebody_elses_socket_is_not_believed(
    path: Path, keys: Path, counters: AttemptCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_client, "peer_uid", lambda connection: 54_321)
    async with service(path, keys, counters), VerifierConnection(path) as verifier:
        with pytest.raises(VerifierAwayError, match="54321 listens there, and the folder is "):
            await verifier.ask("entre-a", question(1), None)


async def test_a_verifier_that_says_nothing_is_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_client, "ANSWER_TIMEOUT_S", 0.05)
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    async with await asyncio.start_unix_server(silent, str(path)), VerifierConnection(path) as verifier:
        with pytest.raises(VerifierAwayError, match="TimeoutError"):
            await verifier.reach()
        gone.set()


async def test_it_is_tried_again_and_again_with_one_line_of_the_log(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    came, often = [0], asyncio.Event()

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came[0] += 1
        if came[0] == 4:
            often.set()
        writer.close()

    async with await asyncio.start_unix_server(leave, str(path)), VerifierConnection(path), asyncio.timeout(LIMIT_S):
        await often.wait()
    assert sum("the verifier is away" in line for line in caplog.messages) == 1


def test_keys_are_shown_to_nobody(keys: Path) -> None:
    assert repr(Keys.load(keys)) == "Keys()"


@pytest.mark.parametrize("noise", [b"x" * MAX_LINE_BYTES * 2, b"no question\n", b'{"id":1}\n'])
async def test_who_sends_no_question_is_put_out(
    path: Path, keys: Path, counters: AttemptCounters, noise: bytes
) -> None:
    async with service(path, keys, counters):
        reader, writer = await asyncio.open_unix_connection(str(path))
        assert await reader.readline() == READY
        writer.write(noise)
        async with asyncio.timeout(LIMIT_S):
            assert await _rest(reader) == b""
        writer.close()
        async with VerifierConnection(path) as verifier:
            assert (await verifier.ask("entre-a", question(1), None)).verdict == "no_match"


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_one_user_has_so_many_connections(path: Path, keys: Path, counters: AttemptCounters) -> None:
    async with service(path, keys, counters):
        streams = [await asyncio.open_unix_connection(str(path)) for _ in range(MOST_CONNECTIONS + 1)]
        firsts = [await reader.readline() for reader, _ in streams]
        for _, writer in streams:
            writer.close()
    assert firsts == [READY] * MOST_CONNECTIONS + [b""]


async def test_where_a_try_cannot_be_counted_nothing_is_judged_and_the_service_ends(
    path: Path, keys: Path, counters: AttemptCounters
) -> None:
    counters.close()
    async with service(path, keys, counters) as running, VerifierConnection(path) as verifier:
        with pytest.raises(VerifierAwayError):
            await verifier.ask("entre-a", question(1), None)
        with pytest.raises(sqlite3.ProgrammingError):
            await running.wait()


async def test_a_socket_that_a_killed_verifier_left_is_replaced_and_a_living_one_is_not(
    path: Path, keys: Path, counters: AttemptCounters
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with service(path, keys, counters):
        with pytest.raises(SocketError, match="another verifier listens there"):
            async with service(path, keys, counters):
                pass
        async with VerifierConnection(path) as verifier:
            assert verifier.runs


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"hello\n", "ready"),
        (b"", "closed"),
        (READY + b"nonsense\n", "no answer"),
        (READY + b'{"id":9,"verdict":"match"}\n', "no answer"),
    ],
)
async def test_what_is_no_verifier_is_not_believed(path: Path, said: bytes, why: str) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_unix_server(babble, str(path)), VerifierConnection(path) as verifier:
        with pytest.raises(VerifierAwayError, match=why):
            await verifier.ask("entre-a", question(1), None)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--peer", "nobody-at-all"], 3, "there is no such user"),
        (["--peer", "root", "--unseparated"], 2, "hpke.key: No such file"),
    ],
)
def test_the_command_names_what_is_wrong(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--socket", str(tmp_path / "s"), "--keys", str(tmp_path), "--data", str(tmp_path)]
    assert main(["verifier", *places, *words]) == code
    assert said in capsys.readouterr().err


def test_a_server_without_a_verifier_of_its_own_user_says_which_option_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--init", "--data", str(tmp_path / "data"), "--authority", str(tmp_path)]) == 2
    assert "--verifier SOCKET" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_check_of_the_longest_fields_fits_into_a_line() -> None:
    longest = Check(
        2**31, "a" * 40, "å" * 64, "0" * 32, "A" * MAX_SEALED_CHARACTERS, EnvelopeFacts("9" * 64, "k" * 64, "f" * 64)
    )
    assert len(msgspec.json.encode(longest)) < MAX_LINE_BYTES
