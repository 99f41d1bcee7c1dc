"""The views of a block or a hold: it is being told, it was declined, what it means."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene, Whose
from kiosk.steps.view_helpers import cancel, go, tail
from kiosk.views import Busy, Confirm, Fact, Point, Tell, say

DEAD = ("card_blocked", "card_returned", "card_voided")
"""Reasons of the issuer (docs/messages.md) why there is nothing left to block: nobody can use the card."""


def telling(scene: Scene) -> Busy:
    """The issuer is told, or the wish is kept."""
    return Busy(
        name=scene.name("telling"),
        errand=scene.title,
        step=scene.step,
        title=say("telling.title"),
        lead=(say("telling.lead"),),
    )


def declined(scene: Scene, reason: str) -> StopError:
    """The issuer will not: the card is blocked already, is not known, or something else."""
    if reason in DEAD:
        return stop(scene, "refused", "already_blocked")
    if reason == "unknown_card":
        return stop(scene, "refused", "card_not_known")
    return stop(scene, "refused", "block_declined")


def sure(scene: Scene, whose: Whose, happened: str, *, blocks: bool) -> Confirm:
    """What will happen to the card (design, 15)."""
    what = "block" if blocks else "hold" if happened == "forgotten" else "hold_first"
    return Confirm(
        name=scene.name("sure"),
        errand=scene.title,
        step=scene.step,
        title=say(f"sure.{what}.title"),
        points=(
            Point(say(f"sure.{what}.now"), say(f"sure.{what}.now.detail"), icon="smart-card-off-outline"),
            Point(say(f"sure.{what}.then"), say(f"sure.{what}.then.detail"), icon="timer-sand"),
        ),
        facts=(Fact(say("fact.card"), f"…{tail(whose.card_number)}"),),
        warning=say("sure.block.warning") if blocks else None,
        way_out=cancel(),
        primary=go("yes", f"sure.{what}.go"),
    )


def really(scene: Scene, whose: Whose) -> Confirm:
    """A block cannot be undone: once more."""
    return Confirm(
        name=scene.name("really"),
        errand=scene.title,
        step=scene.step,
        title=say("really.title"),
        lead=(say("really.lead"),),
        facts=(Fact(say("fact.card"), f"…{tail(whose.card_number)}"),),
        warning=say("sure.block.warning"),
        way_out=cancel(),
        primary=go("yes", "really.go"),
    )


def done(scene: Scene, came: str, *, police: bool, block_line: str = "") -> Tell:
    """What holds now, and what is left to do: the police, the block line, a new card."""
    points = [Point(say("lost_done.police"), mark="number")] if police else []
    if came in ("held", "hold_queued", "block_queued") and police:
        line = say("lost_done.line.number", number=block_line) if block_line else say("lost_done.line")
        points.append(Point(line, mark="number"))
    points.append(
        Point(say("lost_done.new" if came in ("blocked", "block_queued") else "lost_done.found"), mark="number")
    )
    return Tell(
        name=scene.name("done"),
        errand=scene.title,
        badge="success",
        badge_icon="check-bold",
        title=say(f"lost_done.{came}.title"),
        lead=(say(f"lost_done.{came}.lead"),),
        points=tuple(points),
        primary=go("end", "button.next"),
    )
