"""The views of activating a card: who is needed, and why it cannot be done now."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.administrator import Which
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Button, Confirm, Point, ReaderDrawing, say


def administrator_needed(context: ViewContext, office: str, reader: Which) -> Confirm:
    """The card is here; an ID document and an administrator are needed. `office`: who that is, and where, if it is known;
    `reader`: which one is the administrator's."""
    where = say("activate.office", office=office) if office else say("activate.administrator.detail")
    return Confirm(
        **context.head("needed", say("activate.needed")),
        points=(
            Point(say("activate.card"), say("activate.card.detail"), bullet="good"),
            Point(say("activate.document"), say("activate.document.detail"), icon="card-account-details-outline"),
            Point(say("activate.administrator"), where, icon="account-check-outline"),
        ),
        drawing=ReaderDrawing("in", reader, beside=reader == "administrator"),
        way_out=cancel_button(),
        side=Button("nobody", say("activate.nobody"), "help-circle-outline"),
        primary=primary_button("here", "activate.here"),
        needs_card=True,
    )


def no_administrator(context: ViewContext, office: str) -> StopError:
    """Nobody is there who may attend: where somebody is."""
    where = say("activate.office.where", office=office) if office else say("activate.no_office")
    return context.stop("no_administrator", icon="account-check-outline", where=where)
