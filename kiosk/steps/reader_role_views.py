"""The views of telling the readers apart: the reader that is meant is drawn and lit."""

from typing import Literal

from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import back_button, primary_button
from kiosk.views import Await, Confirm, Note, ReaderDrawing, Tell, say

Which = Literal["holder", "administrator"]
WHICH: tuple[Which, ...] = ("holder", "administrator")


def insert(context: ViewContext, which: Which) -> Await:
    """Any card into that reader; it is not read."""
    return Await(
        **context.ending().head(
            f"reader_{which}", say(f"reader_roles.insert.{which}"), say(f"reader_roles.becomes.{which}")
        ),
        note=Note(say("reader_roles.any_card")),
        drawing=ReaderDrawing("in", which, pair=True),
        way_out=back_button(),
        waits_for=say("wait.card"),
    )


def take(context: ViewContext, which: Which) -> Await:
    return Await(
        **context.ending().head(f"reader_{which}_out", say("reader_roles.take")),
        drawing=ReaderDrawing("out", which, pair=True),
        waits_for=say("wait.taken"),
    )


def only_one(context: ViewContext) -> Confirm:
    """There is one reader, which is for everybody."""
    return Confirm(
        **context.ending().head("one_reader", say("reader_roles.one"), say("reader_roles.one.lead")),
        way_out=back_button(),
        primary=primary_button("keep", "reader_roles.one.keep", "check"),
    )


def none_found(context: ViewContext) -> Tell:
    """No reader is there, or nothing tells them apart."""
    return Tell(
        **context.ending().head("no_readers", say("reader_roles.none"), say("reader_roles.none.lead")),
        badge="warning",
        badge_icon="alert",
        primary=primary_button("next", "button.next"),
    )
