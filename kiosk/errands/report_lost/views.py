"""The views of a card that is lost, forgotten, known to others, or found again."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import Busy, Choose, Option, Say, say


def what(context: ViewContext) -> Choose:
    """Return the view that asks what has happened to the card."""
    return Choose(
        **context.head("what", say("lost_what.title")),
        options=(
            Option("forgotten", say("lost_what.forgotten"), say("lost_what.forgotten.detail"), "timer-sand"),
            Option("lost", say("lost_what.lost"), say("lost_what.lost.detail"), "smart-card-off-outline"),
            Option("stolen", say("lost_what.stolen"), say("lost_what.stolen.detail"), "alert-outline"),
            Option(
                "code_known", say("lost_what.code_known"), say("lost_what.code_known.detail"), "form-textbox-password"
            ),
            Option("found", say("lost_what.found"), say("lost_what.found.detail"), "check"),
            Option("not_mine", say("lost_what.not_mine"), say("lost_what.not_mine.detail"), "card-search-outline"),
        ),
        way_out=cancel_button(),
    )


def how(context: ViewContext, *, holds: bool = True) -> Choose:
    """Without the card in the hand: by its number, with or without an administrator. `holds`: the issuer has a hold."""
    number = say("lost_how.number.detail" if holds else "lost_how.number.marked")
    return Choose(
        **context.head("how", say("lost_how.title"), say("lost_how.lead")),
        options=(
            Option("number", say("lost_how.number"), number, "card-account-details-outline"),
            Option(
                "administrator",
                say("lost_how.administrator"),
                say("lost_how.administrator.detail"),
                "account-check-outline",
            ),
        ),
        way_out=cancel_button(),
    )


def lifting(context: ViewContext) -> Busy:
    """The issuer is asked to lift the hold."""
    return Busy(**context.head("lifting", say("lifting.title"), say("lifting.lead")))


def lifted() -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end."""
    return say("lifted.title"), (say("lifted.lead"),)


def not_held(context: ViewContext, state: str) -> StopError:
    """There is nothing to lift: the card was never held, or it is blocked for good."""
    if state == "blocked":
        return context.stop("already_blocked")
    return context.stop("not_on_hold")
