"""The views between 'who' and the slot: which card, the terms, the envelope."""

from collections.abc import Sequence
from datetime import date

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import DirectoryPerson, LoggedIn
from kiosk.ports import Order
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.view_helpers import cancel_button, date_text, display_name, last_digits, page_options, primary_button
from kiosk.views import Button, Choose, Confirm, Fact, Option, Point, say

TERMS = "2026-1"
"""Version of the terms that `terms` shows; the receipt names it."""


def which(context: ViewContext, orders: Sequence[Order], administrator: LoggedIn, *, more: bool) -> Choose:
    """The administrator picks the holder's order, from the document that was just seen."""
    options = [
        Option(o.order, say("which.person", who=display_name(o)), say("which.card", tail=last_digits(o.card_number)))
        for o in orders
    ]
    return Choose(
        **context.head("which", say("which.title"), say("which.lead")),
        attended_by=administrator.name,
        options=page_options(options, more=more),
        way_out=cancel_button(),
    )


def list_too_old(context: ViewContext) -> StopError:
    """For so long without connection that the list of orders counts no more: nobody knows what waits."""
    return context.stop("list_too_old", ErrandOutcome.FAULT, icon="cloud-off-outline")


def expired(context: ViewContext, order: Order) -> StopError:
    """The order's last day is over."""
    last = date_text(date.fromisoformat(order.last_day))
    return context.stop("order_expired", icon="calendar-clock", day=last)


def former_name(context: ViewContext, name: str, holder: DirectoryPerson, last: date, *, needs_card: bool) -> Confirm:
    """The card bears the name from before a name change: what will happen to it, and when. `needs_card`: it is in the reader."""
    now = (Fact(say("fact.name_now"), holder.name),) if holder.name else ()
    return Confirm(
        **context.head("former_name", say("former_name.title")),
        attended_by=context.attended_by,
        points=(
            Point(say("former_name.blocked", day=date_text(last)), say("former_name.works"), icon="calendar-clock"),
            Point(say("former_name.new"), say("former_name.order"), icon="card-account-details-outline"),
        ),
        facts=(Fact(say("fact.name_on_card"), name), *now),
        way_out=Button("leave", say("former_name.leave"), "close"),
        primary=primary_button("take", "former_name.take"),
        needs_card=needs_card,
    )


def former_name_declined(context: ViewContext) -> StopError:
    """The holder does not take a card with a former name: another one is ordered."""
    return context.stop("former_name", icon="card-account-details-outline")


def terms(context: ViewContext, order: Order, identity: Identification, *, paper: bool, letter: bool) -> Confirm:
    """Return the view of whose card it is, and what the holder agrees to; `letter`: the card gets its code with the PUK
    of its letter."""
    tail = last_digits(order.card_number)
    at_hand = (Point(say("terms.letter"), say("terms.letter.detail", tail=tail), icon="email-outline"),)
    return Confirm(
        **context.head("terms", say("terms.title")),
        attended_by=identity.administrator.name if identity.administrator else None,
        points=(
            Point(say("terms.personal"), say("terms.personal.detail"), icon="card-account-details-outline"),
            Point(say("terms.lost"), say("terms.lost.detail"), icon="smart-card-off-outline"),
            Point(say("terms.return"), say("terms.return.detail"), icon="inbox-arrow-down-outline"),
            *(at_hand if letter else ()),
        ),
        facts=(
            Fact(say("fact.holder"), display_name(order)),
            Fact(say("fact.card"), f"…{tail}"),
            Fact(say("fact.receipt"), say("fact.receipt.paper" if paper else "fact.receipt.screen")),
        ),
        way_out=cancel_button(),
        side=Button("no_envelope", say("puk.none"), "help-circle-outline") if letter else None,
        primary=primary_button("accept", "terms.accept"),
    )
