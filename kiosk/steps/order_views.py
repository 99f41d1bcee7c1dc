"""The views between 'who' and the slot: which card, the terms, the envelope."""

from collections.abc import Sequence
from datetime import date

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import DirectoryPerson, LoggedIn
from kiosk.ports import Order
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
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
        **context.head("which"),
        attended_by=administrator.name,
        title=say("which.title"),
        lead=(say("which.lead"),),
        options=page_options(options, more=more),
        way_out=cancel_button(),
    )


def no_order(context: ViewContext) -> StopError:
    """Nothing waits here for this person."""
    return stop(context, ErrandOutcome.REFUSED, "no_order")


def list_too_old(context: ViewContext) -> StopError:
    """For so long without connection that the list of orders counts no more: nobody knows what waits."""
    return stop(context, ErrandOutcome.FAULT, "list_too_old", icon="cloud-off-outline")


def expired(context: ViewContext, order: Order) -> StopError:
    """The order's last day is over."""
    last = date_text(date.fromisoformat(order.last_day))
    return stop(context, ErrandOutcome.REFUSED, "order_expired", icon="calendar-clock", day=last)


def nothing_waits(context: ViewContext) -> StopError:
    """No order at all waits here."""
    return stop(context, ErrandOutcome.REFUSED, "nothing_waits")


def level_too_low(context: ViewContext, order: Order) -> StopError:
    """An LoA2 card cannot vouch for an LoA3 one."""
    return stop(context, ErrandOutcome.REFUSED, "level_too_low")


def not_by_post(context: ViewContext) -> StopError:
    """No order says that this card came to its holder by post."""
    return stop(context, ErrandOutcome.REFUSED, "not_by_post")


def already_active(context: ViewContext) -> StopError:
    """The issuer's register says that the card is in use."""
    return stop(context, ErrandOutcome.REFUSED, "already_active")


def of_another(context: ViewContext) -> StopError:
    """The order of this card number is another person's than the card says."""
    return stop(context, ErrandOutcome.REFUSED, "order_of_another", badge="failure", icon="alert-outline")


def other_level(context: ViewContext) -> StopError:
    """The card has another level of assurance than was ordered."""
    return stop(context, ErrandOutcome.REFUSED, "other_level")


def verifier_away(context: ViewContext) -> StopError:
    """Envelopes are verified by the server, and it cannot be reached: nothing opens."""
    return stop(context, ErrandOutcome.REFUSED, "offline", icon="cloud-off-outline")


def no_envelope(context: ViewContext) -> StopError:
    """Without the PUK the card cannot be given its code."""
    return stop(context, ErrandOutcome.REFUSED, "no_envelope")


def former_name(context: ViewContext, name: str, holder: DirectoryPerson, last: date, *, needs_card: bool) -> Confirm:
    """The card bears the name from before a name change: what will happen to it, and when. `needs_card`: it is in the reader."""
    now = (Fact(say("fact.name_now"), holder.name),) if holder.name else ()
    return Confirm(
        **context.head("former_name"),
        attended_by=context.attended_by,
        title=say("former_name.title"),
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
    return stop(context, ErrandOutcome.REFUSED, "former_name", icon="card-account-details-outline")


def terms(context: ViewContext, order: Order, who: Identification, *, paper: bool, letter: bool) -> Confirm:
    """Whose card, and what the holder agrees to; `letter`: the card gets its code with the PUK of its letter."""
    tail = last_digits(order.card_number)
    at_hand = (Point(say("terms.letter"), say("terms.letter.detail", tail=tail), icon="email-outline"),)
    return Confirm(
        **context.head("terms"),
        attended_by=who.administrator.name if who.administrator else None,
        title=say("terms.title"),
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
