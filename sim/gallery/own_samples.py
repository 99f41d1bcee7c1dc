"""Samples of the errands with the card that one has: change the code, unlock the card, order a letter."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Role
from kiosk.errands.change_pin import views as change_views
from kiosk.errands.change_pin.journey import CARD, CONTEXT, NEW, OLD
from kiosk.errands.check_card import views as check_views
from kiosk.errands.check_card.journey import CARD as FIRST
from kiosk.errands.check_card.journey import CONTEXT as CHECK
from kiosk.errands.check_card.journey import FOUND, TEST
from kiosk.errands.unblock import views as unblock_views
from kiosk.errands.unblock.journey import CARD as LOCKED
from kiosk.errands.unblock.journey import CONTEXT as UNLOCKED
from kiosk.errands.unblock.journey import LETTER
from kiosk.findings import RULES, Finding
from kiosk.findings.known import Args
from kiosk.issuer.ports import SwitchOff
from kiosk.receipts import Receipt
from kiosk.steps import card_views, own_card_views
from kiosk.steps.context import Whose
from kiosk.steps.identity import proof_views
from kiosk.steps.pin import views as pin_views
from kiosk.views import View, say

ARGUMENTS: Args = {
    "label": "Identifiering",
    "use": say("finding.use.identification"),
    "day": "3 dec 2026",
    "from": "1 dec 2026",
    "left": say("finding.left.days", days=12),
    "issuer": "CN=Exempel Person CA v1",
}
SWITCHED_OFF = {
    "sv": "Kort som delades ut i våras byts i december. Du får ett brev. Ditt kort gäller så länge.",
    "en": "Cards handed out this spring are replaced in December. You get a letter. Your card is valid until then.",
}
BOTH = (Role.IDENTIFICATION, Role.SIGNATURE)


def own_samples(card: CardFacts, whose: Whose, receipt: Receipt) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    code = own_card_views.code(OLD, card)
    yield "change-insert", own_card_views.insert(CARD, None)
    yield "change-which", change_views.which(CARD, one_code=True)
    yield "change-pin", code.entry
    yield "change-pin-wrong", code.wrong(2)
    yield "change-pin-last", code.last
    yield "change-locked", code.locked.view
    yield "change-same", change_views.same_as_old(NEW)
    yield "change-too-easy", change_views.too_easy(NEW)
    yield "change-locked-late", change_views.locked(NEW).view
    yield "change-done", own_card_views.done(CONTEXT, *change_views.done(BOTH), receipt)
    yield "check-card", check_views.card(FIRST, whose, card)
    yield "check-card-long-issuer", check_views.card(FIRST, whose, _from_a_long_named_issuer(card))
    yield "check-certificates", check_views.certificates(FIRST, card)
    yield "check-certificate", check_views.certificate(FIRST, card.certificates[0])
    for rule in RULES:
        found = Finding(rule.code, rule.errand, rule.who, ARGUMENTS)
        yield f"check-{rule.code}", check_views.finding(FOUND, found, mends=rule.errand is not None)
    yield "check-test", check_views.offer_test(TEST, card.pins[0])
    yield "check-done", own_card_views.done(CHECK, *check_views.done((), tested=True), None)
    yield "unblock-locked", unblock_views.locked(LOCKED, BOTH[:1])
    yield "unblock-locked-both", unblock_views.locked(LOCKED, BOTH)
    yield "unblock-not-locked", unblock_views.not_locked(LOCKED)
    yield "unblock-administrator", unblock_views.administrator_only(LOCKED)
    yield "unblock-not-here", unblock_views.not_here(LOCKED).view
    yield "unblock-puk-dead", unblock_views.puk_dead(LOCKED).view
    yield "unblock-switched-off", card_views.switched_off(LOCKED, SwitchOff("batch", "1-2", SWITCHED_OFF)).view
    yield "unblock-done", own_card_views.done(UNLOCKED, *unblock_views.done(), receipt)
    yield "unblock-old-code", pin_views.old_code_applies(LOCKED)
    yield "unblock-old-code-forgotten", pin_views.forgotten(LOCKED).view
    yield "unblock-done-old-code", own_card_views.done(UNLOCKED, *unblock_views.done(new=False), receipt)
    yield "proving", proof_views.proving(OLD)
    for stopped in (
        proof_views.not_genuine(OLD),
        proof_views.did_not_sign(OLD),
        proof_views.proves_nobody(OLD),
    ):
        yield f"proving-{stopped.reason.replace('_', '-')}", stopped.view
    yield "letter", unblock_views.order(LETTER, whose)
    yield "letter-ordering", unblock_views.ordering(LETTER)
    yield "letter-home", unblock_views.ordered(LETTER, date(2026, 12, 3), "home")
    yield "letter-office", unblock_views.ordered(LETTER, date(2026, 12, 3), "office")
    yield "letter-declined", unblock_views.declined(LETTER).view
    yield "letter-unavailable", unblock_views.unavailable(LETTER).view


def _from_a_long_named_issuer(card: CardFacts) -> CardFacts:
    """As the names of issuing authorities are in practice."""
    return replace(card, certificates=(replace(card.certificates[0], issuer="CN=Exempel e-id Person HSA-id 3 CA v1"),))
