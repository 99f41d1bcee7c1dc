"""The views after a write that broke off, or an errand that was left half way: which code does the card have now?"""

from drivers.reader.model import Pin
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import WrongCodeView, lengths, reader_for, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Await, Button, EnterCode, Note, Point, Tell, say


def pulled(context: ViewContext, strange: Strangeness | None) -> Await:
    """The card went while it was written: we do not know which code applies."""
    note = None if strange is None else strange_note(strange, Note(say("insert.wipe")))
    return Await(
        **context.head("pulled", say("pulled.title"), say("pulled.lead"), say("pulled.do")),
        badge="failure",
        badge_icon="smart-card-off-outline",
        note=note,
        drawing=reader_for(strange),
        drawing_text=say("closing.pulled.same_card"),
        way_out=Button("gone", say("pulled.gone"), "help-circle-outline"),
        waits_for=say("wait.card"),
    )


def check_code(context: ViewContext, pin: Pin | None) -> EnterCode:
    """The new code once more: the one safe way to learn whether it was written."""
    shortest, longest = lengths(pin)
    return EnterCode(
        **context.head("check_code", say("check_code.title"), say("check_code.lead")),
        hint=say("code.hidden"),
        min_length=shortest,
        max_length=longest,
        submit=say("button.next"),
        way_out=cancel_button(),
        needs_card=True,
    )


def mistyped(context: ViewContext, left: int | None, *, same: bool = False) -> Tell:
    """Another code than the one that was to be written, and not the card's: nothing is known by that."""
    view = WrongCodeView(context, "check_code_wrong")
    return view.same(left) if same else view(left)


def code_from_before(context: ViewContext, pin: Pin | None) -> EnterCode:
    """The code was set in an errand that was left half way."""
    shortest, longest = lengths(pin)
    return EnterCode(
        **context.head("code_from_before", say("code_before.title"), say("code_before.lead")),
        hint=say("code.hidden"),
        min_length=shortest,
        max_length=longest,
        submit=say("button.next"),
        way_out=cancel_button(),
        side=Button("forgotten", say("code_before.forgotten"), "help-circle-outline"),
        needs_card=True,
    )


def not_written(context: ViewContext) -> Tell:
    """The card still has its old code: round once more."""
    return Tell(
        **context.head("not_written", say("not_written.title"), say("not_written.lead")),
        badge="warning",
        badge_icon="alert",
        points=(Point(say("not_written.do"), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
        needs_card=True,
    )
