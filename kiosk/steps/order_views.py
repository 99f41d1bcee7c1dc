"""The views between 'who' and the slot: which card, the terms, the envelope."""

from collections.abc import Sequence
from datetime import date

from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Order
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.identity.identification import Identified
from kiosk.steps.view_helpers import cancel, day, go, paged, person, tail
from kiosk.views import Choose, Confirm, Fact, LetterDrawing, Option, Point, say

TERMS = "2026-1"
"""Version of the terms that `terms` shows; the receipt names it."""


def which(scene: Scene, orders: Sequence[Order], administrator: LoggedIn, *, more: bool) -> Choose:
    """The administrator picks the holder's order, from the document that was just seen."""
    options = [
        Option(o.order, say("which.person", who=person(o)), say("which.card", tail=tail(o.card_number))) for o in orders
    ]
    return Choose(
        name=scene.name("which"),
        errand=scene.title,
        step=scene.step,
        attended_by=administrator.name,
        title=say("which.title"),
        lead=(say("which.lead"),),
        options=paged(options, more=more),
        way_out=cancel(),
    )


def no_order(scene: Scene) -> StopError:
    """Nothing waits here for this person."""
    return stop(scene, "refused", "no_order")


def list_too_old(scene: Scene) -> StopError:
    """For so long without connection that the list of orders counts no more: nobody knows what waits."""
    return stop(scene, "fault", "list_too_old", icon="cloud-off-outline")


def expired(scene: Scene, order: Order) -> StopError:
    """The order's last day is over."""
    last = day(date.fromisoformat(order.last_day))
    return stop(scene, "refused", "order_expired", icon="calendar-clock", day=last)


def nothing_waits(scene: Scene) -> StopError:
    """No order at all waits here."""
    return stop(scene, "refused", "nothing_waits")


def level_too_low(scene: Scene, order: Order) -> StopError:
    """An LoA2 card cannot vouch for an LoA3 one."""
    return stop(scene, "refused", "level_too_low")


def verifier_away(scene: Scene) -> StopError:
    """Envelopes are verified by the server, and it cannot be reached: nothing opens."""
    return stop(scene, "refused", "offline", icon="cloud-off-outline")


def no_envelope(scene: Scene) -> StopError:
    """Without the PUK the card cannot be given its code."""
    return stop(scene, "refused", "no_envelope")


def terms(scene: Scene, order: Order, who: Identified, *, paper: bool) -> Confirm:
    """Whose card, and what the holder agrees to."""
    return Confirm(
        name=scene.name("terms"),
        errand=scene.title,
        step=scene.step,
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


def envelope_at_hand(scene: Scene, order: Order, who: Identified) -> Confirm:
    """Before the slot opens: the code letter must be here."""
    return Confirm(
        name=scene.name("envelope"),
        errand=scene.title,
        step=scene.step,
        attended_by=who.administrator.name if who.administrator else None,
        title=say("envelope.title"),
        lead=(say("envelope.lead", tail=tail(order.card_number)),),
        drawing=LetterDrawing(order.card_number),
        way_out=go("no", "envelope.no", "close"),
        primary=go("yes", "envelope.yes"),
    )
