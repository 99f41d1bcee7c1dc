"""Attacks on one machine: by the server's own user, by a stranger's process, and by who starts programs as root."""

import asyncio
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.messages.link import EnvelopeAsk
from fleet.server import cli as commands
from fleet.server.verifier.model import EnvelopeVerdict, VerifierAwayError
from fleet.server.verifier.socket_client import VerifierConnection
from tests.fakes.server.separated import SERVER, STRANGER, VERIFIER, Separated, need_users, run_as, separated, uid_of

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    asking.settimeout(20)
    asking.connect(sys.argv[1])
    asking.sendall(b'{"id":1,"station":"entre-a","order":"O-1","nonce":"' + b"0" * 32 + b'","sealed":"","envelope":null}\\n')
    said = b""
    while chunk := asking.recv(4096):
        said += chunk
        if b"verdict" in said:
            break
    sys.stdout.buffer.write(said)
"""

SQUAT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as squatting:
    squatting.bind(sys.argv[1])
    squatting.listen()
    print("up", flush=True)
    while True:
        asking, _ = squatting.accept()
        asking.sendall(b'ready\\n{"id":1,"verdict":"match"}\\n')
"""


@pytest.fixture(scope="module")
def folders() -> Iterator[Separated]:
    need_users()
    with separated() as made:
        yield made


@pytest.fixture(scope="module")
def parts(folders: Separated) -> Separated:
    """Verifier and server, as their units run them."""
    folders.verifier()
    folders.serve()
    return folders


def test_the_server_s_user_reads_the_letters_keys(parts: Separated) -> None:
    """Who has broken into the server reads the keys of the code letters, and tries all PUKs at home."""
    assert [uid_of(one) for one in parts.running] == [pwd.getpwnam(name).pw_uid for name in (VERIFIER, SERVER)]
    for name in ("hpke.key", "envelope-keys.json"):
        stolen = run_as(SERVER, "cat", str(parts.keys / name))
        assert stolen.returncode != 0
        assert stolen.stdout == b""
    counters = run_as(SERVER, "truncate", "--size=0", str(parts.folder / "verifier-data" / "verifier.sqlite"))
    assert counters.returncode != 0, "nor does it give itself new tries"
    memory = run_as(SERVER, "head", "--bytes=1", f"/proc/{parts.running[0].pid}/mem")
    assert memory.returncode != 0


def test_a_strangers_process_asks_the_verifier(parts: Separated) -> None:
    """Any process of the machine asks the verifier whether a guessed PUK is right."""
    assert b"verdict" in run_as(SERVER, sys.executable, "-c", ASK, str(parts.socket)).stdout, "the server is answered"
    said = run_as(STRANGER, sys.executable, "-c", ASK, str(parts.socket))
    assert b"verdict" not in said.stdout
    parts.socket.chmod(0o666)
    said = run_as(STRANGER, sys.executable, "-c", ASK, str(parts.socket))
    assert b"verdict" not in said.stdout, "also where the socket's mode would let them"


def test_the_ca_s_key_is_the_server_s_to_read(parts: Separated) -> None:
    """Who has broken into the server makes certificates for stations of their own."""
    assert parts.running[1].poll() is None, "the server runs without it"
    assert not list(parts.authority.rglob("ca.key"))
    assert run_as(SERVER, "cat", str(parts.folder / "offline" / "ca" / "ca.key")).returncode != 0


@pytest.mark.parametrize("command", ["serve", "worker", "verifier"])
def test_a_program_that_parses_what_strangers_send_runs_as_root(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in a parser of the server is root on the machine."""
    monkeypatch.setattr("fleet.server.process.logs.configure", lambda form, level: None)
    data, here = tmp_path / "data", str(tmp_path)
    words = {
        "serve": ["--init", "--data", str(data), "--authority", here, "--verifier", f"{here}/socket"],
        "worker": ["--broker", "amqps://a:1", "--database", "postgresql://u@h/d", "--authority", here],
        "verifier": ["--socket", f"{here}/socket", "--keys", here, "--data", here, "--peer", SERVER],
    }[command]
    if os.geteuid() != 0:
        pytest.skip("this is not root")
    assert commands.main([command, *words]) == 3
    assert "--user NAME" in capsys.readouterr().err
    assert not data.exists()
    assert commands.main([command, *words, "--user", "root"]) == 3


def test_a_strangers_process_pretends_to_be_the_verifier(folders: Separated) -> None:
    """Who squats the verifier's socket says `match` to every code."""
    place = folders.folder / "squatted"
    place.mkdir()
    place.chmod(0o777)
    path = place / "socket"
    rogue = subprocess.Popen(
        [sys.executable, "-c", SQUAT, str(path)], user=STRANGER, extra_groups=[], stdout=subprocess.PIPE
    )
    try:
        assert rogue.stdout is not None
        assert rogue.stdout.readline() == b"up\n"
        with pytest.raises(VerifierAwayError, match="games listens there, and the folder is root's"):
            asyncio.run(_asked(path))
    finally:
        rogue.kill()
        rogue.communicate()


async def _asked(path: Path) -> EnvelopeVerdict:
    async with VerifierConnection(path) as verifier:
        return await verifier.ask("entre-a", EnvelopeAsk(order="O-1", nonce="0" * 32, sealed=""), None)
