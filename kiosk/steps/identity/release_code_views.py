"""The views of the release code: the number on the letter, the code beside it."""

from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Busy, EnterCode, EnterDigits, Point, Tell, say

DIGITS = 8
"""So many digits of the card's number, and of the code."""


def number(context: ViewContext) -> EnterDigits:
    """Return the view that asks which card the letter is of."""
    return EnterDigits(
        **context.head("release_number", say("release_number.title"), say("release_number.lead")),
        length=DIGITS,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def code(context: ViewContext) -> EnterCode:
    """The code itself; it is no PUK and no PIN."""
    return EnterCode(
        **context.head("release_code", say("release_code.title"), say("release_code.lead")),
        hint=say("code.hidden"),
        min_length=DIGITS,
        max_length=DIGITS,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def checking(context: ViewContext) -> Busy:
    return Busy(**context.head("release_checking", say("release_checking.title"), say("release_checking.lead")))


def wrong(context: ViewContext) -> Tell:
    """Number and code do not belong together, or nothing waits for that number."""
    return Tell(
        **context.head("release_wrong", say("release_wrong.title"), say("release_wrong.lead")),
        badge="warning",
        badge_icon="alert",
        points=(
            Point(say("release_wrong.number"), bullet="number"),
            Point(say("release_wrong.line"), bullet="number"),
        ),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
    )
