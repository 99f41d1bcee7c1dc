"""The recount: every slot by the list and by its sensor, and what to do about each that differs."""

from kiosk.errands.stock import count_views as views
from kiosk.errands.stock import views as stock_views
from kiosk.errands.stock.delivering import which_card
from kiosk.errands.stock.incoming import Incoming
from kiosk.errands.stock.session import StockSession
from kiosk.stock.stocktaking import SlotComparison, compare


async def count(session: StockSession) -> None:
    """Compare, tell, and explain one slot after the other, until the person is done."""
    await session.compared(*_count_and_differences(await _compared(session)))
    start = 0
    while True:
        comparisons = await _compared(session)
        start = start if start < len(comparisons) else 0
        answer = await session.context.ask(views.slots(session.context, comparisons, start))
        if answer == "back":
            return
        if answer == "more":
            start += stock_views.PAGE
            continue
        await _explain(session, next(comparison for comparison in comparisons if str(comparison.slot) == answer))
        start = 0


async def _compared(session: StockSession) -> tuple[SlotComparison, ...]:
    return compare(await session.ledger(), await session.slots())


def _count_and_differences(comparisons: tuple[SlotComparison, ...]) -> tuple[int, list[dict[str, str | int]]]:
    return len(comparisons), [
        {"slot": comparison.slot, "what": comparison.what} for comparison in comparisons if comparison.what != "agree"
    ]


async def _explain(session: StockSession, comparison: SlotComparison) -> None:
    """Ask what is to be done about this slot, and do it."""
    answer = await session.context.ask(views.slot(session.context, comparison))
    if answer == "gone" and comparison.listed is not None:
        await session.took(comparison.listed.card_number, comparison.listed.order, comparison.slot, "missing")
    elif answer == "look":
        await _look(session, comparison.slot)


async def _look(session: StockSession, slot: int) -> None:
    """Open the slot and read which card is in it: it stays there, listed; or nobody knows it, and it goes out. So does one that
    could not show that it is genuine, whatever its number is.
    """
    await session.need_second()
    slots, false = len(await session.slots()), slot in (await session.ledger()).quarantined
    opened = await session.open(slot)
    if opened == "shut":
        return
    card = None if false else await _read(session, slot)
    if card is None:
        if await session.until_shut(slot, views.remove(session.context, slot, slots), "empty", opened):
            await session.took("", "", slot, "not_genuine" if false else "misplaced")
    elif await session.until_shut(slot, stock_views.put(session.context, card, slot, slots), "present", opened):
        await session.put(card.card_number, card.order_number, slot)


async def _read(session: StockSession, slot: int) -> Incoming | None:
    """Return the card that lies there, by its number; None where it cannot be told, or may not lie here."""
    scanned = await session.context.ask(
        views.read_card(session.context, session.context.caps.region.card_number_digits, slot)
    )
    return None if scanned == "unknown" else await which_card(session, scanned, found_lying=True)
