"""Samples of reporting a card."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.report_lost import views
from kiosk.errands.report_lost.journey import CONTEXT, SURE, WHAT, WHICH
from kiosk.region import BothLanguages, WithoutHold, general
from kiosk.steps import block_in_portal_views as portal_views
from kiosk.steps import blocking_views
from kiosk.steps.view_helpers import done_by
from kiosk.views import View
from sim.gallery.made_up import ADMINISTRATOR, ORDER

OUTCOMES = ("blocked", "held", "marked", "block_queued", "hold_queued", "mark_queued")
OFFICE = {"sv": "ID-administratören på kontoret", "en": "The ID administrator at the office"}
INSTEAD = WithoutHold(by=BothLanguages(**OFFICE), hours=24)
BY = done_by("lost_done.marked.by", INSTEAD, datetime(2026, 12, 2, 8, 0, tzinfo=UTC))


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "lost-what", views.what(WHAT)
    yield "lost-how", views.how(WHICH)
    yield "lost-how-marked", views.how(WHICH, holds=False)
    yield "lost-block", blocking_views.sure(SURE, ORDER, "lost", blocks=True)
    yield "lost-block-several", blocking_views.sure(SURE, ORDER, "lost", blocks=True, several=True)
    yield "lost-hold", blocking_views.sure(SURE, ORDER, "forgotten", blocks=False)
    yield "lost-hold-first", blocking_views.sure(SURE, ORDER, "lost", blocks=False)
    for happened in ("lost", "forgotten"):
        yield f"lost-mark-{happened}", blocking_views.sure(SURE, ORDER, happened, blocks=False, instead=INSTEAD)
    yield "portal-block-offer", portal_views.offer(SURE, INSTEAD, datetime(2026, 12, 2, 8, 0, tzinfo=UTC))
    yield "portal-block-take", portal_views.take_own(SURE)
    yield "portal-block", portal_views.block(SURE, ORDER, ADMINISTRATOR)
    yield "portal-block-not-noted", portal_views.not_noted(SURE)
    yield "lost-done-marked-by", blocking_views.done(CONTEXT, "marked", police=True, blocked_by=BY)
    yield "lost-really", blocking_views.really(SURE, ORDER)
    yield "lost-lifting", views.lifting(WHICH)
    yield "lost-not-held", views.not_held(WHICH, "active").view
    yield "lost-lift-by-administrator", WHICH.stop("lift_by_administrator", icon="account-check-outline").view
    yield "lost-too-many", WHICH.stop("too_many_reports", icon="alert-outline").view
    yield "lost-found-elsewhere", WHICH.stop("found_elsewhere", icon="card-search-outline").view
    yield "lost-lift-declined", WHICH.stop("lift_declined").view
    yield "lost-lift-unavailable", WHICH.stop("lift_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline").view
    for reason in ("card_blocked", "unknown_card", "other"):
        yield f"lost-declined-{reason.replace('_', '-')}", blocking_views.declined(SURE, reason).view
    for came in OUTCOMES:
        yield (
            f"lost-done-{came.replace('_', '-')}",
            blocking_views.done(CONTEXT, came, police=True, block_line=general().block_line),
        )
