"""The views of setting a code with an administrator in place of the envelope."""

from dataclasses import replace

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import LATE, RequestDeclined, Unavailable
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.identity.administrator_views import log_in_expired
from kiosk.steps.identity.identification import Identification
from kiosk.steps.pin import views
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import Await, Busy, Confirm, Point, ReaderDrawing, say


def take_own(context: ViewContext, *, own: bool = False) -> Await:
    """The one reader is the administrator's for a while; `own`: for another card of the holder's."""
    return Await(
        **context.head(
            "take_out" if own else "take_own",
            say("own_take.title") if own else say("administered_take.title"),
            say("own_take.lead") if own else say("administered_take.lead"),
        ),
        drawing=ReaderDrawing("out"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def write(context: ViewContext, whose: CardHolder, identity: Identification) -> Confirm:
    """Return the view that says what writing the code will do, and who attends."""
    usual = views.write(context, whose)
    two_names = Point(say("write.two_names"), say("write.two_names.detail"), icon="account-check-outline")
    return replace(
        usual,
        attended_by=identity.administrator.name if identity.administrator else None,
        points=(*usual.points[:2], two_names),
    )


def asking(context: ViewContext) -> Busy:
    """The issuer is asked for what this card needs."""
    return Busy(**context.head("asking", say("administered_asking.title"), say("administered_asking.lead")))


def log_in_at_the_server(context: ViewContext) -> StopError:
    """The list let the administrator in; to answer for a card the server has to know them."""
    return context.stop("unblock_offline", ErrandOutcome.FAULT, icon="cloud-off-outline")


def not_answered(context: ViewContext, why: RequestDeclined | Unavailable) -> StopError:
    """Nobody answered for the card, or the issuer declines. Nothing has happened to it."""
    if why.reason in LATE:
        return log_in_expired(context)
    if isinstance(why, RequestDeclined):
        return context.stop("unblock_declined", icon="lock-alert-outline")
    return context.stop("unblock_offline", ErrandOutcome.FAULT, icon="cloud-off-outline")
