"""The views of the recount: every slot by list and by sensor, and what each difference may come from."""

from collections.abc import Sequence

from kiosk.errands.stock.views import PAGE, not_there
from kiosk.steps.context import ViewContext
from kiosk.steps.slot_views import AT_THE_SLOT_S
from kiosk.steps.view_helpers import back_button, last_digits, page_options, primary_button
from kiosk.stock.stocktaking import SlotComparison
from kiosk.views import (
    Await,
    Button,
    CabinetDrawing,
    Choose,
    Confirm,
    EnterDigits,
    Note,
    NumberDrawing,
    Option,
    Point,
    Say,
    Tell,
    say,
)

ICONS = {
    "agree": "check",
    "missing": "magnify",
    "unlisted": "help-circle-outline",
    "unseen": "eye-off-outline",
    "open": "door-open",
}


def slots(context: ViewContext, comparisons: Sequence[SlotComparison], start: int) -> Choose:
    """All slots, those that differ first."""
    differ = sum(comparison.what != "agree" for comparison in comparisons)
    options = [
        Option(str(comparison.slot), _listed(comparison), say(f"count.seen.{comparison.what}"), ICONS[comparison.what])
        for comparison in comparisons[start : start + PAGE]
    ]
    return Choose(
        **context.ending().head(
            "count",
            say("count.differ.title", differ=differ) if differ else say("count.agree.title"),
            say("count.lead", slots=len(comparisons)),
        ),
        options=page_options(options, more=len(comparisons) > PAGE),
        way_out=back_button(),
    )


def _listed(comparison: SlotComparison) -> Say:
    if comparison.listed is None:
        return say("count.listed.empty", slot=comparison.slot)
    if not comparison.listed.card_number:
        return say("count.listed.unknown", slot=comparison.slot)
    return say("count.listed.card", slot=comparison.slot, tail=last_digits(comparison.listed.card_number))


def slot(context: ViewContext, comparison: SlotComparison) -> Confirm | Tell:
    """Return the view of a slot that differs: what is so, what it may come from, and what can be done."""
    match comparison.what:
        case "missing" if comparison.listed is not None:
            return not_there(context, comparison.listed)
        case "unlisted":
            return _unlisted(context, comparison.slot)
        case _:
            return _comparison_view(context, comparison)


def _unlisted(context: ViewContext, slot: int) -> Confirm:
    return Confirm(
        **context.ending().head("unlisted", say("count.unlisted.title", slot=slot)),
        points=(
            Point(say("count.unlisted.why"), say("count.unlisted.why.detail"), icon="help-circle-outline"),
            Point(say("count.unlisted.look"), say("count.unlisted.look.detail"), icon="magnify"),
        ),
        way_out=back_button(),
        primary=primary_button("look", "stock.place.go", "door-open"),
    )


def _comparison_view(context: ViewContext, comparison: SlotComparison) -> Tell:
    agrees = comparison.what == "agree"
    return Tell(
        **context.ending().head(
            f"slot_{comparison.what}",
            say(f"count.{comparison.what}.one", slot=comparison.slot),
            say(f"count.{comparison.what}.lead"),
        ),
        badge="success" if agrees else "warning",
        badge_icon="check-bold" if agrees else "alert",
        primary=primary_button("back", "button.back", "check"),
    )


def read_card(context: ViewContext, digits: int, slot: int) -> EnterDigits:
    """Return the view that asks for the card that lies there, by its printed number."""
    return EnterDigits(
        **context.ending().head("read_card", say("count.read.title", slot=slot), say("count.read.lead")),
        drawing=NumberDrawing("card", digits),
        hint=say("stock.scan.hint"),
        length=digits,
        codes=True,
        submit=say("button.next"),
        way_out=Button("unknown", say("count.read.unknown"), "help-circle-outline"),
        idle_s=AT_THE_SLOT_S,
    )


def remove(context: ViewContext, slot: int, slots: int) -> Await:
    """It may not lie here: out with it."""
    return Await(
        **context.ending().head("remove", say("count.remove.title", slot=slot), say("count.remove.lead")),
        note=Note(say("take.close"), kind="clock"),
        drawing=CabinetDrawing(slots, slot),
        way_out=Button("back", say("stock.take.not"), "close"),
        waits_for=say("wait.slot_closed"),
        idle_s=AT_THE_SLOT_S,
    )
