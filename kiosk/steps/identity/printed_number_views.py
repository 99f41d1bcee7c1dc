"""The views of a card by its printed number."""

from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, group_digits, primary_button
from kiosk.views import Busy, EnterDigits, NumberDrawing, Point, Tell, say


def number(context: ViewContext, digits: int) -> EnterDigits:
    """The whole number, as it is printed on the card and on the envelope."""
    return EnterDigits(
        **context.head("number", say("number.title"), say("number.lead")),
        drawing=NumberDrawing("card", digits),
        hint=say("printed.hint"),
        length=digits,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def looking_up(context: ViewContext) -> Busy:
    return Busy(**context.head("looking_up", say("looking_up.title"), say("looking_up.lead")))


def not_known(context: ViewContext, typed: str) -> Tell:
    """No card has that number: read it again."""
    return Tell(
        **context.head("not_known", say("not_known.title"), say("not_known.lead", number=group_digits(typed))),
        badge="warning",
        badge_icon="alert",
        points=(Point(say("not_known.do"), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
    )
