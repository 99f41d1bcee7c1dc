"""The views of unblocking: whether this product may be unblocked here, what is left, and the end."""

from dataclasses import replace

from kiosk.steps import own_card_views
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.context import ViewContext
from kiosk.steps.pin.card_test_views import Untested, untested_lead
from kiosk.steps.pin.views import TASKS_WITH_PUK
from kiosk.steps.view_helpers import cancel_button, primary_button
from kiosk.views import (
    Await,
    Button,
    Choose,
    Confirm,
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
        **context.head("locked", say("locked.title")),
        badge="warning",
        badge_icon="lock-alert-outline",
        points=(
            Point(say("locked.lead"), bullet="bad"),
            Point(say("locked.valid"), bullet="good"),
            Point(say("locked.yourself"), bullet="good"),
            Point(say("locked.envelope"), bullet="number"),
            Point(say("locked.puk"), bullet="number"),
            Point(say("locked.new_code"), bullet="number"),
        ),
        way_out=cancel_button(),
        side=_no_envelope(),
        primary=primary_button("unblock", "locked.go"),
        needs_card=True,
    )


def not_locked(context: ViewContext) -> Confirm:
    """Nothing is locked: a new code can be set all the same, where the old one was forgotten."""
    return Confirm(
        **context.head("not_locked", say("not_locked.title"), say("not_locked.lead")),
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
        **context.head("administrator_only", say("admin_only.title"), say("admin_only.lead")),
        badge="warning",
        badge_icon="lock-alert-outline",
        points=(Point(say("admin_only.go_there"), bullet="number"), Point(say("admin_only.letter"), bullet="number")),
        sends_on=True,
        way_out=cancel_button(),
        side=Button("letter", say("letter.go"), "email-outline"),
        primary=primary_button("administrator", "admin_only.here", "account-check-outline"),
        needs_card=True,
    )


def take_to_read(context: ViewContext) -> Await:
    """The card comes out, so that the code on it can be read."""
    return Await(
        **context.head("take_to_read", say("take_to_read.title"), say("take_to_read.lead"), say("take_to_read.where")),
        drawing=ProductCodeDrawing(),
        way_out=cancel_button(),
        waits_for=say("wait.taken"),
    )


def product_code(context: ViewContext, codes: tuple[str, ...]) -> Choose:
    """Return the view that asks for the code that is printed on the card, and shows where it stands. An X in a code is
    any digit."""
    return Choose(
        **context.head("product_code", say("product_code.title")),
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


def out_of_use(context: ViewContext, *, is_held: bool) -> StopError:
    """A card on hold, or one that is blocked, void or returned, gets no new code without the envelope."""
    icon = "smart-card-off-outline"
    return context.stop("unblock_held" if is_held else "unblock_blocked", icon=icon)


def done(*, envelope: bool = True, new: bool = True, untested: Untested | None = None) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end (design, text 15). `envelope`: the holder has one, and keeps it. `new`: so is the code."""
    if untested is not None:
        which = say("unblock_done.untested" if new else "unblock_done.untested_old")
        return say("unblock_done.title"), (which, *untested_lead(untested))
    lead = say("unblock_done.lead" if new else "unblock_done.old")
    return say("unblock_done.title"), (lead, *((say("done.keep"),) if envelope else ()))


def _no_envelope() -> Button:
    return Button("no_envelope", say("puk.none"), "help-circle-outline")
