"""Samples of unlocking a card: with the envelope, by an administrator, or a new letter."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from drivers.reader.model import Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.unblock import views
from kiosk.errands.unblock.views import CARD, CODE, CONTEXT, LETTER
from kiosk.issuer.ports import RequestDeclined, SwitchOff, Unavailable
from kiosk.region import PRODUCT_CODES, BothLanguages, ByPeople
from kiosk.steps import card_views, own_card_views
from kiosk.steps.own_card import HANDS_OVER
from kiosk.steps.pin import by_administrator_views, letter_views
from kiosk.steps.pin import from_portal_views as portal_views
from kiosk.steps.pin import views as pin_views
from kiosk.views import View
from sim.gallery.made_up import ATTENDED, ORDER, RECEIPT, TIME

PUK = Pin("02", "PUK", Role.PUK, 2, None, "unknown", 8, 8, counted=True, below_floor=True)
CHALLENGE = "0F3A91C4D27B60E8355C19AF8842B6D0"
BY_HAND = ByPeople(by=BothLanguages(sv="Kortkontoret", en="The card office"), hours=24)
SWITCHED_OFF = {
    "sv": "Kort som delades ut i våras byts i december. Du får ett brev. Ditt kort gäller så länge.",
    "en": "Cards handed out this spring are replaced in December. You get a letter. Your card is valid until then.",
}


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield from _own()
    yield from _administered()


def _own() -> Iterator[tuple[str, View[Any]]]:
    yield "unblock-insert", views.insert(CARD, None)
    yield "unblock-locked-both", views.locked(CARD)
    yield "unblock-not-locked", views.not_locked(CARD)
    yield "unblock-administrator", views.administrator_only(CARD)
    yield "unblock-take-to-read", views.take_to_read(CARD)
    yield "unblock-product-code", views.product_code(CARD, tuple(rule.code for rule in PRODUCT_CODES))
    yield "unblock-held", views.out_of_use(CARD, is_held=True).view
    yield "unblock-blocked", views.out_of_use(CARD, is_held=False).view
    yield "unblock-reserve", CARD.stop("unblock_reserve", icon="smart-card-off-outline").view
    yield "letter-instead", letter_views.order(LETTER, ORDER, "locked", instead=True)
    yield "unblock-not-here", CARD.stop("not_unblockable", icon="lock-alert-outline").view
    yield "unblock-read-only", CARD.stop("read_only").view
    for errand in (*HANDS_OVER.values(), None):
        name = f"unblock-not-handed-over-{errand or 'here'}"
        yield name, card_views.not_handed_over(CARD, errand, offered=errand is not None)
    yield "unblock-puk-dead", pin_views.puk_locked(CARD).view
    for name, puk in (("counted", PUK), ("told", replace(PUK, counted=False))):
        yield f"unblock-puk-not-sent-{name}", pin_views.puk_not_sent(CARD, puk).view
    yield "unblock-switched-off", card_views.switched_off(CARD, SwitchOff("batch", "1-2", SWITCHED_OFF)).view
    yield "unblock-done", own_card_views.done(CONTEXT, *views.done(), RECEIPT)
    yield "unblock-writing", pin_views.writing(CODE, puk_judged=False)
    yield "unblock-old-code", pin_views.old_code_applies(CARD)
    yield "unblock-old-code-forgotten", CARD.stop("old_code_forgotten", icon="lock-alert-outline").view
    yield "unblock-done-old-code", own_card_views.done(CONTEXT, *views.done(new=False), RECEIPT)
    untested = own_card_views.done(CONTEXT, *views.done(untested="not_signable"), RECEIPT, tested=False)
    yield "unblock-untested", untested
    yield "letter", letter_views.order(LETTER, ORDER, "locked")
    yield "letter-ordering", letter_views.ordering(LETTER)
    yield "letter-home", letter_views.ordered(LETTER, date(2026, 12, 3), "home", "locked")
    yield "letter-office", letter_views.ordered(LETTER, date(2026, 12, 3), "office", "locked")
    yield "letter-noted", letter_views.noted(LETTER, None, TIME, "locked")
    yield "letter-noted-by", letter_views.noted(LETTER, BY_HAND, TIME, "locked")
    yield "letter-declined", LETTER.stop("letter_declined").view
    yield "letter-unavailable", LETTER.stop("letter_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline").view


def _administered() -> Iterator[tuple[str, View[Any]]]:
    yield "unblock-without", letter_views.without(CARD)
    yield "unblock-take-own", by_administrator_views.take_own(CARD)
    yield "unblock-write-attended", by_administrator_views.write(CODE, ORDER, ATTENDED)
    yield "unblock-asking", by_administrator_views.asking(CODE)
    yield "unblock-offline", by_administrator_views.log_in_at_the_server(CODE).view
    yield "unblock-declined", by_administrator_views.not_answered(CODE, RequestDeclined("no_puk")).view
    yield "unblock-away", by_administrator_views.not_answered(CODE, Unavailable()).view
    yield (
        "unblock-key-wrong",
        CODE.stop("unblock_key_wrong", ErrandOutcome.FAULT, badge="failure", icon="lock-alert-outline").view,
    )
    yield "unblock-key-floor", CODE.stop("unblock_key_floor", icon="lock-alert-outline").view
    yield from _from_portal()


def _from_portal() -> Iterator[tuple[str, View[Any]]]:
    context = replace(CODE, attended_by=ATTENDED.administrator.name if ATTENDED.administrator else None)
    yield "portal-asking-card", portal_views.asking_card(context)
    yield "portal-challenge", portal_views.challenge(context, ORDER, CHALLENGE)
    yield "portal-challenge-8", portal_views.challenge(context, ORDER, CHALLENGE[:16])
    yield "portal-response", portal_views.response(context, 32, "hexadecimal", again=False)
    yield "portal-response-decimal", portal_views.response(context, 20, "decimal", again=True)
    yield "portal-compare", portal_views.compare(context, CHALLENGE[::-1], 2)
    yield "portal-compare-last", portal_views.compare(context, CHALLENGE[::-1], 1)
    yield "portal-wrong", portal_views.wrong_response(context, 1)
    yield "portal-puk", portal_views.puk(context, ORDER, None)
    yield "portal-puk-range", portal_views.puk(context, ORDER, replace(PUK, max_length=12))
    yield "portal-puk-wrong", portal_views.wrong_puk(context, ORDER, PUK, 6)
