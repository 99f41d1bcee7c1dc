"""An issuer without a hold: the station promises no more than it does, and says who blocks the card, and when."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from kiosk.errands.report_lost import views as report_views
from kiosk.errands.report_lost.journey import CONTEXT, SURE
from kiosk.errands.return_card import views as return_views
from kiosk.region import BothLanguages, WithoutHold
from kiosk.screens.speech import spoken_sentences
from kiosk.screens.words import ScreenTexts
from kiosk.steps import blocking_views
from kiosk.steps.context import Subject
from kiosk.steps.view_helpers import done_by
from kiosk.texts import Texts
from kiosk.views import View

NOW = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
INSTEAD = WithoutHold(by=BothLanguages(sv="ID-administratören på kontoret", en="the office"), hours=24)
CARD = Subject("9999000010260001", "", None)


def said(view: View[Any]) -> str:
    return spoken_sentences(view, ScreenTexts(Texts.load(), "sv"))


@pytest.mark.parametrize("what", ["lost", "stolen", "forgotten"])
def test_nothing_is_promised_that_the_issuer_cannot_do(what: str) -> None:
    told = said(blocking_views.sure(SURE, CARD, what, blocks=False, instead=INSTEAD))
    assert "slutar fungera genast" not in told
    assert "Utgivaren kan inte stoppa det" in told
    assert ("inom 24 timmar" in told, "ID-administratören på kontoret" in told) == ((what != "forgotten"),) * 2
    assert "Utgivaren kan inte" not in said(blocking_views.sure(SURE, CARD, what, blocks=False))


@pytest.mark.parametrize(
    "view",
    [
        report_views.how(CONTEXT, holds=False), return_views.know_code(CONTEXT, holds=False),
        return_views.confirm(CONTEXT, CARD, "marks"), return_views.done(CONTEXT, "marked"),
        blocking_views.done(CONTEXT, "mark_queued", police=True), return_views.done(CONTEXT, "mark_queued"),
    ],
    ids=lambda view: view.name,
)  # fmt: skip
def test_no_screen_on_the_way_says_that_it_is_put_on_hold(view: View[Any]) -> None:
    told = said(view)
    assert not re.search(r"stoppas (genast|så)|(?<!inte )stoppat", told), told


def test_who_blocks_it_and_when_stands_on_the_last_screen() -> None:
    told = said(
        blocking_views.done(CONTEXT, "marked", police=True, blocked_by=done_by("lost_done.marked.by", INSTEAD, NOW))
    )
    when = f"klockan {NOW.astimezone():%H.%M}"  # a day later
    assert [part for part in ("inte stoppat", "ID-administratören på kontoret", when) if part not in told] == []
    assert "spärras senast" not in said(blocking_views.done(CONTEXT, "marked", police=False))
