"""The pairing with the cabinet's real firmware, on MicroPython's Unix port behind a pseudo-terminal (simulated hardware)."""

import contextlib
import os
import pty
import shutil
import socket
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.cabinet.firmware_image import Image
from drivers.cabinet.messages import FIRMWARE
from drivers.cabinet.pairing import Pairing
from provisioning import flash
from sim.stories.patience import LIMIT_S
from tests.provisioning.conftest import Program

PROGRAM = Path(__file__).resolve().parents[2] / "drivers" / "cabinet" / "firmware" / "unix_main.py"


class Board:
    """The firmware's process: its port, and its panel with the service button."""

    def __init__(self, port: str, panel: socket.socket) -> None:
        self.port = port
        self._panel = panel
        self._lines = panel.makefile()
        self.panel("state")

    def close(self) -> None:
        """Let the panel's line go."""
        self._lines.close()

    def panel(self, line: str) -> None:
        """Move something; done once the firmware has answered."""
        self._panel.sendall(line.encode() + b"\n")
        while not next(self._lines).startswith(("ok", "error")):
            pass


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    micropython = shutil.which("micropython")
    assert micropython is not None
    line, port = pty.openpty()
    tty.setraw(port)
    ours, theirs = socket.socketpair()
    ours.settimeout(LIMIT_S)
    handles = (line, theirs.fileno())
    (tmp_path / "board").mkdir()
    command = [micropython, str(PROGRAM), "--line", str(line), "--panel", str(theirs.fileno())]
    with contextlib.ExitStack() as closing:
        process = closing.enter_context(
            subprocess.Popen([*command, "--flash", str(tmp_path / "board"), "--slots", "3"], pass_fds=handles)
        )
        closing.callback(process.kill)
        os.close(line)
        theirs.close()
        closing.callback(os.close, port)
        closing.callback(ours.close)
        board = Board(os.ttyname(port), ours)
        closing.callback(board.close)
        yield board


def test_a_board_is_paired_keeps_its_key_and_gives_it_up_only_to_its_button(
    board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "read_image", lambda content: Image(FIRMWARE, "0" * 64, len(content)))
    image, key, run = tmp_path / "cabinet.uf2", tmp_path / "cabinet.json", Program(capsys)
    image.write_bytes(b"made-up image")
    arguments = ("flash", image, "--port", board.port, "--pair-only", "--key")

    assert run.object(*arguments, key)["new_key"] is True
    first = Pairing.load(key)
    assert run.object(*arguments, key)["new_key"] is False
    assert Pairing.load(key) == first

    assert run(*arguments, tmp_path / "other.json") == 3
    assert "hold its service button down" in run.said
    for line in ("service on", *["full off"] * 3):  # each takes a step of time, so that the button is seen to be held
        board.panel(line)
    assert run.object(*arguments, tmp_path / "other.json")["new_key"] is True
    second = Pairing.load(tmp_path / "other.json")
    assert (second.board, second.key != first.key) == (first.board, True)
