"""The views of checking a card: what is on it, its certificates, what is wrong, and the test."""

from collections.abc import Sequence
from dataclasses import replace

from drivers.reader.model import CardFacts, Certificate, Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import FindingCode
from kiosk.findings import CardFinding
from kiosk.region import NearestStation
from kiosk.steps import own_card_views
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.pin.card_test_views import Untested, untested_lead
from kiosk.steps.view_helpers import (
    back_button,
    cancel_button,
    common_name,
    date_text,
    display_name,
    group_digits,
    last_digits,
    primary_button,
)
from kiosk.views import Button, CardDrawing, Choose, Confirm, Fact, Option, Point, Say, Tell, say

ALSO_SENT_ON = (FindingCode.LEAVER, FindingCode.NOT_HANDED_OVER, FindingCode.NOT_ACTIVATED)
"""Mended here as a rule, with an administrator's help or word."""
DONE_ALONE = ("unblock", "change_pin", "renew_certificate")
"""Errands that mend a card without anybody else."""
ICONS: dict[str, tuple[FindingCode, ...]] = {
    "lock-alert-outline": (
        FindingCode.PIN_LOCKED,
        FindingCode.NOT_BY_HOLDER,
        FindingCode.LOCKED_READ_ONLY,
        FindingCode.PUK_LOCKED,
        FindingCode.PUK_FLOOR,
    ),
    "smart-card-off-outline": (
        FindingCode.CERTIFICATE_REVOKED,
        FindingCode.BLOCKED,
        FindingCode.LEAVER,
        FindingCode.ON_HOLD,
        FindingCode.NOT_HANDED_OVER,
    ),
    "calendar-clock": (
        FindingCode.CERTIFICATE_EXPIRED,
        FindingCode.CERTIFICATE_NOT_YET_VALID,
        FindingCode.CERTIFICATE_EXPIRES_SOON,
        FindingCode.LOA2_ENDS,
    ),
    "shield-alert-outline": (
        FindingCode.CHAIN_UNTRUSTED,
        FindingCode.NO_IDENTIFICATION,
        FindingCode.KEY_DIFFERS,
        FindingCode.CERTIFICATE_DAMAGED,
        FindingCode.LEVEL_UNKNOWN,
    ),
    "form-textbox-password": (FindingCode.PIN_INITIAL, FindingCode.NOT_ACTIVATED),
    "card-account-details-outline": (
        FindingCode.PRINTED_DIFFERS,
        FindingCode.OTHER_THAN_ORDERED,
        FindingCode.NAME_CHANGED,
        FindingCode.NOT_REGISTERED,
    ),
}
"""By what is wrong: a code, the whole card, a date, trust, a first code, whose it is."""


def card(context: ViewContext, whose: CardHolder, facts: CardFacts) -> Confirm:
    """Return the view of the card: holder, number, level, last day and tries, a line for each that is known."""
    return Confirm(
        **context.head("card", say("card_found.title")),
        facts=tuple(_facts(whose, facts)),
        drawing=CardDrawing(whose.name or "", last_digits(whose.card_number), _issuer(facts)),
        way_out=cancel_button(),
        side=Button("certificates", say("card_found.certificates"), "certificate-outline"),
        primary=primary_button("next", "button.next"),
        needs_card=True,
    )


def _facts(whose: CardHolder, facts: CardFacts) -> list[Fact]:
    lines = [Fact(say("fact.holder"), display_name(whose)), Fact(say("fact.number"), group_digits(whose.card_number))]
    if len(facts.holders) > 1:
        named = ", ".join(holder.organisation or holder.hsa_id for holder in facts.holders)
        lines.append(Fact(say("fact.employers"), named))
    certificate = facts.certificate("identification")
    if certificate is not None:
        if certificate.loa is not None:
            lines.append(Fact(say("fact.level"), f"LoA {certificate.loa}"))
        lines.append(Fact(say("fact.lasts"), date_text(certificate.not_after.astimezone().date())))
    pin = facts.pin(Role.IDENTIFICATION)
    if pin is not None and pin.tries_left is not None:
        left = say("frame.tries.last") if pin.tries_left == 1 else say("frame.tries", left=pin.tries_left)
        lines.append(Fact(say("fact.tries"), left, tone="plain" if pin.tries_left > 1 else "bad"))
    return lines


def _issuer(facts: CardFacts) -> str:
    certificate = facts.certificate("identification")
    return common_name(certificate.issuer) if certificate else ""


def certificates(context: ViewContext, facts: CardFacts) -> Choose:
    """The certificates of the card; the answer is the place of one, or `back`."""
    return Choose(
        **context.head("certificates", say("certificates.title"), say("certificates.lead")),
        options=tuple(
            Option(str(at), _use(certificate), _detail(certificate, several=len(facts.holders) > 1))
            for at, certificate in enumerate(facts.certificates)
        ),
        way_out=back_button(),
        needs_card=True,
    )


def _detail(certificate: Certificate, *, several: bool) -> Say:
    """Its last day; and for which employer, where the card names several."""
    day = say("certificates.detail", day=date_text(certificate.not_after.astimezone().date()))
    return say("employer.strip", errand=day, name=certificate.holder.organisation) if several else day


def certificate(context: ViewContext, card_certificate: Certificate) -> Confirm:
    """One certificate: what it is for, who issued it, how long, and whether it counts here."""
    facts = [
        Fact(say("certificate.issuer"), common_name(card_certificate.issuer)),
        Fact(say("certificate.from"), date_text(card_certificate.not_before.astimezone().date())),
        Fact(say("fact.lasts"), date_text(card_certificate.not_after.astimezone().date())),
        Fact(
            say("certificate.counts"),
            say(f"chain.{card_certificate.chain}"),
            tone="good" if card_certificate.chain == "ok" else "plain",
        ),
    ]
    if card_certificate.loa is not None:
        facts.insert(1, Fact(say("fact.level"), f"LoA {card_certificate.loa}"))
    return Confirm(
        **context.head("certificate", _use(card_certificate)),
        facts=tuple(facts),
        way_out=back_button(),
        needs_card=True,
    )


def _use(certificate: Certificate) -> Say:
    return say("certificate.personal" if certificate.personal else f"certificate.{certificate.purpose}")


def finding(
    context: ViewContext, card_finding: CardFinding, *, mends: bool = False, nearest: NearestStation | None = None
) -> Tell:
    """Return the view that says what is wrong, what it means and what to do. `mends`: the errand that does it can begin
    at once; `nearest`: where it can be had instead."""
    icon = next((icon for icon, codes in ICONS.items() if card_finding.code in codes), "information-outline")
    works = card_finding.who == "nobody" or card_finding.works
    meaning = Point(card_finding.means, bullet="icon" if works else "bad", icon="information-outline" if works else "")
    here = (Point(say("check.mends_here"), bullet="good"),) if mends and card_finding.errand in DONE_ALONE else ()
    there = () if nearest is None else (Point(_at(nearest), bullet="number"),)
    return Tell(
        **context.head(f"finding.{card_finding.code}", card_finding.title),
        badge="warning",
        badge_icon=icon,
        points=(meaning, *here, Point(card_finding.mend, bullet="number"), *there),
        way_out=Button("next", say("check.not_now"), "close") if mends else cancel_button(),
        primary=primary_button("mend", _mending(card_finding)) if mends else primary_button("next", "button.next"),
        needs_card=True,
        sends_on=card_finding.who == "administrator" or card_finding.code in ALSO_SENT_ON,
    )


def _at(nearest: NearestStation) -> Say:
    key = "check.nearest_by_telephone" if nearest.telephone else "check.nearest"
    return say(key, where=nearest.where, metres=nearest.metres, telephone=nearest.telephone)


def _mending(card_finding: CardFinding) -> str:
    return "home.card.found_again" if card_finding.code is FindingCode.ON_HOLD else f"home.{card_finding.errand}"


def offer_test(context: ViewContext, pin: Pin) -> Confirm:
    """A signature with the code, where one wants it: what it shows, and what a wrong code costs."""
    return Confirm(
        **context.head("test", say("test.title")),
        points=(
            Point(say("test.signs"), say("test.signs.detail"), icon="stethoscope"),
            Point(say("test.tries"), say("test.tries.detail"), icon="lock-alert-outline"),
        ),
        way_out=Button("no", say("test.no"), "close"),
        primary=primary_button("test", "test.go"),
        needs_card=True,
    )


def done(
    findings: Sequence[CardFinding], *, tested: bool, untested: Untested | None = None
) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end."""
    wrong = [card_finding for card_finding in findings if card_finding.who != "nobody"]
    if wrong:
        title = say(
            "check_done.works" if tested and all(card_finding.works for card_finding in wrong) else "check_done.found"
        )
    else:
        title = say("check_done.good" if tested else "check_done.looked")
    if untested is not None:
        return title, (say("check_done.code_right"), *untested_lead(untested))
    return title, (say("check_done.tested" if tested else "check_done.untested"),)


def end(context: ViewContext, title: Say, lead: tuple[Say, ...], *, tested: bool, computer: bool) -> Tell:
    """The end. `computer`: which certificate to choose on a computer can be read."""
    side = Button("computer", say("check_done.computer"), "monitor") if computer else None
    return replace(own_card_views.done(context, title, lead, None, tested=tested), side=side)
