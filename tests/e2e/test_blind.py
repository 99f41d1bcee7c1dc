"""An errand through the real window by keypad and speech alone: who answers hears sentences, and sees nothing.

Each key comes from a made-up keypad on USB that the station's driver has grabbed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.screens.blind import ROOT, main, play_blind

pytestmark = [pytest.mark.screen, pytest.mark.timeout(600)]

SLICE = [
    "change_pin: by who knows it",
    "administrate: after a quarter of an hour the code is asked for again, and the card stays in",
]


def test_an_errand_by_keypad_and_speech_alone() -> None:
    told = list(play_blind(SLICE))
    assert [(one["title"], one["wrong"]) for one in told] == [(title, "") for title in SLICE]
    assert min(one["touches"] for one in told) >= 20


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """What a run printed before it was cut."""
    printed = tmp_path / "blind.txt"
    printed.write_text("".join(f"right   29 keys  {title}  \n" for title in SLICE) + "right   5", encoding="utf-8")
    return printed


def test_a_run_that_was_cut_goes_on(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from", str(earlier), *SLICE]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        *(f"right   29 keys  {title}  " for title in SLICE),
        "2 of 2 stories by keypad and speech alone.",
    ]


def test_whoever_reads_may_leave(earlier: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tests.fakes.screens.blind", "--from", str(earlier), *SLICE]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=600)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
