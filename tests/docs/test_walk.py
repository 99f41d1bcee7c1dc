"""The page of each errand and docs/walk.md name every question with its answers, and each errand has a file that fits it."""

import re
from typing import Any

import pytest

from fleet.messages.errand_catalog import folder
from kiosk.errands.pickup.stories import PICKUP_STORIES
from kiosk.errands.registry import ERRANDS
from kiosk.views import CANCEL, Board, Choose, Confirm, Tell, View
from kiosk.walk.answers import load
from scripts import write_errands
from scripts.write_errands import HEADING
from sim.gallery.samples import samples
from sim.stories.errand_stories import errand_stories
from sim.stories.refusals import refusals_of
from sim.stories.refused_walks import ELSEWHERE, REFUSED_WALKS
from tests.docs.pages import ROOT, text
from tests.docs.walk_questions import QUESTIONS, SHARED, general, rows

IDS = [errand.id for errand in ERRANDS]
CHOSEN_FROM_DATA = {
    "stock.count",
    "stock.which_out",
    "pickup.employer",
    "pickup.which",
    "service.which_receipt",
    "service.which_task",
    "check_card.certificates",
    "information.pages",
    "activate.check",
}
"""Their options are orders, identity checks, certificates, pages, rows of the worklist, slots, receipts."""
BEGUN_AS = {"attend": "pickup"}
"""An errand that is another one, begun by somebody else."""
VIEWS = [view for _, view in samples() if view.name.partition(".")[0] in IDS]


def own_page(errand: str) -> str:
    """The page in the errand's folder."""
    return text(folder() / errand / "README.md")


OWN = {errand: rows(own_page(errand).partition(HEADING)[0]) for errand in IDS}


def told(view: View[Any]) -> list[set[str]]:
    """The rows that name the view: those of its errand, else the common ones."""
    errand, _, name = (whole := general(view.name)).partition(".")
    return [row for row in OWN[errand] if whole in row] or [row for row in SHARED if name in row]


def values(view: View[Any]) -> set[str]:
    """The answers by button and option."""
    buttons = {button.value for button in (view.way_out, view.side, view.primary) if button is not None}
    options = {one.value for one in view.options} if isinstance(view, Choose) else set()
    options |= {one.value for one in view.actions} if isinstance(view, Board) else set()
    return (buttons | options) - {CANCEL} if view.name not in CHOSEN_FROM_DATA else set()


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_a_question_is_told_with_its_answers(view: View[Any]) -> None:
    found = told(view)
    assert found, f"neither docs/walk.md nor the errand's page tells {view.name}"
    if isinstance(view, Board | Choose | Confirm | Tell):
        assert values(view) <= set().union(*found), view.name


def test_no_row_is_of_a_question_that_is_gone() -> None:
    """A view that several errands share has a sample of one of them."""
    ends = {general(view.name).partition(".")[2] for view in VIEWS} | {"pin_old_wrong", "pin_old_last"}
    for errand, its in OWN.items():
        said = {one.partition(".")[2] for row in its for one in row if one.startswith(f"{errand}.")}
        assert said <= ends, errand
    for line in QUESTIONS.splitlines():
        if line.startswith("| `"):
            common = set(re.findall(r"`([^`]+)`", line.split("|")[1]))
            assert {one.removeprefix("signature_") for one in common} <= ends, line


@pytest.mark.parametrize("errand", IDS)
def test_each_errand_has_a_file_that_is_linked_and_names_its_own_questions(errand: str) -> None:
    assert "(walk.toml)" in own_page(errand)
    names = {entry.view for entry in load(folder() / errand / "walk.toml").entries} - {
        None,
        "closing.take_card",
    }
    assert len(names) > 1
    assert {str(name).partition(".")[0] for name in names} == {BEGUN_AS.get(errand, errand)}


def test_the_tables_of_errands_are_those_of_their_folders() -> None:
    """Of the errands that a page names: a new one may be listed later."""
    (row,) = write_errands.ROW.findall(text(write_errands.README))
    listed = set(re.findall(r"`(\w+)`", row))
    assert listed <= set(IDS)
    assert row == write_errands.readme_row(listed)
    assert len(listed) > 14


def test_every_refusal_that_an_errand_can_end_with_is_walked_or_shown_elsewhere() -> None:
    everything = {reason for errand in IDS for reason in refusals_of(errand)}
    walked = {walk.reason for walk in REFUSED_WALKS}
    assert len(everything) > 80
    assert everything == walked | set(ELSEWHERE)
    assert not walked & set(ELSEWHERE), "it is walked: no other word is needed"
    assert not [walk for walk in REFUSED_WALKS if walk.reason not in refusals_of(walk.errand)]


def test_what_is_not_walked_is_shown_by_a_story_or_a_test_that_ends_so() -> None:
    stories = {tale.title: tale.reason for tale in errand_stories()}
    stories |= {f"pickup: {tale.title}": tale.reason for tale in PICKUP_STORIES}
    for reason, shown in ELSEWHERE.items():
        path, _, test = shown.shown_by.partition("::")
        if test:
            source = text(ROOT / path)
            assert f"def {test}(" in source, shown
            assert reason in source, shown
        else:
            assert stories.get(shown.shown_by) == reason, shown
