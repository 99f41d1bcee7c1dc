"""The station's pad takes a PUK of the length that the card has."""

import pytest

from drivers.reader.model import Pin
from drivers.reader.outcomes import Role
from kiosk.steps.context import ViewContext
from kiosk.steps.pin import views
from kiosk.texts import Texts
from sim.gallery.made_up import ORDER

CONTEXT = ViewContext("unblock").at(2, 3)


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [(8, 8, "Åtta siffror."), (6, 6, "6 siffror."), (16, 16, "16 siffror."), (6, 8, "6 till 8 siffror.")],
)
def test_the_pad_is_as_long_as_the_puk_and_says_so(least: int, most: int, words: str) -> None:
    view = views.puk(CONTEXT, ORDER, Pin("02", "PUK", Role.PUK, 2, 5, "ok", least, most, entry_min_length=least))
    assert (view.min_length, view.max_length) == (least, most)
    lead = view.lead[0]
    assert Texts.load().catalogues["sv"][lead.key].format(**dict(lead.args)).startswith(words)


def test_of_a_card_that_says_nothing_of_its_puk_eight_digits_are_asked_for() -> None:
    view = views.puk(CONTEXT, ORDER, None)
    assert (view.min_length, view.max_length) == (8, 8)
