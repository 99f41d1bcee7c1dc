"""The views between 'who' and the slot: which card, the terms, the envelope."""

from collections.abc import Sequence

from kiosk.journeys.desk import StopError
from kiosk.journeys.identify_views import ERRAND, stop
from kiosk.journeys.steps.identify import Identified
from kiosk.journeys.words import cancel, go, person, tail
from kiosk.ports import Administrator, Order
from kiosk.views import Choose, Confirm, Fact, LetterDrawing, Option, Point, Step, say

STEP = Step(2, 5)
TERMS = "2026-1"
"""Version of the terms that `terms` shows; the receipt names it."""


def which(orders: Sequence[Order], administrator: Administrator, *, more: bool) -> Choose:
    """The administrator picks the holder's order, from the document that was just seen."""
    options = [
        Option(o.order, say("which.person", who=person(o)), say("which.card", tail=tail(o.card_number))) for o in orders
    ]
    if more:
        options.append(Option("more", say("which.more"), icon="arrow-right"))
    return Choose(
        name="pickup.which",
        errand=ERRAND,
        step=STEP,
        attended_by=administrator.name,
        title=say("which.title"),
        lead=(say("which.lead"),),
        options=tuple(options),
        way_out=cancel(),
    )


def no_order() -> StopError:
    """Nothing waits here for this person."""
    return stop("refused", "no_order")


def nothing_waits() -> StopError:
    """No order at all waits here."""
    return stop("refused", "nothing_waits")


def level_too_low(order: Order) -> StopError:
    """An LoA2 card cannot vouch for an LoA3 one."""
    return stop("refused", "level_too_low")


def verifier_away() -> StopError:
    """Envelopes are verified by the server, and it cannot be reached: nothing opens."""
    return stop("refused", "offline", icon="cloud-off-outline")


def no_envelope() -> StopError:
    """Without the PUK the card cannot be given its code."""
    return stop("refused", "no_envelope")


def terms(order: Order, who: Identified, *, paper: bool) -> Confirm:
    """Whose card, and what the holder agrees to."""
    return Confirm(
        name="pickup.terms",
        errand=ERRAND,
        step=STEP,
        attended_by=who.administrator.name if who.administrator else None,
        title=say("terms.title"),
        points=(
            Point(say("terms.personal"), say("terms.personal.detail"), icon="card-account-details-outline"),
            Point(say("terms.lost"), say("terms.lost.detail"), icon="smart-card-off-outline"),
            Point(say("terms.return"), say("terms.return.detail"), icon="inbox-arrow-down-outline"),
        ),
        facts=(
            Fact(say("fact.holder"), person(order)),
            Fact(say("fact.card"), f"…{tail(order.card_number)}"),
            Fact(say("fact.receipt"), say("fact.receipt.paper" if paper else "fact.receipt.screen")),
        ),
        way_out=cancel(),
        primary=go("accept", "terms.accept"),
    )


def envelope_at_hand(order: Order, who: Identified) -> Confirm:
    """Before the slot opens: the code letter must be here."""
    return Confirm(
        name="pickup.envelope",
        errand=ERRAND,
        step=STEP,
        attended_by=who.administrator.name if who.administrator else None,
        title=say("envelope.title"),
        lead=(say("envelope.lead", tail=tail(order.card_number)),),
        drawing=LetterDrawing(order.card_number),
        way_out=go("no", "envelope.no", "close"),
        primary=go("yes", "envelope.yes"),
    )
