"""The views of keys and certificates that are being written: what is done now, what a tear leaves, and where it stops.

What all of them say is true at that moment: the old certificate is as it was until the new one has been tested.
"""

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.administrator_views import log_in_expired
from kiosk.views import Await, Busy, Button, Note, ReaderDrawing, Task, say

TASKS = ("key", "fetch", "write", "test")


def working(context: ViewContext, now: str) -> Busy:
    """One of `TASKS` is being done; the card stays in."""
    at = TASKS.index(now)
    return Busy(
        **context.head(f"working_{now}", say("busy.title"), say(f"renew.working.{now}")),
        tasks=tuple(
            Task(say(f"renew.task.{task}"), "done" if i < at else "now" if i == at else "later")
            for i, task in enumerate(TASKS)
        ),
        under=say("busy.card_in"),
    )


def pulled(context: ViewContext, strange: Strangeness | None) -> Await:
    """The card went while it was written: the old certificate is there, and the same card is wanted back."""
    note = None if strange is None else strange_note(strange, Note(say("insert.wipe")))
    return Await(
        **context.head("pulled", say("pulled.title"), say("renew.pulled.lead"), say("renew.pulled.do")),
        badge="failure",
        badge_icon="smart-card-off-outline",
        note=note,
        drawing=ReaderDrawing(),
        way_out=Button("gone", say("pulled.gone"), "help-circle-outline"),
        waits_for=say("wait.card"),
    )


def gone(context: ViewContext) -> StopError:
    """The holder does not have the card any more: whether the last change was written is not known."""
    return context.stop("renewal_torn", ErrandOutcome.UNKNOWN, badge="failure", icon="smart-card-off-outline")


def card_refused(context: ViewContext) -> StopError:
    """The card does not do it, or not as it should."""
    return context.stop("not_written", badge="failure")


def keys_away(context: ViewContext) -> StopError:
    """Nobody answers for the card's management key, or the issuer does not."""
    return context.stop("issuer_away", ErrandOutcome.FAULT, icon="cloud-off-outline")


def declined(context: ViewContext, *, late: bool = False) -> StopError:
    """The issuer gives no certificate for this key."""
    return log_in_expired(context) if late else context.stop("certificate_declined")


def new_failed(context: ViewContext, *, gone: bool) -> StopError:
    """The new certificate does not work. It was taken off the card again, or could not be."""
    return context.stop("new_failed" if gone else "new_failed_stays", ErrandOutcome.FAULT, badge="failure")
