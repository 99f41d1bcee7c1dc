"""The journal over several lives of a machine, in folders: bounded, and the end of the life before is there to be told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log"


def start(root: Path, kept: Path, life: int, instead: str = "") -> str:
    """A start of the machine, which writes its journal and dies; gives what is told of the life before."""
    folder = kept.parents[1]
    machine, last = folder / "machine-id", folder / "last"
    machine.write_text(f"{life:032x}\n")
    path = {"PATH": f"{instead}:{os.environ['PATH']}"} if instead else {}
    command = [root / "usr/lib/kortkiosk/keep-log", kept, folder / "var/log/journal", folder / "pstore", last]
    subprocess.run(command, check=True, env={**os.environ, **path, "MACHINE_ID": str(machine)})
    (folder / "var/log/journal" / f"{life:032x}").mkdir()
    return last.read_text() if last.exists() else ""


def test_four_lives_are_kept_whatever_the_clock_says(root: Path, kept: Path) -> None:
    for life in range(1, 8):
        start(root, kept, life)
        os.utime(kept / f"{life:032x}", (1000 - life, 1000 - life))
    assert {path.name for path in kept.iterdir() if path.is_dir()} == {f"{life:032x}" for life in (4, 5, 6, 7)}


def test_what_a_dying_kernel_left_is_kept_and_told(root: Path, kept: Path, tmp_path: Path) -> None:
    start(root, kept, 1)
    crash = tmp_path / "pstore" / "7" / "dmesg.txt"
    crash.parent.mkdir(parents=True)
    crash.write_text("<0>Kernel panic - not syncing: made up\n")
    assert "Kernel panic - not syncing: made up" in start(root, kept, 2)
    assert (kept / f"{1:032x}" / "pstore/7/dmesg.txt").exists()
    shutil.rmtree(tmp_path / "pstore")
    assert start(root, kept, 3) == "", "that of the life before alone"


def test_kernel_and_system_alone_are_told_of_the_life_before(root: Path, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "journalctl").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "journalctl").chmod(0o755)
    assert start(root, kept, 1, str(tmp_path)) == "", "there was none"
    told = start(root, kept, 2, str(tmp_path))
    assert told.endswith(f"--directory={kept}/{1:032x} _TRANSPORT=kernel + _PID=1\n")
    assert (tmp_path / "last").stat().st_mode & 0o777 == 0o644, "the station's user reads it"
