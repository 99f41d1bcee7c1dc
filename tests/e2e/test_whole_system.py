"""Faults on the whole system in processes: a draw of `make campaign PART=whole-system`, and a judge that finds what is wrong."""

import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from campaigns.faults.failing_calls import Act, Plan, Strike
from campaigns.faults.whole_system import PART, Case, Draw, Fault, System, draw
from fleet.server.database.database import FILE_NAME

WRITES = """
import sys
for number in range(3):
    try:
        with open(sys.argv[1], "ab", buffering=0) as file:
            file.write(b"x")
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.parametrize(
    ("act", "said", "written", "code"),
    [("fail_once", [errno.ENOSPC], 2, 0), ("fail_for_good", [errno.ENOSPC] * 2, 1, 0), ("kill", [], 1, -9)],
)
def test_the_second_write_of_a_file_fails_or_ends_the_program(
    tmp_path: Path, act: Act, said: list[int], written: int, code: int
) -> None:
    plan, file = Plan(tmp_path / "plan"), tmp_path / "chosen.txt"
    plan.arm(Strike("write", "chosen", 2, act, errno.ENOSPC))
    command = [sys.executable, "-c", WRITES, str(file)]
    done = subprocess.run(
        command, env={**os.environ, **plan.environment()}, stdout=subprocess.PIPE, text=True, check=False
    )
    count, struck = plan.disarm()
    assert (done.returncode, [int(line) for line in done.stdout.split()]) == (code, said)
    assert len(file.read_bytes()) == written
    assert (count, struck) == (2 if act == "kill" else 3, max(1, len(said)))


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    draws = [draw(7, number) for number in range(40)]
    assert draws == [draw(7, number) for number in range(40)]
    assert len({str(one) for one in draws}) == 40
    assert [len(one.faults) for one in draws[:8]] == [1, 1, 1, 2, 1, 1, 1, 2]


@pytest.mark.broker
def test_who_was_struck_by_a_fault_comes_back_and_the_judge_finds_what_is_taken_away() -> None:
    with tempfile.TemporaryDirectory(prefix="kk-") as folder:
        system = System(Path(folder))
        try:
            system.start()
            case = Case(system, Draw(f"{PART}:a", 1, "change_pin", (Fault("station write", "kill", 90),), "here"))
            assert case.run() == ()
            assert [visit.said["outcome"] for visit in case.visits] == ["died (-9) at nothing", "done"]
            with closing(sqlite3.connect(system.region.places.fleet_data / FILE_NAME)) as store, store:
                store.execute("DELETE FROM events WHERE id = (SELECT max(id) FROM events)")
            assert [found for found in case.wrong() if "is not held" in found]
        finally:
            system.close()
