"""The PC/SC service that demo and tests start, where it does not come up at once."""

import socket
from pathlib import Path

import pytest

from sim.reader import pcscd as service


def in_place_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A program that is started in its place, with a file that gets a line each time; nothing answers."""
    starts, program = tmp_path / "starts", tmp_path / "pcscd"
    program.write_text(f"#!/bin/sh\necho started >>{starts}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(service, "PROGRAM", str(program))
    monkeypatch.setattr(service, "SOCKET", tmp_path / "nobody")
    monkeypatch.setattr(service, "START_TIMEOUT_S", 0.1)
    monkeypatch.setattr(service.tempfile, "tempdir", str(tmp_path))  # a turn of its own
    return starts


def test_a_service_without_readers_is_started_again_and_given_up_after_some_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_place_of_it(tmp_path, monkeypatch, "exec sleep 60")
    starts, start = [], service.subprocess.Popen
    monkeypatch.setattr(service.subprocess, "Popen", lambda *words, **how: starts.append(words) or start(*words, **how))
    with pytest.raises(service.NoServiceError, match="no virtual readers"), service.running_service():
        pass
    assert len(starts) == service.TRIES


def test_a_service_that_ends_by_itself_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = in_place_of_it(tmp_path, monkeypatch, "exit 7")
    monkeypatch.setattr(service, "START_TIMEOUT_S", 60.0)
    with pytest.raises(service.NoServiceError, match="ended with 7"), service.running_service():
        pass
    assert len(starts.read_text().splitlines()) == 1


def test_a_port_counts_once_somebody_listens_on_it() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert port not in service.listening_ports()
        one.listen()
        assert port in service.listening_ports()
    assert port not in service.listening_ports()
