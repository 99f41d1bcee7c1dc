"""The views of identification: the holder's own card, or an administrator who attends, and the document that was seen."""

from drivers.reader.model import CardFacts, Certificate
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import LoggedIn
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodePrompts, Strangeness
from kiosk.steps.card_views import LastTryView, WrongCodeView, card_refused, code_entry, reader_for, stop, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import (
    Await,
    Choose,
    EnterDigits,
    Note,
    Option,
    ReaderDrawing,
    say,
)

DOCUMENTS = ("passport", "national_id", "driving_licence", "id_card", "service_card")
DOCUMENT_DIGITS = 4
"""So much of a document's number is kept."""


def who(context: ViewContext, *, released: bool = False) -> Choose:
    """Own old card, or an administrator beside; `released`: a card waits that the letter's release code is enough for."""
    return Choose(
        name=context.name("who"),
        errand=context.title,
        step=context.step,
        title=say("who.title"),
        lead=(say("who.lead"),),
        options=(
            Option("old_card", say("who.old_card"), say("who.old_card.detail"), "smart-card-outline"),
            Option("administrator", say("who.administrator"), say("who.administrator.detail"), "account-check-outline"),
            *(
                (Option("release_code", say("who.release"), say("who.release.detail"), "email-outline"),)
                if released
                else ()
            ),
        ),
        way_out=cancel_button(),
    )


def insert_own(context: ViewContext, strange: Strangeness | None) -> Await:
    return Await(
        name=context.name("insert_old"),
        errand=context.title,
        step=context.step,
        title=say("insert_own.title"),
        lead=(say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def own_code(context: ViewContext, facts: CardFacts) -> CodePrompts:
    """The PIN of the holder's own card."""
    return CodePrompts(
        entry=code_entry(context, "pin_old", say("own_pin.title"), say("own_pin.lead"), facts),
        wrong=WrongCodeView(context, "pin_old_wrong"),
        last=LastTryView(context, "pin_old_last"),
        locked=stop(context, ErrandOutcome.REFUSED, "own_card_locked", icon="lock-alert-outline"),
        declined=stop(context, ErrandOutcome.REFUSED, "last_try_kept"),
        refused=card_refused(context),
    )


def take_own(context: ViewContext) -> Await:
    """Out with the old card; it goes into the drop slot at the end."""
    return Await(
        name=context.name("take_old"),
        errand=context.title,
        step=context.step,
        title=say("take_own.title"),
        lead=(say("take_own.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def own_card_not_valid(context: ViewContext, certificate: Certificate | None) -> StopError:
    """The certificate is missing, expired, revoked or from somebody whom we do not trust."""
    expired = certificate is not None and certificate.chain == "expired"
    return stop(context, ErrandOutcome.REFUSED, "own_card_expired" if expired else "own_card_untrusted")


def document(context: ViewContext, administrator: LoggedIn) -> Choose:
    """Which ID document was seen. Only its kind is kept."""
    return Choose(
        name=context.name("document"),
        errand=context.title,
        step=context.step,
        attended_by=administrator.name,
        title=say("document.title"),
        lead=(say("document.lead"),),
        options=tuple(Option(kind, say(f"document.{kind}")) for kind in DOCUMENTS),
        way_out=cancel_button(),
    )


def document_digits(context: ViewContext, administrator: LoggedIn) -> EnterDigits:
    """The last digits of the document's number: enough to find it again, never the whole of it."""
    return EnterDigits(
        name=context.name("document_digits"),
        errand=context.title,
        step=context.step,
        attended_by=administrator.name,
        title=say("document_digits.title"),
        lead=(say("document_digits.lead"),),
        hint=say("document_digits.hint"),
        length=DOCUMENT_DIGITS,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def two_needed(context: ViewContext) -> StopError:
    """LoA3 on a reserve card: only two administrators can hand it out."""
    return stop(context, ErrandOutcome.REFUSED, "two_needed")
