"""The views of identification. Names start with `pickup.`, since the answers file of `walk` names them."""

from typing import Literal

from drivers.reader.model import CardFacts, Certificate
from drivers.reader.outcomes import Role
from kiosk.journeys.desk import StopError
from kiosk.journeys.steps.card import CodeWords, Strangeness
from kiosk.journeys.words import cancel, go
from kiosk.ports import Administrator, Outcome
from kiosk.views import (
    Await,
    Choose,
    Confirm,
    EnterCode,
    Note,
    Option,
    Point,
    ReaderDrawing,
    Say,
    Step,
    Tell,
    Tries,
    say,
)

ERRAND = say("pickup.errand")
STEP = Step(1, 5)
DOCUMENTS = ("passport", "national_id", "driving_licence", "id_card", "service_card")


def who() -> Choose:
    """Own old card, or an administrator beside."""
    return Choose(
        name="pickup.who",
        errand=ERRAND,
        step=STEP,
        title=say("who.title"),
        lead=(say("who.lead"),),
        options=(
            Option("old_card", say("who.old_card"), say("who.old_card.detail"), "smart-card-outline"),
            Option("administrator", say("who.administrator"), say("who.administrator.detail"), "account-check-outline"),
        ),
        way_out=cancel(),
    )


def strange_note(strange: Strangeness | None, otherwise: Note) -> Note:
    """What to do about a card that could not be met; else the usual note."""
    if strange is None:
        return otherwise
    return Note(say(f"strange.{strange}"), say(f"strange.{strange}.title"), "warning")


def insert_own(strange: Strangeness | None) -> Await:
    """The holder's own card."""
    return Await(
        name="pickup.insert_old",
        errand=ERRAND,
        step=STEP,
        title=say("insert_own.title"),
        lead=(say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(),
        way_out=cancel(),
        waits_for=say("wait.card"),
    )


def _code(name: str, title: Say, lead: Say, facts: CardFacts, *, watched: bool = True) -> EnterCode:
    pin = facts.pin(Role.IDENTIFICATION)
    return EnterCode(
        name=name,
        errand=ERRAND,
        step=STEP,
        title=title,
        lead=(lead,),
        hint=say("code.hidden"),
        min_length=pin.min_length if pin else 6,
        max_length=pin.max_length if pin else 8,
        submit=say("button.next"),
        way_out=cancel(),
        needs_card=watched,
    )


class WrongCodeView:
    """Says that a code was wrong and how many tries are left: called with that number, or None where it is not known."""

    def __init__(self, name: str, step: Step = STEP, *, watched: bool = True) -> None:
        self.name, self.step, self.watched = name, step, watched

    def __call__(self, left: int | None) -> Tell:
        known = left is not None
        return Tell(
            name=self.name,
            errand=ERRAND,
            step=self.step,
            badge="warning",
            badge_icon="alert",
            title=say("wrong_pin.title"),
            lead=(say("wrong_pin.lead"),),
            tries=Tries(left or 0, max(0, 3 - (left or 0)), say("wrong_pin.tries")) if known else None,
            way_out=cancel(),
            primary=go("again", "button.again"),
            needs_card=self.watched,
        )


def last_try(name: str, step: Step = STEP, *, watched: bool = True) -> Confirm:
    """Consent to use the last try (reliability I1)."""
    return Confirm(
        name=name,
        errand=ERRAND,
        step=step,
        title=say("last_try.title"),
        lead=(say("last_try.lead"),),
        points=(
            Point(say("last_try.wrong"), say("last_try.wrong.detail"), "bad"),
            Point(say("last_try.right"), say("last_try.right.detail"), "good"),
        ),
        warning=say("last_try.warning"),
        way_out=go("no", "last_try.no", "close"),
        primary=go("yes", "last_try.yes"),
        needs_card=watched,
    )


def stop(
    outcome: Outcome, reason: str, *, badge: Literal["warning", "failure"] = "warning", icon: str = "alert"
) -> StopError:
    """The errand ends: `stop.REASON.title` and `.lead` say what happened and what it means, `.do` what to do."""
    view = Tell(
        name=f"pickup.stop.{reason}",
        errand=ERRAND,
        badge=badge,
        badge_icon=icon,
        title=say(f"stop.{reason}.title"),
        lead=(say(f"stop.{reason}.lead"),),
        points=(Point(say(f"stop.{reason}.do"), mark="number"),),
        primary=go("end", "button.end", "check"),
    )
    return StopError(outcome, reason, view)


def own_code(facts: CardFacts) -> CodeWords:
    """The PIN of the holder's own card."""
    return CodeWords(
        entry=_code("pickup.pin_old", say("own_pin.title"), say("own_pin.lead"), facts),
        wrong=WrongCodeView("pickup.pin_old_wrong"),
        last=last_try("pickup.pin_old_last"),
        locked=stop("refused", "own_card_locked", icon="lock-alert-outline"),
        declined=stop("refused", "last_try_kept"),
    )


def take_own() -> Await:
    """Out with the old card; it goes into the drop slot at the end."""
    return Await(
        name="pickup.take_old",
        errand=ERRAND,
        step=STEP,
        title=say("take_own.title"),
        lead=(say("take_own.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )


def own_card_not_valid(certificate: Certificate | None) -> StopError:
    """The certificate is missing, expired, revoked or from somebody whom we do not trust."""
    expired = certificate is not None and certificate.chain == "expired"
    return stop("refused", "own_card_expired" if expired else "own_card_untrusted")


def insert_administrator(strange: Strangeness | None, which: str) -> Await:
    """The administrator's card, in the second reader or in turn in the one."""
    second = which == "administrator"
    return Await(
        name="pickup.insert_administrator",
        errand=ERRAND,
        step=STEP,
        title=say("insert_admin.title"),
        lead=(say("insert_admin.second" if second else "insert_admin.same"),),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(which="administrator" if second else "holder"),
        way_out=cancel(),
        waits_for=say("wait.card"),
    )


def not_an_administrator() -> Tell:
    """A valid card, but of somebody who may not attend here."""
    return Tell(
        name="pickup.not_an_administrator",
        errand=ERRAND,
        step=STEP,
        badge="warning",
        badge_icon="alert",
        title=say("not_admin.title"),
        lead=(say("not_admin.lead"),),
        points=(Point(say("not_admin.do"), mark="number"),),
        way_out=cancel(),
        primary=go("again", "button.again"),
    )


def administrator_code(facts: CardFacts, *, watched: bool) -> CodeWords:
    """The PIN of the administrator's card. `watched`: it is in the holder's reader, and pulling it ends the question."""
    return CodeWords(
        entry=_code("pickup.pin_administrator", say("admin_pin.title"), say("admin_pin.lead"), facts, watched=watched),
        wrong=WrongCodeView("pickup.pin_administrator_wrong", watched=watched),
        last=last_try("pickup.pin_administrator_last", watched=watched),
        locked=stop("refused", "administrator_locked", icon="lock-alert-outline"),
        declined=stop("refused", "last_try_kept"),
    )


def document(administrator: Administrator) -> Choose:
    """Which ID document was seen. Only its kind is kept."""
    return Choose(
        name="pickup.document",
        errand=ERRAND,
        step=STEP,
        attended_by=administrator.name,
        title=say("document.title"),
        lead=(say("document.lead"),),
        options=tuple(Option(kind, say(f"document.{kind}")) for kind in DOCUMENTS),
        way_out=cancel(),
    )


def take_administrator(administrator: Administrator) -> Await:
    """The one reader is needed for the holder's card now."""
    return Await(
        name="pickup.take_administrator",
        errand=ERRAND,
        step=STEP,
        attended_by=administrator.name,
        title=say("take_admin.title"),
        lead=(say("take_admin.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )
