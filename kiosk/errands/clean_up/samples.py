"""Samples of cleaning up a card."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kiosk.errands.clean_up.journey import SURE, WHICH
from kiosk.steps import blocking_views, own_card_views
from kiosk.steps.certificate import removal_views
from kiosk.steps.certificate.removal import Removable
from kiosk.views import View
from sim.gallery.made_up import CARD_FACTS, ORDER


def samples() -> Iterator[tuple[str, View[Any]]]:
    present = CARD_FACTS.certificates[0]
    old = (Removable(present, "expired"), Removable(replace(present, purpose="signature"), "superseded"))
    yield "clean-which", removal_views.which(WHICH, old, writable=True)
    yield "clean-which-not-writable", removal_views.which(WHICH, old, writable=False)
    yield "clean-nothing", removal_views.which(WHICH, (), writable=True)
    yield "clean-sure", removal_views.sure(WHICH, old[0])
    yield "clean-removing", removal_views.removing(WHICH)
    yield "clean-stays", removal_views.stays(WHICH)
    for removed in range(3):
        yield f"clean-done-{removed}", own_card_views.done(WHICH, *removal_views.done(removed), None)
    yield "clean-block", blocking_views.sure(SURE, ORDER, "own_wish", blocks=True)
    yield "clean-really", blocking_views.really(SURE, ORDER)
