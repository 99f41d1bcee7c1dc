"""Journeys of each errand through the real window, by real touches under Xvfb: one window for all, one after the other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kiosk.errands.registry import ERRANDS
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.efforts import EFFORTS, Effort
from tests.kiosk.errands.faulty import every_story

pytestmark = [pytest.mark.screen, pytest.mark.timeout(900)]  # one run of them all, on a machine that may be busy

ROOT = Path(__file__).resolve().parents[2]
MEDDLED = "change_pin: by who knows it"
"""Somebody presses language and text size at every question, in the middle of codes."""
TALES = {story.title: story for story in every_story()}
TITLES = tuple(title for title, story in TALES.items() if story.touched)
COUNTED = tuple(effort.story.title for effort in EFFORTS)
LIMIT_S = 870


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, Any]]:
    """What came of each story, by its title."""
    with virtual_display() as display:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.screens.touching", json.dumps(TITLES + COUNTED), json.dumps([MEDDLED])],
            env={**os.environ, "DISPLAY": display}, cwd=ROOT, check=True, timeout=LIMIT_S, stdout=subprocess.PIPE,
        )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["title"]: one for one in told}


@pytest.mark.parametrize("title", TITLES)
def test_a_journey_by_touch(played: dict[str, dict[str, Any]], title: str) -> None:
    tale, told = TALES[title], played[title]
    assert told["wrong"] == ""
    assert (told["outcome"], told["reason"]) == (tale.outcome, tale.reason)
    assert told["touches"] >= 3


def test_every_errand_is_touched() -> None:
    """The other two are played in tests/e2e/test_touches.py, on the programs themselves."""
    touched = {TALES[title].errand for title in TITLES}
    assert touched | {"pickup", "administrate"} == {errand.id for errand in ERRANDS}


def test_language_and_text_size_at_every_question_lose_nothing(played: dict[str, dict[str, Any]]) -> None:
    """The same views to the same end, with two more touches at each question that takes one."""
    told = played[MEDDLED]
    answered = [view for view in told["views"] if view in TALES[MEDDLED].story() and not view.endswith("insert")]
    assert told["views"][-2:] == ["change_pin.done", "closing.take_card"]
    assert told["touches"] == 28 + 2 * (len(answered) - 1)


@pytest.mark.parametrize("effort", EFFORTS, ids=COUNTED)
def test_an_errand_takes_no_more_touches_than_promised(played: dict[str, dict[str, Any]], effort: Effort) -> None:
    """Every touch from the home screen on; `-s` prints them, with the time by a keystroke-level model."""
    told = played[effort.story.title]
    assert (told["wrong"], told["outcome"]) == ("", "done")
    print(
        f"{effort.story.title}: {told['touches']} touches of {effort.most}, about {told['seconds']:.0f} s by the model"
    )
    assert told["touches"] <= effort.most, told["views"]
