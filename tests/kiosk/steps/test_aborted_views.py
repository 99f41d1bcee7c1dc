"""What is said when an errand ended by itself: one look for each code that the card may have now."""

import pytest

from kiosk.ports import CodeThatApplies
from kiosk.steps import aborted_views


@pytest.mark.parametrize(("code", "badge"), [("before", "warning"), ("new", "success"), ("unknown", "failure")])
def test_a_pulled_card_has_the_badge_of_the_code_that_applies(code: CodeThatApplies, badge: str) -> None:
    """Whether the errand goes on with the same card, or is over."""
    assert aborted_views.pulled(code).badge == badge
    assert aborted_views.pulled_for_good(code).badge == badge


def test_a_card_that_was_written_and_is_gone_is_no_good_end() -> None:
    assert aborted_views.another_card("new").badge == "warning"
    assert aborted_views.another_card("unknown").badge == "failure"


@pytest.mark.parametrize(("code", "asks"), [("before", "same_card"), ("new", "try"), ("unknown", "same_card")])
def test_the_drawing_says_what_the_card_is_wanted_for(code: CodeThatApplies, asks: str) -> None:
    caption = aborted_views.pulled(code).drawing_text
    assert caption is not None
    assert caption.key == f"closing.pulled.{asks}"


@pytest.mark.parametrize(("code", "keeps"), [("before", False), ("new", True), ("unknown", False)])
def test_a_card_that_has_its_new_code_keeps_its_letter(code: CodeThatApplies, keeps: bool) -> None:
    """The PUK is the same (design, 21)."""
    note = aborted_views.pulled(code).note
    assert (note is not None and getattr(note.text, "key", "") == "done.keep") == keeps
