"""The views after a write that broke off, or an errand that was left half way: which code does the card have now?"""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import WrongCodeView, reader_for, stop, strange_note
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel, go
from kiosk.views import Await, Button, EnterCode, Note, Point, Tell, say


def pulled(scene: Scene, strange: Strangeness | None) -> Await:
    """The card went while it was written: we do not know which code applies."""
    note = None if strange is None else strange_note(strange, Note(say("insert.wipe")))
    return Await(
        name=scene.name("pulled"),
        errand=scene.title,
        step=scene.step,
        badge="failure",
        badge_icon="smart-card-off-outline",
        title=say("pulled.title"),
        lead=(say("pulled.lead"), say("pulled.do")),
        note=note,
        drawing=reader_for(strange),
        way_out=Button("gone", say("pulled.gone"), "help-circle-outline"),
        waits_for=say("wait.card"),
    )


def check_code(scene: Scene) -> EnterCode:
    """The new code once more: the one safe way to learn whether it was written."""
    return EnterCode(
        name=scene.name("check_code"),
        errand=scene.title,
        step=scene.step,
        title=say("check_code.title"),
        lead=(say("check_code.lead"),),
        hint=say("code.hidden"),
        min_length=6,
        max_length=8,
        submit=say("button.next"),
        way_out=cancel(),
        needs_card=True,
    )


def mistyped(scene: Scene, left: int | None) -> Tell:
    """Another code than the one that was to be written, and not the card's: nothing is known by that."""
    return WrongCodeView(scene, "check_code_wrong")(left)


def code_from_before(scene: Scene) -> EnterCode:
    """The code was set in an errand that was left half way."""
    return EnterCode(
        name=scene.name("code_from_before"),
        errand=scene.title,
        step=scene.step,
        title=say("code_before.title"),
        lead=(say("code_before.lead"),),
        hint=say("code.hidden"),
        min_length=6,
        max_length=8,
        submit=say("button.next"),
        way_out=cancel(),
        side=Button("forgotten", say("code_before.forgotten"), "help-circle-outline"),
        needs_card=True,
    )


def not_written(scene: Scene) -> Tell:
    """The card still has its old code: round once more."""
    return Tell(
        name=scene.name("not_written"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say("not_written.title"),
        lead=(say("not_written.lead"),),
        points=(Point(say("not_written.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
        needs_card=True,
    )


def left_unknown(scene: Scene) -> StopError:
    """The holder does not have the card any more."""
    return stop(scene, "unknown", "card_gone", badge="failure", icon="smart-card-off-outline")
