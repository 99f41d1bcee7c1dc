"""The views of taking certificates off a card: which, is that sure, it is being done, it stays."""

from collections.abc import Sequence
from typing import Protocol

from drivers.reader.model import Certificate
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import back_button, cancel_button, date_text, primary_button
from kiosk.views import Busy, Choose, Confirm, Fact, Option, Point, Say, Tell, say


class Old(Protocol):
    """A certificate that may go, and why."""

    @property
    def certificate(self) -> Certificate: ...
    @property
    def why(self) -> str: ...


def which(context: ViewContext, old: Sequence[Old], *, writable: bool, several: bool = False) -> Choose:
    """Return the view that offers what may go from the card, and blocking all of it. The answer is a place in `old`,
    `block` or `end`. `several`: it names several employers, and so does this."""
    reason = None if writable else say("clean.not_writable")
    tiles = [
        Option(
            str(at),
            say(f"clean.old.{entry.certificate.purpose}"),
            _for_employer(_why(entry), entry, several=several),
            "certificate-outline",
            reason,
        )
        for at, entry in enumerate(old)
    ]
    block = Option("block", say("clean.block"), say("clean.block.detail"), "smart-card-off-outline")
    return Choose(
        **context.head(
            "which",
            say("clean.which.title" if old else "clean.nothing.title"),
            say("clean.which.lead" if old else "clean.nothing.lead"),
        ),
        options=(*tiles, block),
        way_out=cancel_button(),
        primary=primary_button("end", "clean.end", "check"),
        needs_card=True,
    )


def use(certificate: Certificate) -> Say:
    """Say what a certificate is for."""
    return say(f"certificate.{certificate.purpose}")


def _why(old: Old) -> Say:
    return say(f"clean.why.{old.why}", day=date_text(old.certificate.not_after.astimezone().date()))


def _for_employer(text: Say, old: Old, *, several: bool) -> Say:
    name = old.certificate.holder.organisation if several else ""
    return say("employer.strip", errand=text, name=name) if name else text


def sure(context: ViewContext, old: Old, *, several: bool = False) -> Confirm:
    """One certificate: what goes, and what stays."""
    return Confirm(
        **context.head("sure_remove", say("clean.sure.title")),
        points=(
            Point(say("clean.sure.goes"), say("clean.sure.goes.detail"), icon="certificate-outline"),
            Point(say("clean.sure.stays"), say("clean.sure.stays.detail"), icon="shield-check-outline"),
        ),
        facts=(
            Fact(say("renew.fact.use"), _for_employer(use(old.certificate), old, several=several)),
            Fact(say("fact.lasts"), date_text(old.certificate.not_after.astimezone().date())),
        ),
        warning=say("clean.sure.warning"),
        way_out=back_button(),
        primary=primary_button("remove", "clean.sure.go"),
        needs_card=True,
    )


def removing(context: ViewContext) -> Busy:
    """It is being taken off."""
    return Busy(**context.head("removing", say("busy.title"), say("clean.removing")), under=say("busy.card_in"))


def stays(context: ViewContext) -> Tell:
    """The card, or whoever answers for its management key, does not let it go: nothing is broken by that."""
    return Tell(
        **context.head("stays", say("clean.stays.title"), say("clean.stays.lead")),
        badge="warning",
        badge_icon="alert",
        points=(Point(say("clean.stays.do"), bullet="number"),),
        primary=primary_button("next", "button.next"),
    )


def done(removed: int) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end, by how many went."""
    if removed == 0:
        return say("clean.done.none"), (say("clean.done.none.lead"),)
    return say("clean.done.title"), (say("clean.done.one" if removed == 1 else "clean.done.many", count=removed),)
