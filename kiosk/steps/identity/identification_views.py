"""The views of identification: the holder's own card, or an administrator who attends, and the document that was seen."""

from drivers.reader.model import CardFacts, Certificate
from kiosk.issuer.ports import LoggedIn
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import CodeWords, Strangeness
from kiosk.steps.card_views import WrongCodeView, code_entry, last_try, reader_for, stop, strange_note
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import cancel
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


def who(scene: Scene, *, released: bool = False) -> Choose:
    """Own old card, or an administrator beside; `released`: a card waits that the letter's release code is enough for."""
    return Choose(
        name=scene.name("who"),
        errand=scene.title,
        step=scene.step,
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
        way_out=cancel(),
    )


def insert_own(scene: Scene, strange: Strangeness | None) -> Await:
    """The holder's own card."""
    return Await(
        name=scene.name("insert_old"),
        errand=scene.title,
        step=scene.step,
        title=say("insert_own.title"),
        lead=(say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=reader_for(strange),
        way_out=cancel(),
        waits_for=say("wait.card"),
    )


def own_code(scene: Scene, facts: CardFacts) -> CodeWords:
    """The PIN of the holder's own card."""
    return CodeWords(
        entry=code_entry(scene, "pin_old", say("own_pin.title"), say("own_pin.lead"), facts),
        wrong=WrongCodeView(scene, "pin_old_wrong"),
        last=last_try(scene, "pin_old_last"),
        locked=stop(scene, "refused", "own_card_locked", icon="lock-alert-outline"),
        declined=stop(scene, "refused", "last_try_kept"),
    )


def take_own(scene: Scene) -> Await:
    """Out with the old card; it goes into the drop slot at the end."""
    return Await(
        name=scene.name("take_old"),
        errand=scene.title,
        step=scene.step,
        title=say("take_own.title"),
        lead=(say("take_own.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel(),
        waits_for=say("wait.taken"),
    )


def own_card_not_valid(scene: Scene, certificate: Certificate | None) -> StopError:
    """The certificate is missing, expired, revoked or from somebody whom we do not trust."""
    expired = certificate is not None and certificate.chain == "expired"
    return stop(scene, "refused", "own_card_expired" if expired else "own_card_untrusted")


def document(scene: Scene, administrator: LoggedIn) -> Choose:
    """Which ID document was seen. Only its kind is kept."""
    return Choose(
        name=scene.name("document"),
        errand=scene.title,
        step=scene.step,
        attended_by=administrator.name,
        title=say("document.title"),
        lead=(say("document.lead"),),
        options=tuple(Option(kind, say(f"document.{kind}")) for kind in DOCUMENTS),
        way_out=cancel(),
    )


def document_digits(scene: Scene, administrator: LoggedIn) -> EnterDigits:
    """The last digits of the document's number: enough to find it again, never the whole of it."""
    return EnterDigits(
        name=scene.name("document_digits"),
        errand=scene.title,
        step=scene.step,
        attended_by=administrator.name,
        title=say("document_digits.title"),
        lead=(say("document_digits.lead"),),
        hint=say("document_digits.hint"),
        length=DOCUMENT_DIGITS,
        submit=say("button.next"),
        way_out=cancel(),
    )


def two_needed(scene: Scene) -> StopError:
    """LoA3 on a reserve card: only two administrators can hand it out."""
    return stop(scene, "refused", "two_needed")
