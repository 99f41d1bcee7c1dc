"""The views of an ID administrator's log-in, wherever it is needed: at the menu, beside a holder, as the second of two."""

from drivers.reader.model import CardFacts
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodeWords, Strangeness
from kiosk.steps.card_views import WrongCodeView, code_entry, last_try, reader_for, stop, strange_note
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel, go
from kiosk.views import Await, Busy, Note, Point, ReaderDrawing, Say, Tell, say


def insert(scene: Scene, strange: Strangeness | None, which: str, *, second: bool = False) -> Await:
    """The administrator's card, in the second reader or in turn in the one. `second`: another administrator's."""
    beside = which == "administrator"
    return Await(
        name=scene.name("insert_second" if second else "insert_administrator"),
        errand=scene.title,
        step=scene.step,
        title=say("insert_admin.second_one" if second else "insert_admin.title"),
        lead=(say("insert_admin.second" if beside else "insert_admin.same"),),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange, "administrator" if beside else "holder"),
        way_out=cancel(),
        waits_for=say("wait.card"),
    )


def code(scene: Scene, facts: CardFacts, *, watched: bool) -> CodeWords:
    """The PIN of the administrator's card. `watched`: it is in the holder's reader, and pulling it ends the question."""
    return CodeWords(
        entry=code_entry(
            scene, "pin_administrator", say("admin_pin.title"), say("admin_pin.lead"), facts, watched=watched
        ),
        wrong=WrongCodeView(scene, "pin_administrator_wrong", watched=watched),
        last=last_try(scene, "pin_administrator_last", watched=watched),
        locked=stop(scene, "refused", "administrator_locked", icon="lock-alert-outline"),
        declined=stop(scene, "refused", "last_try_kept"),
    )


def logging_in(scene: Scene) -> Busy:
    """The card signs, and the server is asked whose signature it is."""
    return Busy(
        name=scene.name("logging_in"),
        errand=scene.title,
        step=scene.step,
        title=say("logging_in.title"),
        lead=(say("logging_in.lead"),),
    )


def may_not_attend(scene: Scene, reason: str) -> Tell:
    """Why this card is not taken. `reason`: of the server, or of `fleet.messages.attending`."""
    match reason:
        case "not_level_3":
            return not_level_3(scene)
        case "not_kra":
            return not_kra(scene)
        case _:
            return not_an_administrator(scene)


def not_an_administrator(scene: Scene) -> Tell:
    """A valid card, but of somebody who may not attend here."""
    return _other_card(scene, "not_an_administrator", say("not_admin.title"), say("not_admin.lead"))


def not_level_3(scene: Scene) -> Tell:
    """A card of a lower level of assurance: whoever it belongs to, it attests nothing."""
    return _other_card(scene, "not_level_3", say("not_level_3.title"), say("not_level_3.lead"))


def not_kra(scene: Scene) -> Tell:
    """On the list, but without the role of who attends."""
    return _other_card(scene, "not_kra", say("not_kra.title"), say("not_kra.lead"))


def not_kur(scene: Scene) -> Tell:
    """The second of two, for a protected identity, without the role for it."""
    return _other_card(scene, "not_kur", say("not_kur.title"), say("not_kur.lead"))


def kur_needed(scene: Scene) -> StopError:
    """A protected identity takes two with the role for it, and the first has not."""
    return stop(scene, "refused", "kur_needed")


def not_the_same(scene: Scene) -> Tell:
    """Two administrators are two people, and neither is the holder."""
    return _other_card(scene, "not_the_same", say("not_the_same.title"), say("not_the_same.lead"))


def _other_card(scene: Scene, name: str, title: Say, lead: Say) -> Tell:
    return Tell(
        name=scene.name(name),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=title,
        lead=(lead,),
        points=(Point(say("not_admin.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
    )


def log_in_again(scene: Scene) -> Tell:
    """Logged in for so long that the server does not count it any more. The card stays in; its code is asked for again."""
    return Tell(
        name=scene.name("log_in_again"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="timer-sand",
        title=say("log_in_again.title"),
        lead=(say("log_in_again.lead"),),
        way_out=cancel(),
        primary=go("next", "button.next"),
    )


def log_in_expired(scene: Scene) -> StopError:
    """The server does not count the log-in any more, in the middle of an errand. Nothing has happened to the card."""
    return stop(scene, "refused", "log_in_expired", icon="timer-sand")


def nobody_knows(scene: Scene) -> StopError:
    """No connection, and the signed list is too old: nobody can be let in."""
    return stop(scene, "fault", "login_unavailable", icon="cloud-off-outline")


def take(scene: Scene, which: str) -> Await:
    """The reader is needed for another card now."""
    return Await(
        name=scene.name("take_administrator"),
        errand=scene.title,
        step=scene.step,
        attended_by=scene.attended_by,
        title=say("take_admin.title"),
        lead=(say("take_admin.lead"),),
        drawing=ReaderDrawing("out", "administrator" if which == "administrator" else "holder"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )
