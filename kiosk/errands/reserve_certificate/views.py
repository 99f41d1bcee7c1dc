"""The views of a certificate to a reserve card: level 2 ends, who is here, whose card it is, and the end."""

from datetime import date

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import Offer
from kiosk.region import BothLanguages
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import stop, strange_note
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import cancel_button, date_text, display_name, last_digits, primary_button
from kiosk.views import Await, Choose, Confirm, Fact, Note, Option, Point, ReaderDrawing, Tell, local, say


def phased_out(context: ViewContext, last: date) -> Tell:
    """Level 2 ends, before anything is done."""
    return Tell(
        name=context.name("phased_out"),
        errand=context.title,
        step=context.step,
        badge="warning",
        badge_icon="calendar-clock",
        title=say("reserve.phased_out.title", day=date_text(last)),
        lead=(say("reserve.phased_out.lead"),),
        points=(Point(say("reserve.phased_out.do"), mark="number"),),
        sends_on=True,
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
    )


def level_2_off(context: ViewContext, reason: BothLanguages) -> Tell:
    """The region gives no certificate of level 2, in its own words; level 3 takes two administrators."""
    return Tell(
        name=context.name("level_2_off"),
        errand=context.title,
        step=context.step,
        badge="warning",
        badge_icon="account-check-outline",
        title=say("reserve.level_2_off.title"),
        lead=(local(reason.model_dump()),),
        points=(Point(say("reserve.level_2_off.do"), mark="number"),),
        sends_on=True,
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
    )


def who(context: ViewContext) -> Choose:
    """Own ordinary card, or an administrator beside."""
    return Choose(
        name=context.name("who"),
        errand=context.title,
        step=context.step,
        title=say("who.title"),
        lead=(say("reserve.who.lead"),),
        options=(
            Option("own_card", say("reserve.who.own_card"), say("reserve.who.own_card.detail"), "smart-card-outline"),
            Option("administrator", say("who.administrator"), say("who.administrator.detail"), "account-check-outline"),
        ),
        way_out=cancel_button(),
    )


def level(context: ViewContext) -> Choose:
    """With an administrator: level 2, or level 3, which takes another one."""
    return Choose(
        name=context.name("level"),
        errand=context.title,
        step=context.step,
        title=say("reserve.level.title"),
        options=(
            Option("2", say("reserve.level.2"), say("reserve.level.2.detail"), "account-outline"),
            Option("3", say("reserve.level.3"), say("reserve.level.3.detail"), "account-check-outline"),
        ),
        way_out=cancel_button(),
    )


def insert_own(context: ViewContext, strange: Strangeness | None) -> Await:
    """The holder's other card, which is valid."""
    return _insert(context, "insert_own", "reserve.insert_own.title", strange)


def insert(context: ViewContext, strange: Strangeness | None) -> Await:
    return _insert(context, "insert", "reserve.insert.title", strange)


def _insert(context: ViewContext, name: str, title: str, strange: Strangeness | None) -> Await:
    return Await(
        name=context.name(name),
        errand=context.title,
        step=context.step,
        title=say(title),
        lead=(say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def take_own(context: ViewContext) -> Await:
    """Out with it: the reserve card is next."""
    return Await(
        name=context.name("take_own"),
        errand=context.title,
        step=context.step,
        title=say("reserve.take_own.title"),
        lead=(say("reserve.take_own.lead"),),
        drawing=ReaderDrawing("out"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def begin(context: ViewContext, whose: CardHolder, offer: Offer) -> Confirm:
    """Whose card it is, what it gets, and how long: never longer than the assignment."""
    return Confirm(
        name=context.name("begin"),
        errand=context.title,
        step=context.step,
        title=say("reserve.begin.title"),
        points=(
            Point(
                say("reserve.begin.level", level=offer.loa),
                say("reserve.begin.level.detail"),
                icon="certificate-outline",
            ),
            Point(say("reserve.begin.one"), say("reserve.begin.one.detail"), icon="account-outline"),
        ),
        facts=(
            Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),
            Fact(say("fact.holder"), display_name(whose)),
            Fact(say("renew.fact.until"), date_text(date.fromisoformat(offer.not_after))),
        ),
        warning=say("renew.begin.warning"),
        way_out=cancel_button(),
        primary=primary_button("begin", "renew.begin.go"),
        needs_card=True,
    )


def own_not_valid(context: ViewContext) -> StopError:
    """The card with which the holder wanted to show who they are does not count."""
    return stop(context, ErrandOutcome.REFUSED, "own_not_valid")


def over(context: ViewContext) -> StopError:
    """The issuer offers no certificate of level 3: it was prolonged once, or the assignment ends."""
    return stop(context, ErrandOutcome.REFUSED, "reserve_over", icon="calendar-clock")


def no_reserve_card(context: ViewContext) -> StopError:
    """The register does not know it as a reserve card."""
    return stop(context, ErrandOutcome.REFUSED, "no_reserve_card")


def other_person(context: ViewContext) -> StopError:
    """It was given to somebody else: one card to one person, ever."""
    return stop(context, ErrandOutcome.REFUSED, "other_person")


def two_administrators(context: ViewContext) -> StopError:
    """Only level 3 is left, which takes two ID administrators."""
    return stop(context, ErrandOutcome.REFUSED, "two_administrators")
