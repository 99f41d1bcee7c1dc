"""The views of the release code: the number on the letter, the code beside it."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel, go
from kiosk.views import Busy, EnterCode, EnterDigits, Point, Tell, say

DIGITS = 8
"""So many digits of the card's number, and of the code."""


def number(scene: Scene) -> EnterDigits:
    """Which card the letter is of."""
    return EnterDigits(
        name=scene.name("release_number"),
        errand=scene.title,
        step=scene.step,
        title=say("release_number.title"),
        lead=(say("release_number.lead"),),
        length=DIGITS,
        submit=say("button.next"),
        way_out=cancel(),
    )


def code(scene: Scene) -> EnterCode:
    """The code itself; it is no PUK and no PIN."""
    return EnterCode(
        name=scene.name("release_code"),
        errand=scene.title,
        step=scene.step,
        title=say("release_code.title"),
        lead=(say("release_code.lead"),),
        hint=say("code.hidden"),
        min_length=DIGITS,
        max_length=DIGITS,
        submit=say("button.next"),
        way_out=cancel(),
    )


def checking(scene: Scene) -> Busy:
    """The verifier is asked."""
    return Busy(
        name=scene.name("release_checking"),
        errand=scene.title,
        step=scene.step,
        title=say("release_checking.title"),
        lead=(say("release_checking.lead"),),
    )


def wrong(scene: Scene) -> Tell:
    """Number and code do not belong together, or nothing waits for that number."""
    return Tell(
        name=scene.name("release_wrong"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say("release_wrong.title"),
        lead=(say("release_wrong.lead"),),
        points=(
            Point(say("release_wrong.number"), mark="number"),
            Point(say("release_wrong.line"), mark="number"),
        ),
        way_out=cancel(),
        primary=go("again", "button.again"),
    )


def too_many(scene: Scene) -> StopError:
    """No more guesses for this letter, or at this station."""
    return stop(scene, "refused", "too_many_releases", icon="lock-alert-outline")


def verifier_away(scene: Scene) -> StopError:
    """Release codes are verified by the server, and it cannot be reached: nothing opens."""
    return stop(scene, "refused", "offline", icon="cloud-off-outline")
