"""The views of an unlock that gave the old code its tries back: this product takes no new code with it."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import go
from kiosk.views import Button, Point, Tell, say


def old_code_applies(scene: Scene) -> Tell:
    """The card is unlocked, and has the code that it had before: not the one that was chosen."""
    return Tell(
        name=scene.name("old_code_applies"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="lock-open-variant-outline",
        title=say("old_code.title"),
        lead=(say("old_code.lead"),),
        points=(Point(say("old_code.known"), mark="number"), Point(say("old_code.forgotten"), mark="number")),
        side=Button("forgotten", say("old_code.no"), "help-circle-outline"),
        primary=go("known", "old_code.yes"),
        needs_card=True,
    )


def forgotten(scene: Scene) -> StopError:
    """Nobody knows the code that the card has."""
    return stop(scene, "refused", "old_code_forgotten", icon="lock-alert-outline")
