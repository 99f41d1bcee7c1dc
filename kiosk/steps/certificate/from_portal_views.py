"""The views of a certificate that people make in the issuer's portal: the person waits, or comes back."""

from datetime import datetime

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.region import ByPeople
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.pin.from_portal_views import CARRIED_S
from kiosk.steps.view_helpers import done_by, group_digits, primary_button
from kiosk.views import AboutDrawing, Await, Button, Fact, Say, Tell, say

LATER = "later"


def waiting(context: ViewContext, whose: CardHolder, by_hand: ByPeople | None, now: datetime) -> Await:
    """The request is at the server. Who makes the certificate, and by when; it is written as soon as it is there."""
    return Await(
        **context.head(
            "portal_certificate", say("portal_certificate.title"), _who(by_hand, now), say("portal_certificate.lead")
        ),
        attended_by=context.attended_by,
        facts=(Fact(say("fact.card"), group_digits(whose.card_number), "smart-card-outline"),),
        drawing=AboutDrawing("certificate-outline"),
        waits_for=say("wait.certificate"),
        way_out=Button(LATER, say("portal_certificate.later"), "timer-sand"),
        idle_s=CARRIED_S,
    )


def comes_back(context: ViewContext, by_hand: ByPeople | None, now: datetime) -> StopError:
    """Nothing is wrong: the certificate is fetched in another visit, with the same card."""
    view = Tell(
        **context.ending().head(
            "portal_comes_back",
            say("portal_certificate.asked"),
            _who(by_hand, now),
            say("portal_certificate.back"),
            say("portal_certificate.works"),
        ),
        badge="success",
        badge_icon="certificate-outline",
        primary=primary_button("end", "button.end", "check"),
    )
    return StopError(ErrandOutcome.DONE, "certificate_noted", view)


def _who(by_hand: ByPeople | None, now: datetime) -> Say:
    return say("portal_certificate.somebody") if by_hand is None else done_by("portal_certificate.by", by_hand, now)
