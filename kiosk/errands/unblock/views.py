"""The views of unblocking: whether this product may be unblocked here, what is left, and the end."""

from dataclasses import replace
from datetime import date, datetime

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.region import ByPeople
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import stop
from kiosk.steps.context import CardHolder, ViewContext
from kiosk.steps.pin.card_test_views import Untested, untested_lead
from kiosk.steps.pin.views import TASKS_WITH_PUK
from kiosk.steps.view_helpers import cancel_button, date_text, done_by, last_digits, primary_button
from kiosk.views import (
    Await,
    Busy,
    Button,
    Choose,
    Confirm,
    Fact,
    Note,
    Option,
    Point,
    ProductCodeDrawing,
    Say,
    Tell,
    say,
)

CONTEXT = ViewContext("unblock", tasks=TASKS_WITH_PUK)
CARD, CODE = CONTEXT.at(1, 3), CONTEXT.at(2, 3)
LETTER = CONTEXT.at(2, 2)
OTHER = "other"
"""A product code that no rule of the region names."""


def insert(context: ViewContext, strange: Strangeness | None) -> Await:
    """The card, and the letter at hand: what unlocking takes is said before a code is asked for."""
    return replace(own_card_views.insert(context, strange), lead=(say("insert.lead"), say("unblock.letter")))


def locked(context: ViewContext) -> Tell:
    """Both codes are locked, and the holder may unlock them: what that means, and what to do, twice."""
    return Tell(
        name=context.name("locked"),
        errand=context.title,
        step=context.step,
        badge="warning",
        badge_icon="lock-alert-outline",
        title=say("locked.title"),
        points=(
            Point(say("locked.lead"), mark="bad"),
            Point(say("locked.valid"), mark="good"),
            Point(say("locked.yourself"), mark="good"),
            Point(say("locked.envelope"), mark="number"),
            Point(say("locked.puk"), mark="number"),
            Point(say("locked.new_code"), mark="number"),
        ),
        way_out=cancel_button(),
        side=_no_envelope(),
        primary=primary_button("unblock", "locked.go"),
        needs_card=True,
    )


def not_locked(context: ViewContext) -> Confirm:
    """Nothing is locked: a new code can be set all the same, where the old one was forgotten."""
    return Confirm(
        name=context.name("not_locked"),
        errand=context.title,
        step=context.step,
        title=say("not_locked.title"),
        lead=(say("not_locked.lead"),),
        points=(
            Point(say("not_locked.forgotten"), say("not_locked.forgotten.detail"), icon="lock-open-variant-outline"),
            Point(say("not_locked.known"), say("not_locked.known.detail"), icon="form-textbox-password"),
        ),
        way_out=cancel_button(),
        side=_no_envelope(),
        primary=primary_button("unblock", "not_locked.go"),
        needs_card=True,
    )


def administrator_only(context: ViewContext) -> Tell:
    """This product is unlocked by an ID administrator or with a new letter (design, text 8)."""
    return Tell(
        name=context.name("administrator_only"),
        errand=context.title,
        step=context.step,
        badge="warning",
        badge_icon="lock-alert-outline",
        title=say("admin_only.title"),
        lead=(say("admin_only.lead"),),
        points=(Point(say("admin_only.go_there"), mark="number"), Point(say("admin_only.letter"), mark="number")),
        sends_on=True,
        way_out=cancel_button(),
        side=Button("letter", say("letter.go"), "email-outline"),
        primary=primary_button("administrator", "admin_only.here", "account-check-outline"),
        needs_card=True,
    )


def take_to_read(context: ViewContext) -> Await:
    """The card comes out, so that the code on it can be read."""
    return Await(
        name=context.name("take_to_read"),
        errand=context.title,
        step=context.step,
        title=say("take_to_read.title"),
        lead=(say("take_to_read.lead"), say("take_to_read.where")),
        drawing=ProductCodeDrawing(),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def product_code(context: ViewContext, codes: tuple[str, ...]) -> Choose:
    """Which code is printed on the card, and where it stands. An X in a code is any digit."""
    return Choose(
        name=context.name("product_code"),
        errand=context.title,
        step=context.step,
        title=say("product_code.title"),
        options=(
            *(
                Option(
                    code,
                    say("product_code.none")
                    if code == "none"
                    else say("product_code.code", code=code.replace("X", "•")),
                    icon="card-account-details-outline",
                )
                for code in codes
            ),
            Option(OTHER, say("product_code.other"), icon="help-circle-outline"),
        ),
        drawing=ProductCodeDrawing(),
        way_out=cancel_button(),
    )


def out_of_use(context: ViewContext, *, held: bool) -> StopError:
    """A card on hold, or one that is blocked, void or returned, gets no new code without the envelope."""
    icon = "smart-card-off-outline"
    return stop(context, ErrandOutcome.REFUSED, "unblock_held" if held else "unblock_blocked", icon=icon)


def reserve_card(context: ViewContext) -> StopError:
    """A reserve card gets no new codes: without its envelope it is scrapped."""
    return stop(context, ErrandOutcome.REFUSED, "unblock_reserve", icon="smart-card-off-outline")


def not_here(context: ViewContext) -> StopError:
    """Nobody may unlock this product here, or nothing is known of it."""
    return stop(context, ErrandOutcome.REFUSED, "not_unblockable", icon="lock-alert-outline")


def done(*, envelope: bool = True, new: bool = True, untested: Untested | None = None) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end (design, text 15). `envelope`: the holder has one, and keeps it. `new`: so is the code."""
    if untested is not None:
        which = say("unblock_done.untested" if new else "unblock_done.untested_old")
        return say("unblock_done.title"), (which, *untested_lead(untested))
    lead = say("unblock_done.lead" if new else "unblock_done.old")
    return say("unblock_done.title"), (lead, *((say("done.keep"),) if envelope else ()))


def _no_envelope() -> Button:
    return Button("no_envelope", say("puk.none"), "help-circle-outline")


def order(context: ViewContext, whose: CardHolder, *, instead: bool = False) -> Confirm:
    """What ordering means, before it is done. `instead`: why it is not done by the administrator who is here."""
    return Confirm(
        name=context.name("order_letter"),
        errand=context.title,
        step=context.step,
        title=say("letter.title"),
        note=Note(say("letter.instead")) if instead else None,
        points=(
            Point(say("letter.home"), say("letter.home.detail"), icon="email-outline"),
            Point(say("letter.locked"), say("letter.locked.detail"), icon="lock-alert-outline"),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(whose.card_number)}"),),
        way_out=cancel_button(),
        primary=primary_button("order", "letter.go"),
        sends_on=True,
    )


def ordering(context: ViewContext) -> Busy:
    return Busy(
        name=context.name("ordering"),
        errand=context.title,
        step=context.step,
        title=say("letter.busy"),
        lead=(say("letter.busy.lead"),),
    )


def ordered(context: ViewContext, arrives: date, where: str) -> Tell:
    """When and where it comes."""
    return Tell(
        name=context.name("letter_ordered"),
        errand=context.title,
        badge="success",
        badge_icon="check-bold",
        title=say("letter.done"),
        lead=(say(f"letter.done.{where}", day=date_text(arrives)), say("letter.done.then")),
        primary=primary_button("end", "button.end", "check"),
        sends_on=where == "office",
    )


def noted(context: ViewContext, by_hand: ByPeople | None, now: datetime) -> Tell:
    """Who orders it in the issuer's portal, by when where the region says so, and that it comes by post."""
    by = say("letter.noted.somebody") if by_hand is None else done_by("letter.noted.by", by_hand, now)
    return Tell(
        name=context.name("letter_noted"),
        errand=context.title,
        badge="success",
        badge_icon="email-outline",
        title=say("letter.noted"),
        lead=(by, say("letter.noted.lead"), say("letter.done.then")),
        primary=primary_button("end", "button.end", "check"),
    )


def declined(context: ViewContext) -> StopError:
    """The issuer orders no letter for this card."""
    return stop(context, ErrandOutcome.REFUSED, "letter_declined")


def unavailable(context: ViewContext) -> StopError:
    return stop(context, ErrandOutcome.FAULT, "letter_unavailable", icon="cloud-off-outline")
