"""Journeys of thirteen errands through the real window, by real touches under Xvfb: one window for all, one after the other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kiosk.errands.registry import ERRANDS
from tests.fakes.machine.display import virtual_display
from tests.kiosk.errands.faulty import every_story

pytestmark = [pytest.mark.screen, pytest.mark.timeout(900)]  # one run of them all, on a machine that may be busy

ROOT = Path(__file__).resolve().parents[2]
MEDDLED = "change_pin: by who knows it"
"""Somebody presses language and text size at every question, in the middle of codes."""
TITLES = (
    MEDDLED,
    "unblock: with the envelope",
    "check_card: it works",
    "clean_up: both old ones go, each asked for",
    "renew_certificate: kind D, and the old one goes",
    "reserve_certificate: with the own ordinary card",
    "return_card: with its code, blocked at once",
    "return_card: the chip is cut, the number is typed",
    "report_lost: lost, by its number: a hold at once",
    "report_lost: found again, and exactly as it was",
    "information: two pages, and away",
    "service: test all parts, and a page",
    "stock: in the one reader, by the code of the order",
    "stock: an expired card stands first and goes out",
    "empty_bin: counted, sealed, signed by both",
    "attend: log in, document, order, hand over",
)
LIMIT_S = 870
TALES = {tale.title: tale for tale in every_story()}


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, Any]]:
    """What came of each story, by its title."""
    with virtual_display() as display:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.screens.touching", json.dumps(TITLES), json.dumps([MEDDLED])],
            env={**os.environ, "DISPLAY": display}, cwd=ROOT, check=True, timeout=LIMIT_S, stdout=subprocess.PIPE,
        )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["title"]: one for one in told}


@pytest.mark.parametrize("title", TITLES)
def test_a_journey_by_touch(played: dict[str, dict[str, Any]], title: str) -> None:
    tale, told = TALES[title], played[title]
    assert told["wrong"] == ""
    assert (told["outcome"], told["reason"]) == (tale.outcome, tale.reason)
    assert told["touches"] >= 4


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
