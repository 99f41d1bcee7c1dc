"""The views of a certificate to a reserve card: level 2 ends, who is here, whose card it is, and the end."""

from datetime import date

from kiosk.issuer.ports import DirectoryPerson, Offer
from kiosk.region import BothLanguages
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import strange_note
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.view_helpers import cancel_button, date_text, display_name, last_digits, primary_button
from kiosk.views import (
    Await,
    Busy,
    Button,
    Choose,
    Confirm,
    EnterText,
    Fact,
    Note,
    Option,
    PersonName,
    Point,
    ReaderDrawing,
    Tell,
    local,
    say,
)


def phased_out(context: ViewContext, last: date) -> Tell:
    """Level 2 ends, before anything is done."""
    return Tell(
        **context.head(
            "phased_out", say("reserve.phased_out.title", day=date_text(last)), say("reserve.phased_out.lead")
        ),
        badge="warning",
        badge_icon="calendar-clock",
        points=(Point(say("reserve.phased_out.do"), bullet="number"),),
        sends_on=True,
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
    )


def level_2_off(context: ViewContext, reason: BothLanguages) -> Tell:
    """The region gives no certificate of level 2, in its own words; level 3 takes two administrators."""
    return Tell(
        **context.head("level_2_off", say("reserve.level_2_off.title"), local(reason.model_dump())),
        badge="warning",
        badge_icon="account-check-outline",
        points=(Point(say("reserve.level_2_off.do"), bullet="number"),),
        sends_on=True,
        way_out=cancel_button(),
        primary=primary_button("next", "button.next"),
    )


def who(context: ViewContext) -> Choose:
    """Own ordinary card, or an administrator beside."""
    return Choose(
        **context.head("who", say("who.title"), say("reserve.who.lead")),
        options=(
            Option("own_card", say("reserve.who.own_card"), say("reserve.who.own_card.detail"), "smart-card-outline"),
            Option("administrator", say("who.administrator"), say("who.administrator.detail"), "account-check-outline"),
        ),
        way_out=cancel_button(),
    )


def level(context: ViewContext) -> Choose:
    """With an administrator: level 2, or level 3, which takes another one."""
    return Choose(
        **context.head("level", say("reserve.level.title")),
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
        **context.head(name, say(title), say("insert.lead"), say("insert.stay")),
        note=strange_note(strange, Note(say("insert.wipe"), say("insert.unread"))),
        drawing=ReaderDrawing(),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def take_own(context: ViewContext) -> Await:
    """Out with it: the reserve card is next."""
    return Await(
        **context.head("take_own", say("reserve.take_own.title"), say("reserve.take_own.lead")),
        drawing=ReaderDrawing("out"),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def begin(context: ViewContext, whose: CardHolder, offer: Offer) -> Confirm:
    """Return the view that says whose card it is, what it gets, and for how long: never longer than the assignment."""
    return Confirm(
        **context.head("begin", say("reserve.begin.title")),
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


def over(context: ViewContext) -> StopError:
    """The issuer offers no certificate of level 3: it was prolonged once, or the assignment ends."""
    return context.stop("reserve_over", icon="calendar-clock")


def where(context: ViewContext) -> Choose:
    """The person has a reserve card, or one of the cabinet's becomes theirs."""
    return Choose(
        **context.head("where", say("reserve.where.title")),
        options=(
            Option("here", say("reserve.where.here"), say("reserve.where.here.detail"), "smart-card-outline"),
            Option("cabinet", say("reserve.where.cabinet"), say("reserve.where.cabinet.detail"), "archive-outline"),
        ),
        way_out=cancel_button(),
    )


def person(context: ViewContext) -> EnterText:
    """Return the view that asks for the HSA-id of the person whose card it shall be."""
    return EnterText(
        **context.head("person", say("reserve.person.title"), say("reserve.person.lead")),
        hint=say("reserve.person.hint"),
        keyboard="host",
        at_least=5,
        at_most=31,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def looking_up(context: ViewContext) -> Busy:
    return Busy(**context.head("looking_up", say("reserve.looking_up.title")))


def person_not_known(context: ViewContext, hsa_id: str) -> Tell:
    """The directory has nobody of that HSA-id."""
    return Tell(
        **context.head(
            "person_not_known",
            say("reserve.person_not_known.title"),
            say("reserve.person_not_known.lead", who=PersonName(hsa_id)),
        ),
        badge="warning",
        badge_icon="account-outline",
        way_out=cancel_button(),
        primary=primary_button("again", "button.again"),
    )


def bind(context: ViewContext, person: DirectoryPerson, card_number: str) -> Confirm:
    """Return the view that asks to give the card to this person for good; it shows when the assignment ends."""
    ends = None if person.continued else person.left or person.employed_until
    return Confirm(
        **context.head("bind", say("reserve.bind.title")),
        points=(
            Point(
                say("reserve.bind.document"), say("reserve.bind.document.detail"), icon="card-account-details-outline"
            ),
        ),
        facts=(
            Fact(say("fact.holder"), PersonName(person.name or person.hsa_id)),
            Fact(say("reserve.bind.hsa_id"), PersonName(person.hsa_id)),
            Fact(say("fact.card"), f"…{last_digits(card_number)}"),
            Fact(say("reserve.bind.last_day"), date_text(date.fromisoformat(ends)) if ends else "–"),
        ),
        warning=say("reserve.bind.warning"),
        way_out=cancel_button(),
        primary=primary_button("bind", "reserve.bind.go"),
    )


def binding(context: ViewContext) -> Busy:
    """The server is asked."""
    return Busy(**context.head("binding", say("reserve.binding.title")))


def unbroken(context: ViewContext, card_number: str) -> Confirm:
    """Nobody may have opened the envelope before its person does."""
    return Confirm(
        **context.head("unbroken", say("reserve.unbroken.title")),
        points=(
            Point(say("reserve.unbroken.yes"), say("reserve.unbroken.yes.detail"), "good"),
            Point(say("reserve.unbroken.no"), say("reserve.unbroken.no.detail"), "bad"),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(card_number)}"),),
        side=Button("no", say("reserve.unbroken.go_no")),
        primary=primary_button("yes", "reserve.unbroken.go", "check"),
    )
