"""The views of cards in and out of the slots."""

from collections.abc import Sequence

from drivers.cabinet.port import SlotFault
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.stock.incoming import Incoming
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext
from kiosk.steps.slot_views import AT_THE_SLOT_S
from kiosk.steps.view_helpers import back_button, display_name, group_digits, last_digits, page_options, primary_button
from kiosk.stock.stocktaking import StoredCard, Why
from kiosk.views import (
    Await,
    Button,
    CabinetDrawing,
    Choose,
    Confirm,
    EnterDigits,
    Fact,
    Note,
    NumberDrawing,
    Option,
    Point,
    Say,
    Tell,
    say,
)

PAGE = 4
"""Cards on one screen of a choice."""
TASKS = {"deliver": "tray-arrow-down", "count": "magnify", "take_out": "tray-arrow-up"}


def what(context: ViewContext, *, lying: int, slots: int, due: int) -> Choose:
    """In, count, out; and how it stands."""
    lead = (
        say("stock.what.due", lying=lying, slots=slots, due=due)
        if due
        else say("stock.what.lead", lying=lying, slots=slots)
    )
    return Choose(
        **context.ending().head("what", say("stock.what.title"), lead),
        options=tuple(
            Option(task, say(f"stock.what.{task}"), say(f"stock.what.{task}.detail"), icon)
            for task, icon in TASKS.items()
        ),
        way_out=Button("end", say("stock.ready"), "check"),
    )


def two_wanted(context: ViewContext) -> Tell:
    """Cards here cannot show by themselves that they are genuine: two put them in, so that nobody can alone swap one."""
    return _warning(
        context, "two_wanted", say("stock.two_wanted.title"), say("stock.two_wanted.lead"), say("stock.two_wanted.do")
    )


def scan(context: ViewContext, digits: int, put: tuple[str, int] | None) -> EnterDigits:
    """The next card, by its number, its order or its envelope; what was put in last is said."""
    lead = say("stock.scan.put", tail=last_digits(put[0]), slot=put[1]) if put else say("stock.scan.lead")
    return EnterDigits(
        **context.ending().head("scan", say("stock.scan.title"), lead),
        drawing=NumberDrawing("card", digits),
        hint=say("stock.scan.hint"),
        length=digits,
        codes=True,
        submit=say("button.next"),
        way_out=Button("back", say("stock.ready"), "check"),
    )


def _warning(context: ViewContext, name: str, title: Say, lead: Say, do: Say | None = None) -> Tell:
    """Something is not as it should be; the person goes on."""
    return Tell(
        **context.ending().head(name, title, lead),
        badge="warning",
        badge_icon="alert",
        points=(Point(do, bullet="number"),) if do else (),
        primary=primary_button("next", "button.next"),
    )


def not_known(context: ViewContext) -> Tell:
    """No order of that number is to be handed out here."""
    return _warning(
        context, "not_known", say("stock.not_known.title"), say("stock.not_known.lead"), say("stock.not_known.do")
    )


def already_in(context: ViewContext, card_number: str, slot: int) -> Tell:
    """The list has that card in a slot."""
    lead = say("stock.already_in.lead", tail=last_digits(card_number), slot=slot)
    return _warning(context, "already_in", say("stock.already_in.title"), lead, say("stock.already_in.do"))


def no_order(context: ViewContext, card_number: str) -> Confirm:
    """No order for that card: is it a reserve card, for whoever needs one?"""
    return Confirm(
        **context.ending().head("no_order", say("stock.no_order.title")),
        points=(
            Point(say("stock.no_order.reserve"), say("stock.no_order.reserve.detail"), icon="star-four-points-outline"),
            Point(say("stock.no_order.other"), say("stock.no_order.other.detail"), icon="alert-outline"),
        ),
        facts=(Fact(say("fact.card"), group_digits(card_number)),),
        way_out=back_button(),
        primary=primary_button("reserve", "stock.no_order.go"),
    )


def unbroken(context: ViewContext, card_number: str) -> Confirm:
    """A reserve card comes with its envelope, which nobody may have opened."""
    return Confirm(
        **context.ending().head("unbroken", say("stock.unbroken.title")),
        points=(
            Point(say("stock.unbroken.yes"), say("stock.unbroken.yes.detail"), "good"),
            Point(say("stock.unbroken.no"), say("stock.unbroken.no.detail"), "bad"),
        ),
        facts=(Fact(say("fact.card"), f"…{last_digits(card_number)}"),),
        way_out=Button("no", say("stock.unbroken.go_no"), "close"),
        primary=primary_button("yes", "stock.unbroken.go", "check"),
    )


def broken(context: ViewContext, card_number: str) -> Tell:
    """The card is on hold, and goes back."""
    lead = say("stock.broken.lead", tail=last_digits(card_number))
    return _warning(context, "broken", say("stock.broken.title"), lead, say("stock.broken.do"))


def place(context: ViewContext, card: Incoming, slot: int) -> Confirm:
    """Return the view that shows the slot for the card."""
    whose = display_name(card.order) if card.order else say("stock.place.reserve")
    return Confirm(
        **context.ending().head("place", say("stock.place.title", slot=slot)),
        points=(Point(say("stock.place.point"), say("stock.place.point.detail"), icon="door-open"),),
        facts=(Fact(say("fact.holder"), whose), Fact(say("fact.card"), f"…{last_digits(card.card_number)}")),
        way_out=back_button(),
        side=Button("other", say("stock.place.other")),
        primary=primary_button("open", "stock.place.go", "door-open"),
    )


def full(context: ViewContext) -> Tell:
    """Nothing is free, by list and by sensor."""
    return _warning(context, "full", say("stock.full.title"), say("stock.full.lead"), say("stock.full.do"))


def not_open(context: ViewContext, slot: int, fault: SlotFault) -> Tell:
    """The door stayed shut; another slot may do."""
    if fault is SlotFault.OTHER_OPEN:
        return _warning(
            context, "not_open", say("stock.other_open.title"), say("stock.other_open.lead"), say("stock.other_open.do")
        )
    return _warning(
        context, "not_open", say("stock.jammed.title", slot=slot), say("stock.jammed.lead"), say("stock.jammed.do")
    )


def cabinet_out(context: ViewContext) -> StopError:
    """The cabinet does not answer, or has locked itself."""
    return context.stop("cabinet_out", ErrandOutcome.FAULT, icon="door-closed-lock")


def put(context: ViewContext, card: Incoming, slot: int, slots: int) -> Await:
    """The slot is open and lit."""
    return _at_slot(
        context, "put", say("stock.put.title", slot=slot), say("stock.put.lead", tail=last_digits(card.card_number)), slot, slots,
        Button("back", say("stock.put.not"), "close"),
    )  # fmt: skip


def _at_slot(
    context: ViewContext, name: str, title: Say, lead: Say, slot: int, slots: int, way_out: Button | None
) -> Await:
    return Await(
        **context.ending().head(name, title, lead),
        note=Note(say("take.close"), kind="clock"),
        drawing=CabinetDrawing(slots, slot),
        way_out=way_out,
        waits_for=say("wait.slot_closed"),
        idle_s=AT_THE_SLOT_S,
    )


def shut(context: ViewContext, slot: int) -> Await:
    """It was not done after all: the door is to be shut."""
    return _at_slot(
        context, "shut", say("stock.shut.title", slot=slot), say("stock.shut.lead"), slot, max(24, slot), None
    )


def nothing_in(context: ViewContext) -> Tell:
    return _warning(context, "nothing_in", say("stock.nothing_in.title"), say("stock.nothing_in.lead"))


def which_out(context: ViewContext, cards: Sequence[tuple[StoredCard, Why]], *, more: bool) -> Choose:
    """Return the view that asks which card goes out: those that must stand first."""
    options = [Option(str(card.slot), _in_slot(card), say(f"stock.why.{why}")) for card, why in cards]
    return Choose(
        **context.ending().head("which_out", say("stock.which_out.title"), say("stock.which_out.lead")),
        options=page_options(options, more=more),
        way_out=back_button(),
    )


def _in_slot(card: StoredCard) -> Say:
    if not card.card_number:
        return say("stock.in_slot.unknown", slot=card.slot)
    return say("stock.in_slot", slot=card.slot, tail=last_digits(card.card_number))


def take(context: ViewContext, card: StoredCard, why: Why, slots: int) -> Await:
    """The slot is open; why the card goes out, and where it goes."""
    lead = say(f"stock.out.{why}")
    not_taken = Button("back", say("stock.take.not"), "close")
    return _at_slot(context, "take", say("stock.take.title", slot=card.slot), lead, card.slot, slots, not_taken)


def not_there(context: ViewContext, card: StoredCard) -> Confirm:
    """The sensor says that the slot is empty already."""
    return Confirm(
        **context.ending().head("not_there", say("stock.not_there.title", slot=card.slot)),
        points=(
            Point(say("stock.gone.point"), say("stock.gone.point.detail"), icon="magnify"),
            Point(say("stock.gone.told"), say("stock.gone.told.detail"), icon="alert-outline"),
        ),
        facts=(
            Fact(
                say("fact.card"), f"…{last_digits(card.card_number)}" if card.card_number else say("stock.unknown_card")
            ),
        ),
        way_out=back_button(),
        primary=primary_button("gone", "stock.gone.go"),
    )
