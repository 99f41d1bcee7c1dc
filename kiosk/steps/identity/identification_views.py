"""The views of identification: the holder's own card, or an administrator who attends, and the document that was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from drivers.reader.model import CardFacts, Certificate
from kiosk.issuer.ports import LoggedIn
from kiosk.region import Document, IdentityCheck
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodePrompts, Strangeness
from kiosk.steps.card_views import LastTryView, WrongCodeView, code_entry, reader_for, strange_note
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.identity.administrator import Which
from kiosk.steps.view_helpers import cancel_button, display_name, last_digits
from kiosk.views import (
    Await,
    Button,
    Checklist,
    Choose,
    EnterDigits,
    Note,
    NumberDrawing,
    Option,
    PersonName,
    ReaderDrawing,
    RestingDrawing,
    local,
    say,
)

DOCUMENTS = get_args(Document)
DOCUMENT_DIGITS = 4
"""So much of a document's number is kept."""


def who(context: ViewContext, *, released: bool = False) -> Choose:
    """Own old card, or an administrator beside; `released`: a card waits that the letter's release code is enough for."""
    return Choose(
        **context.head("who", say("who.title"), say("who.lead")),
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
        **context.head("insert_old", say("insert_own.title"), say("insert.lead"), say("insert.stay")),
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
        locked=context.stop("own_card_locked", icon="lock-alert-outline"),
        declined=context.stop("last_try_kept"),
        refused=context.stop("card_refused"),
    )


def take_own(context: ViewContext) -> Await:
    """Out with the old card; it goes into the drop slot at the end."""
    return Await(
        **context.head("take_old", say("take_own.title"), say("take_own.lead")),
        drawing=ReaderDrawing("out"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def own_card_not_valid(context: ViewContext, certificate: Certificate | None) -> StopError:
    """The certificate is missing, expired, revoked or from somebody whom we do not trust."""
    expired = certificate is not None and certificate.chain == "expired"
    return context.stop("own_card_expired" if expired else "own_card_untrusted")


def document(context: ViewContext, administrator: LoggedIn, documents: Sequence[str] = DOCUMENTS) -> Choose:
    """Return the view that asks which ID document was seen, of those that the region accepts. Only its kind is kept."""
    return Choose(
        **context.head("document", say("document.title"), say("document.lead")),
        attended_by=administrator.name,
        options=tuple(Option(kind, say(f"document.{kind}")) for kind in documents),
        way_out=cancel_button(),
    )


def document_digits(context: ViewContext, administrator: LoggedIn) -> EnterDigits:
    """The last digits of the document's number: enough to find it again, never the whole of it."""
    return EnterDigits(
        **context.head("document_digits", say("document_digits.title"), say("document_digits.lead")),
        attended_by=administrator.name,
        drawing=NumberDrawing("document", DOCUMENT_DIGITS),
        hint=say("document_digits.hint"),
        length=DOCUMENT_DIGITS,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


@dataclass(frozen=True, slots=True)
class CheckState:
    """The region's identity checks, those that are ticked, and whose cards are in a reader meanwhile."""

    steps: Sequence[IdentityCheck]
    ticked: frozenset[str]
    readers: tuple[Which, ...]


def identity_checks(
    context: ViewContext, administrator: LoggedIn, state: CheckState, document: str, whose: CardHolder
) -> Checklist:
    """Return the list of what the administrator checks, each ticked by a touch (design, 26-activate-2)."""
    by_fact = {
        "document": say(f"document.{document}"),
        "name": say("which.person", who=display_name(whose)),
        "hsa_id": say("which.person", who=PersonName(whose.hsa_id)),
        "card_number": say("which.card", tail=last_digits(whose.card_number)),
    }
    done, whole = len(state.ticked), len(state.steps)
    return Checklist(
        **context.head(
            "check", say("identity_check.title"), say("identity_check.lead", name=PersonName(administrator.name))
        ),
        attended_by=administrator.name,
        heading=say("identity_check.side"),
        progress=say("identity_check.progress", done=done, all=whole),
        options=tuple(
            Option(step.id, local(step.text.model_dump()), by_fact.get(step.compared or "")) for step in state.steps
        ),
        ticked=state.ticked,
        drawing=RestingDrawing(
            state.readers, say("identity_check.stay_both" if len(state.readers) > 1 else "identity_check.stay")
        ),
        way_out=cancel_button(),
        side=Button("disagrees", say("identity_check.disagrees"), "alert-outline"),
        waits_for=say(f"identity_check.left.{whole - done}"),
        needs_card="holder" in state.readers,
    )
