"""The views of a code letter that is not at hand: the ways on, and ordering a new one."""

from datetime import date, datetime
from typing import Literal

from kiosk.issuer.ports import LoggedIn
from kiosk.region import ByPeople
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import cancel_button, date_text, done_by, last_digits, primary_button
from kiosk.views import Busy, Choose, Confirm, Fact, Note, Option, Point, Say, Tell, say

CardPlace = Literal["locked", "waits", "slot"]
"""The card until the letter comes: locked, without a code in its holder's hands, or in its slot."""


def without(context: ViewContext, attending: LoggedIn | None = None, *, needs_card: bool = True) -> Choose:
    """No envelope at hand: an administrator attends, or a new letter is ordered. `attending`: the one who is logged in."""
    helped = "without.admin" if attending is None else "without.attending"
    return Choose(
        **context.head("without", say("without.title"), say("without.lead")),
        attended_by=attending.name if attending else None,
        options=(
            Option("administrator", say(helped), say("without.admin.detail"), "account-check-outline"),
            Option("letter", say("without.letter"), say("without.letter.detail"), "email-outline"),
        ),
        way_out=cancel_button(),
        needs_card=needs_card,
    )


def order(context: ViewContext, whose: CardHolder, card: CardPlace, *, instead: bool = False) -> Confirm:
    """Return the view that says what ordering means, before it is done. `instead`: why it is not done by the
    administrator who is here."""
    return Confirm(
        **context.head("order_letter", say("letter.title")),
        note=Note(say("letter.instead")) if instead else None,
        points=(
            Point(say("letter.home"), say("letter.home.detail"), icon="email-outline"),
            Point(say(f"letter.{card}"), say(f"letter.{card}.detail"), icon="lock-alert-outline"),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),),
        way_out=cancel_button(),
        primary=primary_button("order", "letter.go"),
        sends_on=card == "locked",
    )


def ordering(context: ViewContext) -> Busy:
    return Busy(**context.head("ordering", say("letter.busy"), say("letter.busy.lead")))


def ordered(context: ViewContext, arrives: date, where: str, card: CardPlace) -> Tell:
    """Return the view that says when and where the letter comes."""
    return Tell(
        **context.ending().head(
            "letter_ordered", say("letter.done"), say(f"letter.done.{where}", day=date_text(arrives)), _come_back(card)
        ),
        badge="success",
        badge_icon="check-bold",
        primary=primary_button("end", "button.end", "check"),
        sends_on=where == "office",
    )


def noted(context: ViewContext, by_hand: ByPeople | None, now: datetime, card: CardPlace) -> Tell:
    """Return the view that says who orders it in the issuer's portal, by when where the region says so, and that it
    comes by post."""
    by = say("letter.noted.somebody") if by_hand is None else done_by("letter.noted.by", by_hand, now)
    return Tell(
        **context.ending().head("letter_noted", say("letter.noted"), by, say("letter.noted.lead"), _come_back(card)),
        badge="success",
        badge_icon="email-outline",
        primary=primary_button("end", "button.end", "check"),
    )


def _come_back(card: CardPlace) -> Say:
    return say("letter.done.then_slot" if card == "slot" else "letter.done.then")
