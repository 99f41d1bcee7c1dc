"""Samples of renewing a certificate."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.renew_certificate.journey import CARD, CONTEXT, WRITE
from kiosk.issuer.ports import Offer
from kiosk.region import BothLanguages, ByPeople
from kiosk.steps import own_card_views
from kiosk.steps.certificate import card_write_views, from_portal_views
from kiosk.steps.certificate import views as certificate_views
from kiosk.steps.certificate.issuance import Renewal
from kiosk.views import View
from sim.gallery.made_up import CARD_FACTS, ORDER, RECEIPT, TIME

OFFERED = "2031-11-25"
BY_HAND = Offer("identification", 3, OFFERED, by_hand=True)


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield from _renew()
    yield from _by_people()
    yield from _writing()


def _renew() -> Iterator[tuple[str, View[Any]]]:
    present = CARD_FACTS.certificates[0]
    log_in = Renewal(Offer("identification", 3, OFFERED), "identification", present)
    signature = Renewal(Offer("signature", 3, OFFERED), "signature", replace(present, purpose="signature"))
    yield "renew-asking", certificate_views.asking(CARD)
    yield "renew-which", certificate_views.which(CARD, (log_in, signature))
    yield "renew-begin", certificate_views.begin(CARD, ORDER, log_in)
    yield "renew-again", certificate_views.begin(CARD, ORDER, replace(log_in, fetched=present))
    yield "renew-begin-by-hand", certificate_views.begin(CARD, ORDER, replace(log_in, offer=BY_HAND))
    yield "renew-old", certificate_views.old(WRITE, present)
    for old in get_args(certificate_views.OldIs):
        yield f"renew-done-{old}", own_card_views.done(CONTEXT, *certificate_views.done(present, old), RECEIPT)
    for stopped in (
        CARD.stop("not_writable"), certificate_views.not_offered(CARD), CARD.stop("use_reserve"),
        CARD.stop("no_proof"), certificate_views.too_early(CARD, datetime(2026, 12, 3, tzinfo=UTC)),
    ):  # fmt: skip
        yield f"renew-{stopped.reason.replace('_', '-')}", stopped.view


def _by_people() -> Iterator[tuple[str, View[Any]]]:
    card_office, now = ByPeople(by=BothLanguages(sv="Kortkontoret", en="The card office"), hours=24), TIME
    yield "renew-portal", from_portal_views.waiting(WRITE, ORDER, card_office, now)
    yield "renew-portal-somebody", from_portal_views.waiting(WRITE, ORDER, None, now)
    yield "renew-portal-comes-back", from_portal_views.comes_back(WRITE, card_office, now).view


def _writing() -> Iterator[tuple[str, View[Any]]]:
    for now in card_write_views.TASKS:
        yield f"renew-{now}", card_write_views.working(WRITE, now)
    yield "renew-pulled", card_write_views.pulled(WRITE, None)
    for stopped in (
        card_write_views.gone(WRITE), WRITE.stop("no_room"), card_write_views.card_refused(WRITE),
        card_write_views.keys_away(WRITE), card_write_views.declined(WRITE),
        WRITE.stop("not_as_offered", ErrandOutcome.FAULT, badge="failure"),
        card_write_views.new_failed(WRITE, gone=True), card_write_views.new_failed(WRITE, gone=False),
    ):  # fmt: skip
        yield f"renew-{stopped.reason.replace('_', '-')}", stopped.view
