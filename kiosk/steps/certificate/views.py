"""The views of renewing a certificate: what may be renewed, what will happen, and the end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Literal, Protocol

from drivers.reader.model import Certificate
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import Offer
from kiosk.steps.capabilities import StopError
from kiosk.steps.certificate.removal_views import use
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import cancel_button, date_text, last_digits, primary_button
from kiosk.views import Busy, Button, Choose, Confirm, Fact, Option, Point, Say, say

OldIs = Literal["none", "gone", "kept", "unknown"]
"""What became of the old certificate; `none`: there was none."""


class Wanted(Protocol):
    """A certificate that may be fetched."""

    @property
    def offer(self) -> Offer: ...
    @property
    def purpose(self) -> str: ...
    @property
    def present(self) -> Certificate | None: ...
    @property
    def fetched(self) -> Certificate | None: ...


def asking(context: ViewContext) -> Busy:
    """The issuer is asked what it offers."""
    return Busy(**context.head("asking", say("renew.asking.title"), say("renew.asking.lead")))


def which(context: ViewContext, renewals: Sequence[Wanted]) -> Choose:
    """Log-in or signature; the answer is the use."""
    return Choose(
        **context.head("which", say("renew.which.title"), say("renew.which.lead")),
        options=tuple(
            Option(
                renewal.purpose, say(f"certificate.{renewal.purpose}"), _ends(renewal.present), "certificate-outline"
            )
            for renewal in renewals
        ),
        way_out=cancel_button(),
        needs_card=True,
    )


def _ends(present: Certificate | None) -> Say | None:
    return say("certificates.detail", day=_last(present)) if present else None


def _last(certificate: Certificate) -> Say:
    return date_text(certificate.not_after.astimezone().date())


def begin(context: ViewContext, whose: CardHolder, renewal: Wanted) -> Confirm:
    """Return the view that says what will happen; where the new certificate is on the card already, only its test."""
    new = renewal.fetched
    until = _last(new) if new else date_text(date.fromisoformat(renewal.offer.not_after))
    key = "again" if new else "begin"
    return Confirm(
        **context.head(key, say(f"renew.{key}.title")),
        points=(
            Point(say(f"renew.{key}.new"), say(f"renew.{key}.new.detail"), icon="certificate-outline"),
            Point(say("renew.begin.old"), say("renew.begin.old.detail"), icon="shield-check-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),
            Fact(say("renew.fact.use"), say(f"certificate.{renewal.purpose}")),
            Fact(say("renew.fact.until"), until),
        ),
        warning=say(
            "renew.begin.by_hand"
            if renewal.offer.by_hand and not (new or renewal.offer.ready)
            else "renew.begin.warning"
        ),
        way_out=cancel_button(),
        primary=primary_button("begin", f"renew.{key}.go"),
        needs_card=True,
    )


def old(context: ViewContext, previous: Certificate) -> Confirm:
    """The new one works: may the old one go?"""
    return Confirm(
        **context.head("old", say("renew.old.title")),
        points=(
            Point(say("renew.old.works"), say("renew.old.works.detail"), icon="shield-check-outline"),
            Point(say("renew.old.one"), say("renew.old.one.detail"), icon="monitor"),
        ),
        facts=(Fact(say("renew.fact.old"), _last(previous)), Fact(say("renew.fact.use"), use(previous))),
        way_out=Button("keep", say("renew.old.keep"), "close"),
        primary=primary_button("remove", "renew.old.go"),
        needs_card=True,
        asks_back=False,
    )


def done(new: Certificate, old: OldIs) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end: how long the new one lasts, and what became of the old one."""
    until = say("renew.done.until", day=_last(new))
    return say("renew.done.title"), (until,) if old == "none" else (until, say(f"renew.done.old_{old}"))


def not_offered(context: ViewContext) -> StopError:
    """The issuer offers this card nothing now."""
    return context.stop("not_offered")


def too_early(context: ViewContext, since: datetime) -> StopError:
    """It lasts long still: from which day it may be renewed."""
    early = context.stop("too_early")
    lead = say("stop.too_early.lead", day=date_text(since.astimezone().date()))
    return StopError(ErrandOutcome.REFUSED, "too_early", replace(early.view, lead=(lead,)))
