"""Samples of returning and reporting a card."""

from collections.abc import Iterator
from typing import Any

from kiosk.errands.report_lost import views as lost_views
from kiosk.errands.report_lost.journey import CONTEXT as LOST
from kiosk.errands.report_lost.journey import SURE, WHAT, WHICH
from kiosk.errands.return_card import views as return_views
from kiosk.errands.return_card.journey import CARD, CONTEXT, DROP, WHY
from kiosk.region import general
from kiosk.steps import blocking_views
from kiosk.steps.context import Whose
from kiosk.steps.identity import printed_number_views
from kiosk.views import View

OUTCOMES = ("blocked", "held", "block_queued", "hold_queued")
DIGITS = 16


def blocking_samples(whose: Whose) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    yield from _return(whose)
    yield from _lost(whose)


def _return(whose: Whose) -> Iterator[tuple[str, View[Any]]]:
    yield "return-insert", return_views.insert(CARD, None)
    yield "return-know-code", return_views.know_code(CARD)
    yield "return-take", return_views.take(CARD)
    yield "return-number", printed_number_views.number(CARD, DIGITS)
    yield "return-looking-up", printed_number_views.looking_up(CARD)
    yield "return-not-known", printed_number_views.not_known(CARD, whose.card_number)
    yield "return-no-such-card", printed_number_views.no_such_card(CARD).view
    yield "return-why", return_views.why(WHY)
    yield "return-keep", return_views.keep(WHY)
    yield "return-kept", return_views.kept(CONTEXT)
    yield "return-confirm", return_views.confirm(WHY, whose, blocks=True)
    yield "return-confirm-hold", return_views.confirm(WHY, whose, blocks=False)
    yield "return-drop", return_views.drop(DROP, whose.card_number)
    yield "return-stuck", return_views.stuck(DROP).view
    yield "return-not-dropped", return_views.not_dropped(DROP).view
    yield "return-telling", blocking_views.telling(DROP)
    for came in (*OUTCOMES, "was_blocked", "not_told"):
        yield f"return-done-{came.replace('_', '-')}", return_views.done(CONTEXT, came)


def _lost(whose: Whose) -> Iterator[tuple[str, View[Any]]]:
    yield "lost-what", lost_views.what(WHAT)
    yield "lost-how", lost_views.how(WHICH)
    yield "lost-block", blocking_views.sure(SURE, whose, "lost", blocks=True)
    yield "lost-hold", blocking_views.sure(SURE, whose, "forgotten", blocks=False)
    yield "lost-hold-first", blocking_views.sure(SURE, whose, "lost", blocks=False)
    yield "lost-really", blocking_views.really(SURE, whose)
    yield "lost-lifting", lost_views.lifting(WHICH)
    yield "lost-not-held", lost_views.not_held(WHICH, "active").view
    yield "lost-lift-by-administrator", lost_views.lifted_by_administrator(WHICH).view
    yield "lost-too-many", printed_number_views.too_many_reports(WHICH).view
    yield "lost-lift-declined", lost_views.lift_declined(WHICH).view
    yield "lost-lift-unavailable", lost_views.lift_unavailable(WHICH).view
    for reason in ("card_blocked", "unknown_card", "other"):
        yield f"lost-declined-{reason.replace('_', '-')}", blocking_views.declined(SURE, reason).view
    for came in OUTCOMES:
        yield (
            f"lost-done-{came.replace('_', '-')}",
            blocking_views.done(LOST, came, police=True, block_line=general().block_line),
        )
