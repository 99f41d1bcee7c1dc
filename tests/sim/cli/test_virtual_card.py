"""The program `virtual-card`, as a person at a desk or a script uses it."""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.profiles.signed import sign
from kiosk.cli import Exit, main
from sim.cli import virtual_card
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S

Run = Callable[..., int]
KINDS_AND_TRIES = {"A": (False, 3, 5), "B": (True, 3, 10), "C": (False, 5, 3), "D": (False, 3, 3)}
PROGRAM = textwrap.dedent(
    """
    import argparse, sys
    from sim.cli import virtual_card
    parser = argparse.ArgumentParser()
    virtual_card.add_parser(parser.add_subparsers())
    args = parser.parse_args()
    sys.exit(args.func(args))
    """
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", str(tmp_path / "authority"))
    parser = argparse.ArgumentParser()
    virtual_card.add_parser(parser.add_subparsers())

    def go(*words: str) -> int:
        args = parser.parse_args(["virtual-card", *words])
        outcome: int = args.func(args)
        return outcome

    return go


@pytest.fixture
def driver() -> Iterator[socket.socket]:
    """A socket that listens as the virtual reader's driver does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LIMIT_S)
        yield listening


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def exchange(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(len(message).to_bytes(2, "big") + message)
    stream = connection.makefile("rb")
    with contextlib.closing(stream):
        return stream.read(int.from_bytes(stream.read(2), "big"))


def test_the_list_tells_kinds_people_and_their_made_up_codes(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--json") == 0
    described = json.loads(capsys.readouterr().out)
    kinds = {kind["kind"]: (kind["default"], kind["pin_tries"], kind["puk_tries"]) for kind in described["kinds"]}
    assert kinds == KINDS_AND_TRIES
    assert {(kind["pin"], kind["puk"]) for kind in described["kinds"]} == {(person(1).new.pin, person(1).new.puk)}
    assert len(described["people"]) == 14
    hidden = [someone for someone in described["people"] if someone["protected_identity"]]
    assert [someone["name"] for someone in hidden] == [""]


def test_the_list_is_readable_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    text = capsys.readouterr().out
    assert person(1).new.puk in text
    assert person(5).name not in text, "protected identity"
    assert "siths" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--kind", "Z"], "this version has: "),
        (["--kind", "C", "--protocol", "T=0"], "T=1 only"),
        (["--kind", "A", "--two-pins"], "one PIN"),
        (["--order", "99"], "no person number 99"),
        (["--vpcd", "localhost"], "HOST:PORT"),
        (["--vpcd", "localhost:none"], "HOST:PORT"),
        (["--state", "/dev/null/card.json"], "/dev/null"),
        (["--trait", "made-up"], "no trait 'made-up'"),
        (["--kind", "C", "--trait", "free-key"], "no card of kind C has the trait"),
        (["--trait", "no-mse", "--trait", "mse-11"], "cannot have both 'no-mse' and 'mse-11'"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(
    run: Run, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert run(*words) == 2
    assert says in capsys.readouterr().err


def test_a_damaged_card_file_is_named_and_untouched(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.json"
    path.write_text("{")
    assert run("--state", str(path)) == 2
    assert str(path) in capsys.readouterr().err
    assert path.read_text() == "{"


def test_traits_stay_with_the_card(
    run: Run, tmp_path: Path, driver: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    port = port_of(driver)
    driver.close()
    words = ["--order", "6", "--state", str(tmp_path / "card.json"), "--vpcd", f"127.0.0.1:{port}"]
    assert run(*words, "--trait", "free-key", "--trait", "no-mse") == 4
    card = VirtualCard.load(tmp_path / "card.json")
    assert card.traits == ("free-key", "no-mse")
    assert [key.purpose for key in card.keys] == ["identification", "signature", "card"]
    capsys.readouterr()
    assert run(*words, "--trait", "mse-11") == 2
    assert "free-key, no-mse" in capsys.readouterr().err


def test_a_shape_stays_with_the_card(
    run: Run, tmp_path: Path, driver: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    port = port_of(driver)
    driver.close()
    words = ["--order", "6", "--state", str(tmp_path / "card.json"), "--vpcd", f"127.0.0.1:{port}"]
    assert run(*words, "--shape", "six") == 4
    assert VirtualCard.load(tmp_path / "card.json").persona.shape == "six"
    capsys.readouterr()
    assert run(*words, "--shape", "siths") == 2
    assert "of the shape six" in capsys.readouterr().err


def test_without_a_virtual_reader_it_is_a_fault_of_a_device(
    run: Run, tmp_path: Path, driver: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    port = port_of(driver)
    driver.close()
    assert run("--order", "6", "--vpcd", f"127.0.0.1:{port}") == 4
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize(("ended_by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (None, 4)])
def test_a_card_serves_until_it_is_ended_and_remembers(
    tmp_path: Path, driver: socket.socket, ended_by: signal.Signals | None, code: int
) -> None:
    state = tmp_path / "card.json"
    words = ["--state", str(state), "--order", "6", "--vpcd", f"127.0.0.1:{port_of(driver)}", "--json"]
    environment = {**os.environ, "KORTKIOSK_TEST_AUTHORITY": str(tmp_path / "authority")}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "virtual-card", *words], env=environment, stdout=subprocess.PIPE, text=True
    )
    with program, driver.accept()[0] as connection:
        connection.settimeout(LIMIT_S)
        assert program.stdout is not None
        said = json.loads(program.stdout.readline())
        assert said["card_number"] == person(6).new.card_number
        assert exchange(connection, b"\x04").hex().upper() == said["atr"]
        connection.sendall(b"\x00\x01\x01")
        assert exchange(connection, bytes.fromhex("0020000106303030303030")).hex() == "63c2"
        if ended_by is None:
            connection.close()
        else:
            program.send_signal(ended_by)
        assert program.wait(LIMIT_S) == code
    assert VirtualCard.load(state).tries_left == (2, 10)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_listing_that_nobody_reads_to_its_end_ends_quietly(unbuffered: str, tmp_path: Path) -> None:
    """As in `kortkiosk virtual-card --list | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "kiosk.cli", "virtual-card", "--list", "--authority", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    try:
        ended = subprocess.run(
            words, env=environment, stdout=writing, stderr=subprocess.PIPE, timeout=LIMIT_S, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (Exit.CANCELLED, b"")


def test_a_broken_pipe_that_is_not_the_outputs_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(virtual_card, "_show_list", broken)
    assert main(["virtual-card", "--list"]) == Exit.OUR_ERROR
    capsys.readouterr()


def test_the_twin_of_a_trace_is_plugged_in_if_a_pinned_key_signed_it(
    run: Run, tmp_path: Path, driver: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    step = {"command": "00a4000c023f00", "answer": "9000"}
    trace = {"recorded": "2026-03-02", "atr": "3b00", "protocol": "T=1", "profile": "", "steps": [step]}
    path, keys = tmp_path / "card.trace", tmp_path / "keys.pem"
    path.write_text(json.dumps(trace))
    keys.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    options = ("--trace", str(path), "--vpcd", f"127.0.0.1:{port_of(driver)}")
    assert run(*options) == virtual_card.BAD_INPUT
    assert run(*options, "--trace-keys", str(keys)) == virtual_card.BAD_INPUT
    assert "card.trace" in capsys.readouterr().err
    path.with_name("card.trace.jws").write_text(sign(path.read_bytes(), key))
    with ThreadPoolExecutor(1) as beside:
        said = beside.submit(lambda: speak(driver))
        assert run(*options, "--trace-keys", str(keys), "--json") == virtual_card.FAULT
    assert said.result() == (bytes.fromhex("3b00"), b"\x90\x00", b"\x6d\x00")
    assert json.loads(capsys.readouterr().out)["atr"] == "3B00"


def speak(driver: socket.socket) -> tuple[bytes, ...]:
    """As the driver does: ATR, a command that the trace has, one that it has not; then it lets the card go."""
    connection, _ = driver.accept()
    with connection:
        connection.settimeout(LIMIT_S)
        connection.sendall(b"\x00\x01\x01")
        asked = (b"\x04", bytes.fromhex("00a4000c023f00"), bytes.fromhex("00b0000010"))
        return tuple(exchange(connection, message) for message in asked)
