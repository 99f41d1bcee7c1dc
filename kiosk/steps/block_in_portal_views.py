"""The views of a block that an administrator makes in the issuer's portal, with the person there."""

from datetime import datetime

from kiosk.issuer.ports import LoggedIn
from kiosk.region import ByPeople
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.pin.from_portal_views import CARRIED_S
from kiosk.steps.view_helpers import done_by, group_digits, primary_button
from kiosk.views import Await, Button, Choose, Confirm, Fact, Option, Point, ReaderDrawing, Tell, say


def offer(context: ViewContext, instead: ByPeople, now: datetime) -> Choose:
    """The card is marked. An administrator who is here blocks it now, or somebody does so later."""
    return Choose(
        **context.head("portal_offer", say("portal_block.offer.title"), say("portal_block.offer.lead")),
        options=(
            Option("administrator", say("portal_block.here"), say("portal_block.here.detail"), "account-check-outline"),
            Option(
                "later", say("portal_block.later"), done_by("portal_block.later.detail", instead, now), "timer-sand"
            ),
        ),
    )


def take_own(context: ViewContext) -> Await:
    """The one reader is the administrator's now."""
    return Await(
        **context.head("portal_take_own", say("portal_block.take.title"), say("portal_block.take.lead")),
        drawing=ReaderDrawing("out"),
        waits_for=say("wait.taken"),
    )


def block(context: ViewContext, whose: CardHolder, administrator: LoggedIn) -> Confirm:
    """The administrator blocks it there, and says so here."""
    return Confirm(
        **context.head("portal_block", say("portal_block.title")),
        attended_by=administrator.name,
        points=(
            Point(say("portal_block.do"), say("portal_block.do.detail"), bullet="number"),
            Point(say("portal_block.say"), say("portal_block.say.detail"), bullet="number"),
        ),
        facts=(Fact(say("fact.card"), group_digits(whose.card_number)),),
        warning=say("sure.block.warning"),
        way_out=Button("later", say("portal_block.not_now"), "timer-sand"),
        primary=primary_button("blocked", "portal_block.go", "check"),
        idle_s=CARRIED_S,
    )


def not_noted(context: ViewContext) -> Tell:
    """The server did not take the administrator's word. What was done in the portal is done."""
    return Tell(
        **context.head("portal_not_noted", say("portal_block.not_noted.title"), say("portal_block.not_noted.lead")),
        badge="warning",
        badge_icon="cloud-off-outline",
        points=(Point(say("portal_block.not_noted.do"), bullet="number"),),
        primary=primary_button("next", "button.next"),
    )
