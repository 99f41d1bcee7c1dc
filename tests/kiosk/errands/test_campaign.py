"""A slice of `make campaign`: single faults of every errand, leaps of the clock, and bugs that the oracle must find."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from campaigns.faults import clock_station, pairs, single
from campaigns.faults.gate import WAYS, Place
from campaigns.faults.oracle import CardEvidence, Evidence, StationEvidence, VisitEvidence, judge
from campaigns.faults.parts import Options, Progress
from campaigns.faults.planted import BUGS, cases_of, hunt, planted
from campaigns.faults.single import Case, cases, run_case, stories

STEP = 997
"""Every so many-th case is run: a prime, so that each kind of place and each way has its turn."""
PLANTED = (
    "an-end-is-dropped", "a-hold-that-is-forgotten", "a-try-is-counted-after", "a-pledge-is-not-redeemed",
    "what-was-settled-is-turned-round",
)  # fmt: skip


@pytest.fixture(scope="module")
def every_case() -> list[Case]:
    return list(cases())


def test_every_errand_and_every_way_of_failing_has_its_cases(every_case: list[Case]) -> None:
    assert {case.story for case in every_case} == set(stories())
    found = {(place.kind, place.way) for case in every_case for place in case.places}
    assert found == {(kind, way) for kind, ways in WAYS.items() for way in ways}
    assert len({case.id for case in every_case}) == len(every_case) > 20_000
    assert all(Case.parse(case.id) == case for case in every_case[::STEP])


def test_a_slice_of_all_single_faults_breaks_no_rule(every_case: list[Case]) -> None:
    for case in every_case[::STEP]:
        ended, found = asyncio.run(run_case(case))
        assert not found, f"{case.id}: {ended}: {[str(one) for one in found]}"


def test_two_faults_in_one_errand_break_no_rule() -> None:
    chosen = list(islice(pairs.draws(1), 200))
    assert chosen == list(islice(pairs.draws(1), 200))
    assert all(len({*case.places}) == 2 and Case.parse(case.id) == case for case in chosen)
    for case in chosen[:8]:
        ended, found = asyncio.run(run_case(case))
        assert not found, f"{case.id}: {ended}: {[str(one) for one in found]}"


@pytest.mark.parametrize("leap", ["+10y", "-10y", "+1h"])
def test_a_leap_of_the_clock_in_the_middle_breaks_no_rule(leap: str) -> None:
    ended, found = asyncio.run(clock_station.run_case(f"clock-station:change_pin:3:{leap}"))
    assert not found, f"{ended}: {[str(one) for one in found]}"


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    bug = next(one for one in BUGS if one.name == name)
    for pattern in bug.shows:
        cases_of(pattern)
    rule, case, _ = hunt(bug)
    assert rule, f"{name} was not found"
    assert case.startswith(single.PART)


def test_every_planted_bug_still_fits_the_code() -> None:
    assert len(BUGS) == len({bug.name for bug in BUGS}) >= 50
    for bug in BUGS:
        with planted(bug):
            pass


BESIDE = """
from pathlib import Path
from campaigns.faults.parts import Options
from campaigns.faults.single import run_part
raise SystemExit(run_part(Options(ids=({ids}), jobs=2, state=Path({state}))))
"""


def test_processes_side_by_side_judge_as_one_does(tmp_path: Path) -> None:
    ids = ("single:information:commit.1:kill:here", "single:change_pin:card.24:cut:never")
    program = BESIDE.format(ids=", ".join(map(repr, ids)), state=repr(str(tmp_path)))
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=300)
    judged = Progress.open(single.PART, Options(state=tmp_path)).verdicts
    assert judged == {one: single.verdict_of(Case.parse(one)) for one in ids}


def test_a_case_that_is_none_is_refused() -> None:
    for text in (
        "single:nobody:card.1:once:here",
        "single:change_pin:card.1:twice:here",
        "single:change_pin:card.1:once:away",
    ):
        with pytest.raises(ValueError, match="single"):
            Case.parse(text)
    assert Case.parse("single:change_pin:card.1:once:here").places == (Place("card", 1, "once"),)
    two = "single:change_pin:card.24:lost:commit.3:once:never"
    assert Case.parse(two).places == (Place("card", 24, "lost"), Place("commit", 3, "once"))
    assert Case.parse(two).id == two


CARD = CardEvidence("9999", "222222", "111111", ("222222",), tries_spent=0)
DONE = VisitEvidence("a", "done", "", ("change_pin.done",), ("change_done.title",))
GOOD = Evidence("information", ("done", ""), (StationEvidence("a", (), ()),), (), ())


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"cards": (replace(CARD, may_be=("111111",)),)}, "code"),
        ({"cards": (replace(CARD, code="111111", may_be=("111111",), register="held"),)}, "register"),
        ({"cards": (replace(CARD, code="111111", may_be=("111111",), given_back=True),)}, "register"),
        ({"visits": (DONE,), "cards": (replace(CARD, tries_spent=1),)}, "tries"),
        ({"stations": (StationEvidence("a", (), (), puks=1),)}, "tries"),
        ({"stations": (StationEvidence("a", (), (), open_slot=2),)}, "door"),
        ({"stations": (StationEvidence("a", (), (), papers=1),)}, "effects"),
        ({"stations": (StationEvidence("a", (), (), coded_twice=("O-1",)),)}, "effects"),
        ({"register_told": ("block",)}, "effects"),
        ({"visits": (DONE,)}, "ends"),
        (
            {"visits": (replace(DONE, outcome="fault", reason="x"), replace(DONE, outcome="refused", reason="y"))},
            "way on",
        ),
        ({"set_aside": 1}, "events"),
        ({"alarms": {"conflict": "1:7"}}, "events"),
        ({"secrets_in": ("station.sqlite",)}, "secrets"),
    ],
)
def test_the_oracle_sees_it(changed: dict[str, object], rule: str) -> None:
    evidence = replace(GOOD, **changed)  # type: ignore[arg-type]
    assert rule in {found.rule for found in judge(evidence)}
    assert judge(GOOD) == []
