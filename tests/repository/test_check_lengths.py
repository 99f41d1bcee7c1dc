"""A file that grew too long is noticed, unless it says why."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/check_lengths.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty git project that has the script."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/check_lengths.py").write_bytes(SCRIPT.read_bytes())
    return tmp_path


def check(project: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, project / "scripts/check_lengths.py"], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_files_of_300_lines_pass(project: Path) -> None:
    (project / "long.py").write_text("x = 1\n" * 300)
    assert check(project) == (0, "")


@pytest.mark.parametrize("name", ["long.py", "looks.kv"])
def test_one_line_more_fails_and_the_file_is_named(project: Path, name: str) -> None:
    (project / name).write_text("x: 1\n" * 301)
    code, said = check(project)
    assert code == 1
    assert said.startswith(f"{name}: 301 lines")


def test_a_reason_near_the_top_excuses(project: Path) -> None:
    (project / "long.py").write_text("# length: a table of the standard\n" + "x = 1\n" * 300)
    assert check(project) == (0, "")


@pytest.mark.parametrize("lines", ["# length:\n", "x = 1\n" * 40 + "# length: too far down\n"])
def test_no_reason_or_one_far_down_does_not(project: Path, lines: str) -> None:
    (project / "long.py").write_text(lines + "x = 1\n" * 300)
    assert check(project)[0] == 1


def test_what_git_ignores_and_other_kinds_of_files_are_left_alone(project: Path) -> None:
    (project / ".gitignore").write_text("made.py\n")
    (project / "made.py").write_text("x = 1\n" * 400)
    (project / "table.txt").write_text("x\n" * 400)
    assert check(project) == (0, "")
