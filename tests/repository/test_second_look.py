"""What continuous integration makes of a few tests that failed: once more, by name, and no more often than that."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The script alone, with a `make` that notes what it is asked for and ends as `again` says."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/second_look.sh", tmp_path / "scripts")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    make = tmp_path / ".venv/bin/make"
    make.write_text('#!/bin/bash\necho "make $*"\nexit "$AGAIN"\n')
    make.chmod(0o755)
    return tmp_path


def look(project: Path, *failed: str, again: int = 0) -> subprocess.CompletedProcess[str]:
    if failed:
        cache = project / ".pytest_cache/v/cache"
        cache.mkdir(parents=True)
        (cache / "lastfailed").write_text(json.dumps(dict.fromkeys(failed, True)))
    path = f"{project / '.venv/bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [project / "scripts/second_look.sh"],
        env={"PATH": path, "AGAIN": str(again)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_few_are_run_once_more_and_named_as_unsteady(project: Path) -> None:
    ended = look(project, "tests/test_a.py::test_one[a b]", "tests/test_b.py::test_two")
    assert ended.returncode == 0
    assert ended.stdout.count("make test") == 1
    assert "make test JOBS=1 ARGS=--last-failed" in ended.stdout
    assert "UNSTEADY, passed when run alone; to be mended: tests/test_a.py::test_one[a b]\n" in ended.stdout
    assert "to be mended: tests/test_b.py::test_two\n" in ended.stdout


def test_one_that_fails_again_is_a_failure(project: Path) -> None:
    ended = look(project, "tests/test_a.py::test_one", again=2)
    assert ended.returncode != 0
    assert "UNSTEADY" not in ended.stdout


def test_more_than_a_few_are_a_failure_at_once(project: Path) -> None:
    ended = look(project, *(f"tests/test_a.py::test_{number}" for number in range(4)))
    assert ended.returncode == 1
    assert "4 tests failed" in ended.stderr
    assert "make test" not in ended.stdout


@pytest.mark.parametrize(
    "name",
    [
        "tests/attacks/test_cable.py::test_one[a]",
        "tests/fleet/server/issuers/proofs/test_nonces.py::test_one",
        "tests/fleet/server/enrolment/test_est.py::test_one",
        "tests/fleet/server/accounts/test_separation_of_duties.py::test_one",
        "tests/fleet/server/web/test_authorization.py::test_one",
    ],
)
def test_a_test_of_security_has_no_second_try(project: Path, name: str) -> None:
    ended = look(project, "tests/test_a.py::test_one", name)
    assert ended.returncode == 1
    assert f"no second try: {name}" in ended.stderr
    assert "make test" not in ended.stdout


def test_a_run_that_failed_before_its_tests_is_a_failure(project: Path) -> None:
    ended = look(project)
    assert ended.returncode == 1
    assert "see above" in ended.stderr
