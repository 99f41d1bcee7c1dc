"""The views of errands with the holder's own card: put it in, its code, and the end with the receipt on offer."""

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Role
from kiosk.receipts import Receipt
from kiosk.steps.card import CodePrompts, Strangeness
from kiosk.steps.card_views import LastTryView, WrongCodeView, code_entry, reader_for, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Await, Button, MachineDrawing, Note, Point, Say, Tell, say


def insert(context: ViewContext, strange: Strangeness | None) -> Await:
    """The card that the errand is about."""
    return Await(
        **context.head("insert", say("insert_card.title"), say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def code(context: ViewContext, facts: CardFacts, role: Role = Role.IDENTIFICATION) -> CodePrompts:
    """The code that the card has now. With two codes on the card the title says which."""
    two = facts.pin(Role.SIGNATURE) is not None
    title = say(f"code.{role.value}.title") if two else say("code.title")
    name = "pin" if role is Role.IDENTIFICATION else "signature_pin"
    return CodePrompts(
        entry=code_entry(context, name, title, say("own_pin.lead"), facts, role=role),
        wrong=WrongCodeView(context, f"{name}_wrong"),
        last=LastTryView(context, f"{name}_last"),
        locked=context.stop("card_locked", icon="lock-alert-outline"),
        declined=context.stop("last_try_kept"),
        refused=context.stop("card_refused"),
    )


def done(
    context: ViewContext, title: Say, lead: tuple[Say, ...], receipt: Receipt | None, *, tested: bool = True
) -> Tell:
    """Return the view that says what works now, or was done without a test of the card; the receipt can be had by phone
    or on paper."""
    return Tell(
        **context.ending().head("done" if tested else "untested", title, *lead),
        badge="success" if tested else "warning",
        badge_icon="check-bold" if tested else "alert",
        points=() if tested else (Point(say("done.take_card"), bullet="number"),),
        drawing=MachineDrawing(("reader",)) if tested else None,
        drawing_text=say("done.take_card") if tested else None,
        side=Button("receipt", say("done.receipt"), "qrcode") if receipt else None,
        primary=primary_button("end", "button.end", "check"),
        sends_on=not tested,
    )
