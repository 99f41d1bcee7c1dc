"""The views at the cabinet: take the card, compare it, put a wrong one back, drop the old one."""

from dataclasses import replace

from drivers.cabinet.port import CabinetReady, SlotFault
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.ports import Cabinet, Order
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import reader_for, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.pin.card_test_views import Untested
from kiosk.steps.view_helpers import cancel_button, display_name, last_digits, primary_button
from kiosk.views import (
    Await,
    Button,
    CabinetDrawing,
    Confirm,
    DropDrawing,
    EnterDigits,
    Fact,
    Note,
    NumberDrawing,
    Point,
    Say,
    Tell,
    say,
)

AT_THE_SLOT_S = 120.0
"""A hand in the cabinet is no touch on the screen: wait longer before the warning."""


def _attended(identity: Identification) -> str | None:
    return identity.administrator.name if identity.administrator else None


async def slot_count(cabinet: Cabinet) -> int:
    """Return how many slots to draw."""
    state = await cabinet.state()
    return len(state.slots) if isinstance(state, CabinetReady) else 24


def take(context: ViewContext, order: Order, slots: int, identity: Identification) -> Await:
    """The slot is open and lit."""
    return Await(
        **context.head("take", say("take.title", slot=order.slot), say("take.lead")),
        attended_by=_attended(identity),
        facts=(
            Fact(say("take.compare"), display_name(order), "account-check-outline"),
            Fact(say("take.card"), f"…{last_digits(order.card_number)}", "card-account-details-outline"),
        ),
        note=Note(say("take.close"), kind="clock"),
        drawing=CabinetDrawing(slots, order.slot),
        way_out=Button("wrong", say("take.wrong"), "alert-outline"),
        waits_for=say("wait.slot"),
        idle_s=AT_THE_SLOT_S,
    )


def have_it(context: ViewContext, order: Order) -> Confirm:
    """The slot was opened before and is empty: whether who stands here has the card."""
    return Confirm(
        **context.head("have_it", say("have_it.title"), say("have_it.lead", slot=order.slot)),
        facts=(Fact(say("take.card"), f"…{last_digits(order.card_number)}", "card-account-details-outline"),),
        way_out=Button("no", say("have_it.no"), "close"),
        primary=primary_button("yes", "have_it.yes"),
    )


def gone_from_slot(context: ViewContext) -> StopError:
    """Nobody here has the card that lay in the slot: it is on hold."""
    return context.stop("slot_gone")


def put_back(context: ViewContext, order: Order) -> Await:
    """A card that is not the order's goes back where it lay."""
    return _back_into_slot(context, "put_back", order, say("put_back.lead"))


def put_back_false(context: ViewContext, order: Order) -> Await:
    """A card that could not show that it is genuine goes back where it lay."""
    return _back_into_slot(context, "put_back_false", order, say("put_back_false.lead"))


def put_back_unvouched(context: ViewContext, order: Order) -> Await:
    """A card that is handed out once two administrators have put it in goes back where it lay."""
    return _back_into_slot(context, "put_back_unvouched", order, say("put_back_unvouched.lead"))


def put_back_read_only(context: ViewContext, order: Order) -> Await:
    """A card of a product that nobody has tried goes back where it lay."""
    return _back_into_slot(context, "put_back_read_only", order, say("put_back_read_only.lead"))


def put_back_untested(context: ViewContext, order: Order) -> Await:
    """A card that cannot be tested here goes back where it lay."""
    return _back_into_slot(context, "put_back_untested", order, say("put_back_unvouched.lead"))


def _back_into_slot(context: ViewContext, name: str, order: Order, lead: Say) -> Await:
    return Await(
        **context.head(name, say("put_back.title", slot=order.slot), lead),
        drawing=CabinetDrawing(24, order.slot),
        waits_for=say("wait.slot_closed"),
        idle_s=AT_THE_SLOT_S,
    )


def printed_number(context: ViewContext, identity: Identification) -> EnterDigits:
    """The number that is printed on the card: scanned, or its last eight digits."""
    return EnterDigits(
        **context.head("printed", say("printed.title"), say("printed.lead")),
        attended_by=_attended(identity),
        drawing=NumberDrawing("card"),
        hint=say("printed.hint"),
        length=8,
        submit=say("button.next"),
        way_out=cancel_button(),
    )


def printed_differs(context: ViewContext, order: Order) -> Tell:
    """The typed number is not the order's."""
    return Tell(
        **context.head(
            "printed_differs",
            say("printed_differs.title"),
            say("printed_differs.lead", tail=last_digits(order.card_number)),
        ),
        badge="warning",
        badge_icon="alert",
        points=(
            Point(say("printed_differs.look"), bullet="number"),
            Point(say("printed_differs.wrong"), bullet="number"),
        ),
        way_out=Button("wrong", say("take.wrong"), "alert-outline"),
        primary=primary_button("again", "button.again"),
    )


def insert_new(context: ViewContext, order: Order, identity: Identification, strange: Strangeness | None) -> Await:
    """The new card into the reader."""
    return Await(
        **context.head("insert_new", say("insert_new.title"), say("insert.lead"), say("insert.stay")),
        attended_by=_attended(identity),
        note=strange_note(strange, Note(say("insert_new.which", tail=last_digits(order.card_number)))),
        drawing=reader_for(strange),
        way_out=cancel_button(),
        waits_for=say("wait.card"),
    )


def sign_owed(context: ViewContext, order: Order, identity: Identification, strange: Strangeness | None) -> Await:
    """The card that was handed over before, into the reader: its receipt is to be signed."""
    return replace(
        insert_new(context, order, identity, strange),
        name=context.name("sign_owed"),
        title=say("sign_owed.title"),
        lead=(say("sign_owed.lead"), say("insert.stay")),
    )


def wrong_card(context: ViewContext, order: Order, card_number: str, *, own: bool) -> Tell:
    """Another card than the order's is in the reader: which one is expected."""
    return Tell(
        **context.head(
            "wrong_card",
            say("wrong_card.title"),
            say("wrong_card.own" if own else "wrong_card.found", found=last_digits(card_number)),
            say("wrong_card.expected", tail=last_digits(order.card_number)),
        ),
        badge="warning",
        badge_icon="alert",
        points=(
            Point(say("wrong_card.swap"), bullet="number"),
            Point(say("wrong_card.slot"), bullet="number"),
        ),
        way_out=Button("wrong", say("take.wrong"), "alert-outline"),
        primary=primary_button("again", "button.again"),
    )


def wrong_card_in_slot(context: ViewContext) -> StopError:
    """The slot held another card; it is back in its slot and the administrator is told."""
    return context.stop("wrong_card_in_slot")


def new_card_not_genuine(context: ViewContext) -> StopError:
    """The new card could not show that it is the one that its issuer made; no code was asked for it, and the office is told."""
    return context.stop("new_card_not_genuine", badge="failure", icon="smart-card-off-outline")


def new_card_heard_codes(context: ViewContext) -> StopError:
    """The card took PUK and new code, and signs nothing that holds: somebody may know them now. The office is told."""
    return context.stop("new_card_heard_codes", badge="failure", icon="smart-card-off-outline")


def stocked_by_one(context: ViewContext) -> StopError:
    """The card cannot show that it is genuine, and one administrator alone put it in."""
    return context.stop("stocked_by_one")


def own_card_attended(context: ViewContext) -> StopError:
    """The card names its administrator too: nobody hands out their own."""
    return context.stop("own_card_attended")


def new_card_read_only(context: ViewContext) -> StopError:
    """Nobody has tried the product on a real card: no code is written to it here."""
    return context.stop("new_card_read_only")


def new_card_untested(context: ViewContext, reason: Untested) -> StopError:
    """The card's issuer is not trusted here, or nobody could see whether it works: it is handed out to nobody."""
    return context.stop("new_card_untested", why=say(f"new_card.{reason}"))


def no_cabinet(context: ViewContext) -> StopError:
    """This station has no cabinet (any more)."""
    return context.stop("no_cabinet", ErrandOutcome.FAULT)


def slot_fault(context: ViewContext, order: Order, fault: SlotFault) -> StopError:
    """The slot did not open."""
    return context.stop(f"slot_{fault.value}", ErrandOutcome.FAULT, icon="door-closed-lock")


def drop_old(context: ViewContext, number: str, *, blocks: bool = False) -> Await:
    """The old card into the lit drop slot. `blocks`: it is blocked for good then, and not put on hold."""
    return Await(
        **context.head("drop_old", say("drop.title"), say("drop.lead", tail=last_digits(number))),
        note=Note(say("drop.note.block" if blocks else "drop.note"), kind="warning"),
        drawing=DropDrawing(),
        side=Button("keep", say("drop.keep"), "close"),
        waits_for=say("wait.drop"),
        idle_s=AT_THE_SLOT_S,
    )
