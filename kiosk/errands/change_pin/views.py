"""The views of changing a code: which one, what is wrong with a new one, and the end."""

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import ViewContext
from kiosk.steps.pin.card_test_views import Untested, untested_lead
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Choose, Option, Point, Say, Tell, say


def which(context: ViewContext, *, one_code: bool) -> Choose:
    """A card with two codes: one of them, or one new code for both."""
    both = (Option("both", say("which_code.both"), say("which_code.both.detail"), "form-textbox-password"),)
    return Choose(
        name=context.name("which_code"),
        errand=context.title,
        step=context.step,
        title=say("which_code.title"),
        lead=(say("which_code.lead"),),
        options=(
            *(both if one_code else ()),
            Option(
                "identification",
                say("which_code.identification"),
                say("which_code.identification.detail"),
                "account-check-outline",
            ),
            Option("signature", say("which_code.signature"), say("which_code.signature.detail"), "check"),
        ),
        way_out=cancel_button(),
    )


def same_as_old(context: ViewContext) -> Tell:
    """The new code is the old one."""
    return _again(context, "same_as_old")


def too_easy(context: ViewContext) -> Tell:
    """The station knows something of the holder that makes the code easy to guess: a birth date."""
    return _again(context, "too_easy")


def locked(context: ViewContext) -> StopError:
    """The code got locked on the way."""
    return stop(context, ErrandOutcome.REFUSED, "card_locked", icon="lock-alert-outline")


def _again(context: ViewContext, what: str) -> Tell:
    return Tell(
        name=context.name(what),
        errand=context.title,
        step=context.step,
        badge="warning",
        badge_icon="alert",
        title=say(f"new_code.{what}.title"),
        lead=(say(f"new_code.{what}.lead"),),
        points=(Point(say(f"new_code.{what}.do"), mark="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
        needs_card=True,
    )


def done(changed: tuple[object, ...], untested: Untested | None = None) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end."""
    if untested is not None:
        return say("change_done.title"), (say("change_done.untested"), *untested_lead(untested))
    return say("change_done.title"), (say("change_done.both" if len(changed) > 1 else "change_done.lead"),)
