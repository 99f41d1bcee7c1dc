"""The views of setting a code with an administrator in place of the envelope."""

from kiosk.issuer.ports import LATE, Declined, Unavailable
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene, Whose
from kiosk.steps.identity.administrator_views import log_in_expired
from kiosk.steps.identity.identification import Identified
from kiosk.steps.view_helpers import cancel, go, person, tail
from kiosk.views import Await, Busy, Button, Choose, Confirm, Fact, Option, Point, ReaderDrawing, say


def without(scene: Scene) -> Choose:
    """No envelope at hand: an administrator attends, or a new letter is ordered."""
    return Choose(
        name=scene.name("without"),
        errand=scene.title,
        step=scene.step,
        title=say("without.title"),
        lead=(say("without.lead"),),
        options=(
            Option("administrator", say("without.admin"), say("without.admin.detail"), "account-check-outline"),
            Option("letter", say("without.letter"), say("without.letter.detail"), "email-outline"),
        ),
        way_out=cancel(),
        needs_card=True,
    )


def take_own(scene: Scene) -> Await:
    """The one reader is the administrator's for a while."""
    return Await(
        name=scene.name("take_own"),
        errand=scene.title,
        step=scene.step,
        title=say("administered_take.title"),
        lead=(say("administered_take.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )


def write(scene: Scene, whose: Whose, who: Identified) -> Confirm:
    """What writing the code will do, and who attends."""
    return Confirm(
        name=scene.name("write"),
        errand=scene.title,
        step=scene.step,
        attended_by=who.administrator.name if who.administrator else None,
        title=say("write.title"),
        points=(
            Point(say("write.code"), say("write.code.detail"), icon="form-textbox-password"),
            Point(say("write.test"), say("write.test.detail"), icon="stethoscope"),
            Point(say("write.two_names"), say("write.two_names.detail"), icon="account-check-outline"),
        ),
        facts=(Fact(say("fact.card"), f"…{tail(whose.card_number)}"), Fact(say("fact.holder"), person(whose))),
        warning=say("write.warning"),
        way_out=Button("back", say("button.change"), "arrow-left"),
        primary=go("write", "write.go"),
        needs_card=True,
    )


def asking(scene: Scene) -> Busy:
    """The issuer is asked for what this card needs."""
    return Busy(
        name=scene.name("asking"),
        errand=scene.title,
        step=scene.step,
        title=say("administered_asking.title"),
        lead=(say("administered_asking.lead"),),
    )


def log_in_at_the_server(scene: Scene) -> StopError:
    """The list let the administrator in; to answer for a card the server has to know them."""
    return stop(scene, "fault", "unblock_offline", icon="cloud-off-outline")


def not_answered(scene: Scene, why: Declined | Unavailable) -> StopError:
    """Nobody answered for the card, or the issuer declines. Nothing has happened to it."""
    if why.reason in LATE:
        return log_in_expired(scene)
    if isinstance(why, Declined):
        return stop(scene, "refused", "unblock_declined", icon="lock-alert-outline")
    return stop(scene, "fault", "unblock_offline", icon="cloud-off-outline")


def wrong_key(scene: Scene) -> StopError:
    """The card did not take what the server answered: key and card do not belong together."""
    return stop(scene, "fault", "unblock_key_wrong", badge="failure", icon="lock-alert-outline")


def key_floor(scene: Scene) -> StopError:
    """So few tries of the card's own key remain that the station stops."""
    return stop(scene, "refused", "unblock_key_floor", icon="lock-alert-outline")
