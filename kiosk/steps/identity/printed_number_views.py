"""The views of a card by its printed number."""

from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel, fours, go
from kiosk.views import Busy, EnterDigits, Point, Tell, say


def number(scene: Scene, digits: int) -> EnterDigits:
    """The whole number, as it is printed on the card and on the envelope."""
    return EnterDigits(
        name=scene.name("number"),
        errand=scene.title,
        step=scene.step,
        title=say("number.title"),
        lead=(say("number.lead"),),
        hint=say("printed.hint"),
        length=digits,
        submit=say("button.next"),
        way_out=cancel(),
    )


def looking_up(scene: Scene) -> Busy:
    """The register is asked."""
    return Busy(
        name=scene.name("looking_up"),
        errand=scene.title,
        step=scene.step,
        title=say("looking_up.title"),
        lead=(say("looking_up.lead"),),
    )


def not_known(scene: Scene, typed: str) -> Tell:
    """No card has that number: read it again."""
    return Tell(
        name=scene.name("not_known"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say("not_known.title"),
        lead=(say("not_known.lead", number=fours(typed)),),
        points=(Point(say("not_known.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
    )


def too_many_reports(scene: Scene) -> StopError:
    """Nobody has that many cards: a person is asked."""
    return stop(scene, "refused", "too_many_reports", icon="alert-outline")


def no_such_card(scene: Scene) -> StopError:
    """Three numbers that nobody knows."""
    return stop(scene, "refused", "no_such_card")
