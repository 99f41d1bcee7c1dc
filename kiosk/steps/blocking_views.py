"""The views of a block or a hold: it is being told, it was declined, what it means."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.views import Busy, say

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
