"""The recount: every slot by the list and by its sensor, and what to do about each that differs."""

from kiosk.errands.stock import count_views as views
from kiosk.errands.stock import views as stock_views
from kiosk.errands.stock.delivering import which_card
from kiosk.errands.stock.incoming import Incoming
from kiosk.errands.stock.shelf import StockSession
from kiosk.stock.stocktaking import SlotComparison, compare


async def count(shelf: StockSession) -> None:
    """Compare, tell, and explain one slot after the other, until the person is done."""
    await shelf.compared(*_told(await _compared(shelf)))
    start = 0
    while True:
        comparisons = await _compared(shelf)
        start = start if start < len(comparisons) else 0
        answer = await shelf.context.ask(views.slots(shelf.context, comparisons, start))
        if answer == "back":
            return
        if answer == "more":
            start += stock_views.PAGE
            continue
        await _explain(shelf, next(comparison for comparison in comparisons if str(comparison.slot) == answer))
        start = 0


async def _compared(shelf: StockSession) -> tuple[SlotComparison, ...]:
    return compare(await shelf.ledger(), await shelf.slots())


def _told(comparisons: tuple[SlotComparison, ...]) -> tuple[int, list[dict[str, str | int]]]:
    return len(comparisons), [
        {"slot": comparison.slot, "what": comparison.what} for comparison in comparisons if comparison.what != "agree"
    ]


async def _explain(shelf: StockSession, comparison: SlotComparison) -> None:
    """Ask what is to be done about this slot, and do it."""
    answer = await shelf.context.ask(views.slot(shelf.context, comparison))
    if answer == "gone" and comparison.listed is not None:
        await shelf.took(comparison.listed.card_number, comparison.listed.order, comparison.slot, "missing")
    elif answer == "look":
        await _look(shelf, comparison.slot)


async def _look(shelf: StockSession, slot: int) -> None:
    """Open the slot and read which card is in it: it stays there, listed; or nobody knows it, and it goes out. So does one that
    could not show that it is genuine, whatever its number is.
    """
    await shelf.need_second()
    slots, false = len(await shelf.slots()), slot in (await shelf.ledger()).quarantined
    opened = await shelf.open(slot)
    if opened == "shut":
        return
    card = None if false else await _read(shelf, slot)
    if card is None:
        if await shelf.until_shut(slot, views.remove(shelf.context, slot, slots), "empty", opened):
            await shelf.took("", "", slot, "not_genuine" if false else "misplaced")
    elif await shelf.until_shut(slot, stock_views.put(shelf.context, card, slot, slots), "present", opened):
        await shelf.put(card.card_number, card.order_number, slot)


async def _read(shelf: StockSession, slot: int) -> Incoming | None:
    """Return the card that lies there, by its number; None where it cannot be told, or may not lie here."""
    scanned = await shelf.context.ask(
        views.read_card(shelf.context, shelf.context.caps.region.card_number_digits, slot)
    )
    return None if scanned == "unknown" else await which_card(shelf, scanned, found_lying=True)
