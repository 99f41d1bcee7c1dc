"""SIGKILL between any two effects of a pick-up: nothing lost, nothing doubled, no code sent that nobody typed.

Every boundary takes about a third of a second, and there are some 75: every third is tried, in
`make faults` every one (`KORTKIOSK_KILL_STEP`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.stories.room import quick_folder

pytestmark = pytest.mark.timeout(900)  # one run of some eighty killed stations, on a machine that may be busy

STEP = int(os.environ.get("KORTKIOSK_KILL_STEP", "3"))
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    with quick_folder(tmp_path_factory.mktemp("killed")) as folder:
        command = [sys.executable, "-m", "campaigns.faults.killed_station", str(folder), str(STEP), "0"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=870, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def name(line: dict[str, Any]) -> str:
    died = [words for words in line["diary"] if words.startswith("killed")]
    return f"boundary {line['at']}: {died}, then {line.get('said', {}).get('names')}"


def test_the_last_run_passes_every_boundary(lines: list[dict[str, Any]]) -> None:
    assert [line["killed"] for line in lines] == [True] * (len(lines) - 1) + [False]
    assert lines[-1]["said"]["outcome"] == "done"
    assert len(lines) > 70 / STEP


def test_the_station_starts_again_and_the_same_person_ends_with_a_working_card(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert line["status"] == 0, name(line)
        said = line["said"]
        assert said["failure"] == "", name(line)
        assert said["told"].count("ended done") == 1, name(line)
        last_start = len(said["told"]) - said["told"][::-1].index("station.started")
        over = "ended done" in said["told"][:last_start]
        expected = ("refused", "no_order") if over else ("done", "")
        assert (said["outcome"], said["reason"]) == expected, name(line)


def test_every_effect_is_told_of(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        effects = {word.partition(" ")[0] for word in line["said"]["told"]}
        assert {"slot.open", "slot.take", "card.unblock", "receipt.print", "drop.open"} <= effects, name(line)


def test_one_receipt_one_number(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert len(line["said"]["numbers"]) == 1, name(line)
        if line["said"]["outcome"] == "done":
            assert line["said"]["numbers"] == [line["said"]["receipt"]], name(line)


def test_every_errand_ends_once_in_the_chain(lines: list[dict[str, Any]]) -> None:
    """`told` has checked sequence, hashes and data already."""
    for line in lines:
        told = line["said"]["told"]
        ends = [word for word in told if word.startswith("ended")]
        assert len(ends) == told.count("errand.started"), name(line)


def test_what_was_under_way_is_said(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        told, found = line["said"]["told"], line["said"]["found"]
        if not line["killed"]:
            continue
        assert told.count("ended interrupted") == len({kind for kind, _, _ in found}), name(line)
        unknown = [effect for _, effect, _ in found if effect]
        assert [f"{effect} unknown" for effect in unknown] == [w for w in told if w.endswith(" unknown")], name(line)


def test_no_code_reaches_a_card_that_nobody_has_typed_since_the_start(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        typed: set[str] = set()
        entries = 0
        for kind, *words in (entry.split() for entry in line["diary"]):
            if kind == "boot":
                typed, entries = set(), 0
            elif kind == "typed":
                typed.add(words[0])
                entries += 1
            elif kind == "sent":
                assert set(words[1:]) <= typed, name(line)
                assert entries > 0, name(line)


def test_cards_are_where_they_belong(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        where = line["said"]["where"]
        lying = [*where["hand"], *filter(None, where["slots"].values()), *where["in_bin"]]
        assert sorted(lying) == ["6:new", "6:old"], name(line)
        assert where["in_bin"] == ["6:old"], name(line)
