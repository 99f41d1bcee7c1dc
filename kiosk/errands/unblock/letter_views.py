"""The views of ordering a new code letter."""

from datetime import date

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene, Whose
from kiosk.steps.view_helpers import cancel, day, go, tail
from kiosk.views import Busy, Confirm, Fact, Point, Tell, say


def order(scene: Scene, whose: Whose) -> Confirm:
    """What ordering means, before it is done."""
    return Confirm(
        name=scene.name("order_letter"),
        errand=scene.title,
        step=scene.step,
        title=say("letter.title"),
        points=(
            Point(say("letter.home"), say("letter.home.detail"), icon="email-outline"),
            Point(say("letter.locked"), say("letter.locked.detail"), icon="lock-alert-outline"),
        ),
        facts=(Fact(say("fact.card"), f"…{tail(whose.card_number)}"),),
        way_out=cancel(),
        primary=go("order", "letter.go"),
    )


def ordering(scene: Scene) -> Busy:
    """The issuer is asked."""
    return Busy(
        name=scene.name("ordering"),
        errand=scene.title,
        step=scene.step,
        title=say("letter.busy"),
        lead=(say("letter.busy.lead"),),
    )


def ordered(scene: Scene, arrives: date, where: str) -> Tell:
    """When and where it comes."""
    return Tell(
        name=scene.name("letter_ordered"),
        errand=scene.title,
        badge="success",
        badge_icon="check-bold",
        title=say("letter.done"),
        lead=(say(f"letter.done.{where}", day=day(arrives)), say("letter.done.then")),
        primary=go("end", "button.end", "check"),
    )


def declined(scene: Scene) -> StopError:
    """The issuer orders no letter for this card."""
    return stop(scene, "refused", "letter_declined")


def unavailable(scene: Scene) -> StopError:
    """Nobody answers now."""
    return stop(scene, "fault", "letter_unavailable", icon="cloud-off-outline")
