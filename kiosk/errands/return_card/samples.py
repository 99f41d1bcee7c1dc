"""Samples of returning a card."""

from collections.abc import Iterator
from typing import Any, get_args

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.return_card import views
from kiosk.errands.return_card.journey import CARD, CONTEXT, DROP, WHY
from kiosk.steps import blocking_views
from kiosk.steps.identity import printed_number_views
from kiosk.steps.receipt_views import ReceiptWay
from kiosk.views import View
from sim.gallery.made_up import CARD_FACTS, ORDER

OUTCOMES = ("blocked", "held", "marked", "block_queued", "hold_queued", "mark_queued")
DIGITS = 16


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "return-insert", views.insert(CARD, None)
    yield "return-know-code", views.know_code(CARD)
    yield "return-take", views.take(CARD)
    yield "return-number", printed_number_views.number(CARD, DIGITS)
    yield "return-looking-up", printed_number_views.looking_up(CARD)
    yield "return-not-known", printed_number_views.not_known(CARD, ORDER.card_number)
    yield "return-no-such-card", CARD.stop("no_such_card").view
    yield "return-why", views.why(WHY)
    yield "return-insert-found", views.insert(CARD, None, is_found=True)
    for after in ("found_held", "found_marked", "found_noted"):
        yield f"return-confirm-{after.replace('_', '-')}", views.confirm(CARD, ORDER, after)
    for came in ("held", "marked", "hold_queued", "mark_queued", "was_blocked", "not_told"):
        yield f"return-done-found-{came.replace('_', '-')}", views.done_found(CONTEXT, f"found_{came}", is_seen=True)
    yield "return-keep", views.keep(WHY)
    yield "return-keep-employers", views.keep(WHY, ("Region Norrsjö", "Älvbro kommun"))
    yield "return-kept", views.kept(CONTEXT)
    yield "return-confirm", views.confirm(WHY, ORDER, "blocks")
    yield "return-know-code-marked", views.know_code(CARD, holds=False)
    yield "return-confirm-mark", views.confirm(WHY, ORDER, "marks")
    yield "return-confirm-hold", views.confirm(WHY, ORDER, "holds")
    yield "return-confirm-by-number", views.confirm(WHY, ORDER, "holds", is_seen=False)
    yield "return-not-ours", views.not_ours(CARD, CARD_FACTS)
    yield "return-confirm-not-ours", views.confirm(WHY, ORDER, "not_ours")
    yield "return-drop", views.drop(DROP, ORDER.card_number, blocks=True)
    yield (
        "return-stuck",
        DROP.stop("drop_stuck", ErrandOutcome.FAULT, badge="failure", icon="archive-arrow-down-outline").view,
    )
    yield (
        "return-unseen",
        DROP.stop("drop_unseen", ErrandOutcome.FAULT, badge="failure", icon="archive-arrow-down-outline").view,
    )
    yield "return-not-dropped", DROP.stop("not_returned").view
    yield "return-telling", blocking_views.telling(DROP)
    for came in (*OUTCOMES, "was_blocked", "not_told"):
        yield f"return-done-{came.replace('_', '-')}", views.done(CONTEXT, came)
    for way in get_args(ReceiptWay)[1:]:
        yield f"return-done-{way}", views.done(CONTEXT, "blocked", way)
    yield "return-done-by-number", views.done(CONTEXT, "held", is_seen=False)
