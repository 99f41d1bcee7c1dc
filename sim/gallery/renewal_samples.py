"""Samples of renewing a certificate, of a certificate to a reserve card, and of cleaning a card up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args

from drivers.reader.model import CardFacts
from kiosk.errands.clean_up.journey import SURE, WHICH
from kiosk.errands.renew_certificate.journey import CARD, CONTEXT, WRITE
from kiosk.errands.reserve_certificate import views as reserve_views
from kiosk.errands.reserve_certificate.journey import CARD as SPARE
from kiosk.errands.reserve_certificate.journey import WHO
from kiosk.issuer.ports import Offer
from kiosk.receipts import Receipt
from kiosk.steps import blocking_views, own_card_views
from kiosk.steps.certificate import card_write_views, removal_views
from kiosk.steps.certificate import views as certificate_views
from kiosk.steps.certificate.issuance import Renewal
from kiosk.steps.certificate.removal import Removable
from kiosk.steps.context import Whose
from kiosk.views import View

LAST, OFFERED = date(2027, 3, 31), "2031-11-25"


def renewal_samples(card: CardFacts, whose: Whose, receipt: Receipt) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    yield from _renew(card, whose, receipt)
    yield from _writing()
    yield from _reserve(whose)
    yield from _clean(card)
    yield "clean-block", blocking_views.sure(SURE, whose, "own_wish", blocks=True)
    yield "clean-really", blocking_views.really(SURE, whose)


def _renew(card: CardFacts, whose: Whose, receipt: Receipt) -> Iterator[tuple[str, View[Any]]]:
    present = card.certificates[0]
    log_in = Renewal(Offer("identification", 3, OFFERED), "identification", present)
    signature = Renewal(Offer("signature", 3, OFFERED), "signature", replace(present, purpose="signature"))
    yield "renew-asking", certificate_views.asking(CARD)
    yield "renew-which", certificate_views.which(CARD, (log_in, signature))
    yield "renew-begin", certificate_views.begin(CARD, whose, log_in)
    yield "renew-again", certificate_views.begin(CARD, whose, replace(log_in, fetched=present))
    yield "renew-old", certificate_views.old(WRITE, present)
    for old in get_args(certificate_views.OldIs):
        yield f"renew-done-{old}", own_card_views.done(CONTEXT, *certificate_views.done(present, old), receipt)
    for stopped in (
        certificate_views.not_writable(CARD), certificate_views.not_offered(CARD), certificate_views.use_reserve(CARD),
        certificate_views.no_proof(CARD), certificate_views.too_early(CARD, datetime(2026, 12, 3, tzinfo=UTC)),
    ):  # fmt: skip
        yield f"renew-{stopped.reason.replace('_', '-')}", stopped.view


def _writing() -> Iterator[tuple[str, View[Any]]]:
    for now in card_write_views.TASKS:
        yield f"renew-{now}", card_write_views.working(WRITE, now)
    yield "renew-pulled", card_write_views.pulled(WRITE, None)
    for stopped in (
        card_write_views.gone(WRITE), card_write_views.no_room(WRITE), card_write_views.card_refused(WRITE),
        card_write_views.keys_away(WRITE), card_write_views.declined(WRITE), card_write_views.not_as_offered(WRITE),
        card_write_views.new_failed(WRITE, gone=True), card_write_views.new_failed(WRITE, gone=False),
    ):  # fmt: skip
        yield f"renew-{stopped.reason.replace('_', '-')}", stopped.view


def _reserve(whose: Whose) -> Iterator[tuple[str, View[Any]]]:
    yield "reserve-phased-out", reserve_views.phased_out(WHO, LAST)
    yield "reserve-who", reserve_views.who(WHO)
    yield "reserve-level", reserve_views.level(WHO)
    yield "reserve-insert-own", reserve_views.insert_own(WHO, None)
    yield "reserve-take-own", reserve_views.take_own(WHO)
    yield "reserve-insert", reserve_views.insert(SPARE, None)
    yield "reserve-begin", reserve_views.begin(SPARE, whose, Offer("reserve", 2, LAST.isoformat()))
    for stopped in (
        reserve_views.own_not_valid(WHO), reserve_views.no_reserve_card(SPARE), reserve_views.other_person(SPARE),
        reserve_views.two_administrators(SPARE),
    ):  # fmt: skip
        yield f"reserve-{stopped.reason.replace('_', '-')}", stopped.view


def _clean(card: CardFacts) -> Iterator[tuple[str, View[Any]]]:
    present = card.certificates[0]
    old = (Removable(present, "expired"), Removable(replace(present, purpose="signature"), "superseded"))
    yield "clean-which", removal_views.which(WHICH, old, writable=True)
    yield "clean-which-not-writable", removal_views.which(WHICH, old, writable=False)
    yield "clean-nothing", removal_views.which(WHICH, (), writable=True)
    yield "clean-sure", removal_views.sure(WHICH, old[0])
    yield "clean-removing", removal_views.removing(WHICH)
    yield "clean-stays", removal_views.stays(WHICH)
    for removed in range(3):
        yield f"clean-done-{removed}", own_card_views.done(WHICH, *removal_views.done(removed), None)
