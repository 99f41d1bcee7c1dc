"""The views of changing a code: which one, what is wrong with a new one, and the end."""

from kiosk.steps.context import ViewContext
from kiosk.steps.pin.card_test_views import Untested, untested_lead
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Button, Choose, Option, Point, Say, Tell, say


def resembles_untried(context: ViewContext) -> Tell:
    """Of the card's family there is a product that nobody has tried: an administrator may answer for this one."""
    return Tell(
        **context.head("resembles_untried", say("resembles_untried.title"), say("resembles_untried.lead")),
        badge="warning",
        badge_icon="alert",
        points=(
            Point(say("resembles_untried.here"), bullet="number"),
            Point(say("resembles_untried.first"), bullet="number"),
        ),
        way_out=cancel_button(),
        side=Button("administrator", say("resembles_untried.administrator"), "account-check-outline"),
        primary=primary_button("end", "button.end", "check"),
        needs_card=True,
        sends_on=True,
    )


def which(context: ViewContext, *, one_code: bool) -> Choose:
    """A card with two codes: one of them, or one new code for both."""
    both = (Option("both", say("which_code.both"), say("which_code.both.detail"), "form-textbox-password"),)
    return Choose(
        **context.head("which_code", say("which_code.title"), say("which_code.lead")),
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


def done(changed: tuple[object, ...], untested: Untested | None = None) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end."""
    if untested is not None:
        return say("change_done.title"), (say("change_done.untested"), *untested_lead(untested))
    return say("change_done.title"), (say("change_done.both" if len(changed) > 1 else "change_done.lead"),)
