"""Samples of checking a card."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from drivers.reader.model import CardFacts
from fleet.messages.vocabulary import FindingCode
from kiosk.errands.check_card import views
from kiosk.errands.check_card.computer import certificate_choices, computer
from kiosk.errands.check_card.journey import CARD, CONTEXT, FOUND, TEST
from kiosk.findings import RULES, CardFinding
from kiosk.findings.known import Args
from kiosk.region import NearestStation, general
from kiosk.steps.information_page import information_page
from kiosk.steps.pin.card_test_views import Untested
from kiosk.views import View, say
from sim.gallery.made_up import CARD_FACTS, ORDER, TIME

ARGUMENTS: Args = {
    "label": "Identifiering",
    "why": say("puk_floor.counted"),
    "use": say("finding.use.identification"),
    "day": "3 dec 2026",
    "from": "1 dec 2026",
    "left": say("finding.left.days", days=12),
    "within": say("finding.within.days", days=12),
    "how": say("finding.not_activated.attended"),
    "until": say("finding.not_handed_over.within", within=say("finding.within.days", days=12)),
    "issuer": "Exempel Person CA v1",
}


UNTESTED: tuple[Untested, ...] = ("not_signable", "other_code")


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "check-card", views.card(CARD, ORDER, CARD_FACTS)
    yield "check-card-long-issuer", views.card(CARD, ORDER, _from_a_long_named_issuer(CARD_FACTS))
    yield "check-certificates", views.certificates(CARD, CARD_FACTS)
    yield "check-certificate", views.certificate(CARD, CARD_FACTS.certificates[0])
    for rule in RULES:
        finding = CardFinding(rule.code, rule.errand, rule.who, ARGUMENTS, rule.works)
        yield f"check-{rule.code}", views.finding(FOUND, finding, mends=rule.errand is not None)
    ending = CardFinding(FindingCode.CERTIFICATE_EXPIRES_SOON, "renew_certificate", "holder", ARGUMENTS, works=True)
    there = NearestStation("Sjukhuset, hus B, plan 2", 140, "08-000 00 00")
    yield "check-expires-soon-elsewhere", views.finding(FOUND, ending, nearest=there)
    yield "check-test", views.offer_test(TEST, CARD_FACTS.pins[0])
    yield "check-done", views.end(CONTEXT, *views.done((), tested=True), tested=True, computer=True)
    choices = certificate_choices(_with_two_alike(CARD_FACTS), TIME)
    yield (
        "check-computer",
        computer(
            CONTEXT,
            choices,
            "\n".join(f"{choice.issuer} {choice.last} {choice.serial_end}" for choice in choices),
            more=True,
        ),
    )
    page = next(page for page in general().shown_pages if page.id == "certificates")
    yield "check-page-certificates", information_page(CONTEXT, page)
    for reason in UNTESTED:
        words = views.done((), tested=False, untested=reason)
        yield f"check-untested-{reason.replace('_', '-')}", views.end(CONTEXT, *words, tested=False, computer=True)


def _with_two_alike(card: CardFacts) -> CardFacts:
    """One for logging in and one for signatures, of one issuer and made on one day."""
    (first,) = _from_a_long_named_issuer(card).certificates
    named = replace(first, serial="3A6F01C25D21F9A1")
    return replace(card, certificates=(named, replace(named, id="46", purpose="signature", serial="3A6F01C25D21F9A2")))


def _from_a_long_named_issuer(card: CardFacts) -> CardFacts:
    """As the names of issuing authorities are in practice."""
    return replace(
        card, certificates=(replace(CARD_FACTS.certificates[0], issuer="CN=Exempel e-id Person HSA-id 3 CA v1"),)
    )
