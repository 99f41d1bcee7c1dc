"""Mutation testing is told of files and tests that exist, and counts as it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.mutants import __main__ as runner
from campaigns.mutants.__main__ import Kept, Module, Mutant, Row, Verdict

ROOT = Path(__file__).resolve().parents[2]
MODULES = runner.modules()


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_a_module_names_files_and_tests_that_exist(module: Module) -> None:
    assert module.files
    assert module.tests
    assert [path for path in (*module.files, *module.tests) if not (ROOT / path).exists()] == []


def test_who_may_do_what_and_the_path_of_codes_have_the_higher_goal() -> None:
    goals = {goal: {name for name, module in MODULES.items() if module.goal == goal} for goal in (80, 95, 97)}
    assert goals == {
        80: {"attacks"}, 95: {"roles", "authorization", "codes"}, 97: {"separation", "proofs", "enrolment"},
    }  # fmt: skip
    assert {module.goal for module in MODULES.values()} == {*goals, 85}


def test_every_file_of_the_path_of_codes_is_mutated() -> None:
    folder = ROOT / "drivers/reader/pin"
    assert {path.name for path in folder.glob("*.py")} - {"__init__.py"} == {
        Path(file).name for file in MODULES["codes"].files
    }


def test_an_equivalent_mutant_is_of_a_line_that_still_stands_and_says_why() -> None:
    for (file, was, _), why in runner.explained().items():
        lines = " ".join(line.strip() for line in (ROOT / file).read_text("utf-8").splitlines())
        assert was in lines, f"{file}: {was}"
        assert why


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text("made up")
    return Module("made-up", 85, ("made_up.py",), ("test_a.py", "test_b.py"))


def mutant(module: Module, now: str) -> Mutant:
    return Mutant(module, "made_up.py", 1, "x = 1", now, f"{now}\n")


def test_a_kill_stands_until_its_test_changes_and_a_survival_until_any_does(module: Module, tmp_path: Path) -> None:
    killed = Verdict(mutant(module, "x = 2"), "killed", "test_a.py::test_x")
    survived = Verdict(mutant(module, "x = 3"), "passed", "")
    kept = Kept(tmp_path / "verdicts.jsonl")
    kept.add(killed)
    kept.add(survived)

    def found() -> tuple[bool, bool]:
        again = Kept(tmp_path / "verdicts.jsonl")
        return again.find(killed.mutant) == killed, again.find(survived.mutant) == survived

    assert found() == (True, True)
    (tmp_path / "test_b.py").write_text("another")
    assert found() == (True, False)
    (tmp_path / "test_a.py").write_text("another")
    assert found() == (False, False)
    assert Kept(tmp_path / "verdicts.jsonl").find(mutant(module, "x = 4")) is None


def test_the_share_leaves_out_what_is_explained_and_counts_a_time_out_as_killed(module: Module) -> None:
    said = {"x = 2": "killed", "x = 3": "time-out", "x = 4": "passed", "x = 5": "passed"}
    verdicts = [Verdict(mutant(module, now), verdict, "") for now, verdict in said.items()]
    row = Row(module, 9, verdicts, {("made_up.py", "x = 1", "x = 4"): "nobody reads x"})
    assert runner.table([row]).splitlines()[-1] == "| made-up | 9 | 4 | 2 | 1 | 2 | 1 | 66.7 % | 85 % |"
    assert [line.strip() for line in runner.survivors(row).splitlines()][3::4] == ["nobody reads x", "NOT EXPLAINED"]


def test_a_judge_tells_what_passes_what_fails_and_what_does_not_end(tmp_path: Path) -> None:
    said = {
        "test_right.py": "def test_x(): pass",
        "test_wrong.py": "def test_x(): pass\ndef test_y(): assert not 1\ndef test_z(): assert not 1",
        "test_broken.py": "import made_up_module",
        "test_ends_all.py": "import os\ndef test_x(): os._exit(0)",
        "test_endless.py": "import time\ndef test_x():\n    while True: time.sleep(1)",
    }
    for name, text in said.items():
        (tmp_path / name).write_text(text)
    asked = [{"tests": [name], "limit_s": 1 if name == "test_endless.py" else 60} for name in said]
    answers = subprocess.run(
        [sys.executable, "-m", "campaigns.mutants.judge"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [tuple(json.loads(line).values()) for line in answers.splitlines()] == [
        ("passed", ""),
        ("killed", "test_wrong.py::test_y"),
        ("killed", "test_broken.py"),
        ("killed", "the process ended"),
        ("time-out", ""),
    ]
