"""The views of changing a code: which one, what is wrong with a new one, and the end."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel, go
from kiosk.views import Choose, Option, Point, Say, Tell, say


def which(scene: Scene, *, one_code: bool) -> Choose:
    """A card with two codes: one of them, or one new code for both."""
    both = (Option("both", say("which_code.both"), say("which_code.both.detail"), "form-textbox-password"),)
    return Choose(
        name=scene.name("which_code"),
        errand=scene.title,
        step=scene.step,
        title=say("which_code.title"),
        lead=(say("which_code.lead"),),
        options=(
            *(both if one_code else ()),
            Option(
                "identification",
                say("which_code.identification"),
                say("which_code.identification.detail"),
                "account-check-outline",
            ),
            Option("signature", say("which_code.signature"), say("which_code.signature.detail"), "check"),
        ),
        way_out=cancel(),
    )


def same_as_old(scene: Scene) -> Tell:
    """The new code is the old one."""
    return _again(scene, "same_as_old")


def too_easy(scene: Scene) -> Tell:
    """The station knows something of the holder that makes the code easy to guess: a birth date."""
    return _again(scene, "too_easy")


def locked(scene: Scene) -> StopError:
    """The code got locked on the way."""
    return stop(scene, "refused", "card_locked", icon="lock-alert-outline")


def _again(scene: Scene, what: str) -> Tell:
    return Tell(
        name=scene.name(what),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say(f"new_code.{what}.title"),
        lead=(say(f"new_code.{what}.lead"),),
        points=(Point(say(f"new_code.{what}.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def done(changed: tuple[object, ...]) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end."""
    return say("change_done.title"), (say("change_done.both" if len(changed) > 1 else "change_done.lead"),)
