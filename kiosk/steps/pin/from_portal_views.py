"""The views of an unlocking whose response, or whose PUK, an administrator fetches in the issuer's portal by hand."""

from dataclasses import replace

from drivers.reader.keys import ChallengeDigits
from drivers.reader.model import Pin
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.pin import views
from kiosk.steps.view_helpers import back_button, cancel_button, group_digits, last_digits, primary_button
from kiosk.views import (
    Await,
    Busy,
    Button,
    ChallengeDrawing,
    Confirm,
    EnterCode,
    EnterDigits,
    Fact,
    Point,
    Say,
    Tell,
    Tries,
    say,
)

CARRIED_S = 300.0
"""Seconds without a touch: whoever attends is at a computer meanwhile."""


def asking_card(context: ViewContext) -> Busy:
    """The card gives its challenge."""
    return Busy(
        **context.head("asking_card", say("busy.title"), say("portal.asking_card")),
        under=say("busy.card_in"),
        attended_by=context.attended_by,
    )


def challenge(context: ViewContext, whose: CardHolder, digits: str) -> Await:
    """Return the view of the challenge that whoever attends types in the portal."""
    return Await(
        **context.head(
            "portal_challenge", say("portal.challenge.title"), say("portal.challenge.lead"), say("portal.challenge.do")
        ),
        attended_by=context.attended_by,
        facts=(Fact(say("fact.card"), group_digits(whose.card_number), "smart-card-outline"),),
        drawing=ChallengeDrawing(digits),
        drawing_text=say("portal.challenge.caption"),
        way_out=cancel_button(),
        side=_nothing_there(),
        primary=primary_button("typed", "portal.challenge.go"),
        needs_card=True,
        idle_s=CARRIED_S,
    )


def response(context: ViewContext, length: int, digits: ChallengeDigits, *, again: bool) -> EnterDigits:
    """The portal's response. `again`: what was typed is none."""
    return EnterDigits(
        **context.head(
            "portal_response",
            say("portal.response.again" if again else "portal.response.title"),
            say(f"portal.response.{digits}", count=length),
        ),
        attended_by=context.attended_by,
        length=length,
        hexadecimal=digits == "hexadecimal",
        private=True,
        submit=say("button.next"),
        way_out=back_button(),
        needs_card=True,
        idle_s=CARRIED_S,
    )


def compare(context: ViewContext, digits: str, answers_left: int) -> Confirm:
    """The response as it was typed, before the card gets it: a wrong one uses a try of the card's key."""
    return Confirm(
        **context.head("portal_compare", say("portal.compare.title")),
        attended_by=context.attended_by,
        points=(
            Point(say("portal.compare.same"), say("portal.compare.same.detail"), icon="account-check-outline"),
            Point(say("portal.compare.cost"), tries_said(answers_left), icon="alert"),
        ),
        drawing=ChallengeDrawing(digits),
        way_out=Button("back", say("button.change"), "arrow-left"),
        primary=primary_button("send", "portal.compare.go"),
        needs_card=True,
        idle_s=CARRIED_S,
    )


def tries_said(answers_left: int) -> Say:
    """Say how many responses the station still sends to this card."""
    return say("portal.tries.one") if answers_left == 1 else say("portal.tries.many", count=answers_left)


def wrong_response(context: ViewContext, answers_left: int) -> Tell:
    """The card did not take it, and is as it was. A new challenge follows only if the person wants one."""
    return Tell(
        **context.head("portal_wrong", say("portal.wrong.title"), say("portal.wrong.lead")),
        attended_by=context.attended_by,
        badge="warning",
        badge_icon="alert",
        points=(Point(say("portal.wrong.new"), bullet="number"), Point(say("portal.wrong.card"), bullet="number")),
        tries=Tries(answers_left, 1, say("portal.wrong.stop")),
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
        needs_card=True,
    )


def puk(context: ViewContext, whose: CardHolder, code: Pin | None) -> EnterCode:
    """The PUK that the portal shows for this card, typed by whoever attends."""
    usual = views.puk(context, whose, code)
    return replace(
        usual,
        name=context.name("portal_puk"),
        attended_by=context.attended_by,
        title=say("portal.puk.title"),
        lead=(say("portal.puk.lead"), _length(usual)),
        drawing=None,
        facts=(Fact(say("fact.card"), group_digits(whose.card_number)),),
        side=_nothing_there(),
        idle_s=CARRIED_S,
    )


def wrong_puk(context: ViewContext, whose: CardHolder, code: Pin | None, left: int | None) -> EnterCode:
    """The card did not take the PUK that was typed: it is typed again, and the new code is kept. `left` counts down to where the
    station stops."""
    usual = puk(context, whose, code)
    return replace(
        usual,
        name=context.name("portal_puk_wrong"),
        title=say("wrong_puk.title"),
        lead=(say("wrong_puk.kept"), say("portal.puk.compare", tail=last_digits(whose.card_number))),
        facts=(),
        tries=None if left is None else Tries(left, 1, say("wrong_puk.stop")),
        submit=say("write.go"),
    )


def _length(entry: EnterCode) -> Say:
    least, most = entry.min_length, entry.max_length
    return say("portal.puk.digits", count=most) if least == most else say("portal.puk.range", least=least, most=most)


def _nothing_there() -> Button:
    return Button("nothing", say("portal.none"), "help-circle-outline")
