"""The views of an ID administrator's log-in, wherever it is needed: at the menu, beside a holder, as the second of two."""

from drivers.reader.model import CardFacts
from kiosk.issuer.ports import LoggedIn
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodePrompts, Strangeness
from kiosk.steps.card_views import LastTryView, WrongCodeView, code_entry, reader_for, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import Await, Busy, Note, PersonName, Point, ReaderDrawing, Say, Tell, say


def insert(context: ViewContext, strange: Strangeness | None, which: str, *, second: bool = False) -> Await:
    """The administrator's card, in the second reader or in turn in the one. `second`: another administrator's."""
    beside = which == "administrator"
    return Await(
        **context.head(
            "insert_second" if second else "insert_administrator",
            say("insert_admin.second_one" if second else "insert_admin.title"),
            say("insert_admin.second" if beside else "insert_admin.same"),
        ),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange, "administrator" if beside else "holder"),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def sign_again(context: ViewContext, administrator: LoggedIn, strange: Strangeness | None, which: str) -> Await:
    """The administrator's card once more, for what is done about the holder's card now."""
    return Await(
        **context.head(
            "sign_again", say("sign_again.title"), say("sign_again.lead", who=PersonName(administrator.name))
        ),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange, "administrator" if which == "administrator" else "holder"),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def other_signer(context: ViewContext) -> Tell:
    """A card, but not the one that has to sign."""
    return _other_card(context, "other_signer", say("other_signer.title"), say("other_signer.lead"), "other_signer.do")


def code(context: ViewContext, facts: CardFacts, *, watched: bool) -> CodePrompts:
    """The PIN of the administrator's card. `watched`: it is in the holder's reader, and pulling it ends the question."""
    return CodePrompts(
        entry=code_entry(
            context, "pin_administrator", say("admin_pin.title"), say("admin_pin.lead"), facts, watched=watched
        ),
        wrong=WrongCodeView(context, "pin_administrator_wrong", watched=watched),
        last=LastTryView(context, "pin_administrator_last", watched=watched),
        locked=context.stop("administrator_locked", icon="lock-alert-outline"),
        declined=context.stop("last_try_kept"),
        refused=context.stop("card_refused"),
    )


def logging_in(context: ViewContext) -> Busy:
    """The card signs, and the server is asked whose signature it is."""
    return Busy(**context.head("logging_in", say("logging_in.title"), say("logging_in.lead")))


def may_not_attend(context: ViewContext, reason: str) -> Tell:
    """Why this card is not taken. `reason`: of the server, or of `fleet.messages.attending`."""
    match reason:
        case "not_level_3":
            return not_level_3(context)
        case "not_kra":
            return not_kra(context)
        case _:
            return not_an_administrator(context)


def not_an_administrator(context: ViewContext) -> Tell:
    """A valid card, but of somebody who may not attend here."""
    return _other_card(context, "not_an_administrator", say("not_admin.title"), say("not_admin.lead"))


def not_level_3(context: ViewContext) -> Tell:
    """A card of a lower level of assurance: whoever it belongs to, it attests nothing."""
    return _other_card(context, "not_level_3", say("not_level_3.title"), say("not_level_3.lead"))


def not_kra(context: ViewContext) -> Tell:
    """On the list, but without the role of who attends."""
    return _other_card(context, "not_kra", say("not_kra.title"), say("not_kra.lead"))


def not_kur(context: ViewContext) -> Tell:
    """The second of two, for a protected identity, without the role for it."""
    return _other_card(context, "not_kur", say("not_kur.title"), say("not_kur.lead"))


def not_the_same(context: ViewContext) -> Tell:
    """Two administrators are two people, and neither is the holder."""
    return _other_card(context, "not_the_same", say("not_the_same.title"), say("not_the_same.lead"))


def _other_card(context: ViewContext, name: str, title: Say, lead: Say, do: str = "not_admin.do") -> Tell:
    return Tell(
        **context.head(name, title, lead),
        badge="warning",
        badge_icon="alert",
        points=(Point(say(do), bullet="number"),),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
    )


def log_in_again(context: ViewContext) -> Tell:
    """Logged in for so long that the server does not count it any more. The card stays in; its code is asked for again."""
    return Tell(
        **context.head("log_in_again", say("log_in_again.title"), say("log_in_again.lead")),
        badge="warning",
        badge_icon="timer-sand",
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
    )


def log_in_expired(context: ViewContext) -> StopError:
    """The server does not count the log-in any more, in the middle of an errand. Nothing has happened to the card."""
    return context.stop("log_in_expired", icon="timer-sand")


def take(context: ViewContext, which: str) -> Await:
    """The reader is needed for another card now."""
    return Await(
        **context.head("take_administrator", say("take_admin.title"), say("take_admin.lead")),
        attended_by=context.attended_by,
        drawing=ReaderDrawing("out", "administrator" if which == "administrator" else "holder"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )
