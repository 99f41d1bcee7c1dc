"""Cards in: what was scanned names the card, a slot is proposed, it opens, and the card is there when the sensors say so."""

from fleet.messages.link import Order
from fleet.messages.vocabulary import Effect
from kiosk.barcodes import CardNumber, EnvelopeCode, OrderCode, UnknownCode, parse_scan
from kiosk.errands.stock import views
from kiosk.errands.stock.incoming import Incoming
from kiosk.errands.stock.session import StockSession
from kiosk.stock.stocktaking import Ledger, free_slots


async def deliver(session: StockSession) -> None:
    """One card after the other, until the person says that there are no more."""
    await session.need_second()
    put: tuple[str, int] | None = None
    while True:
        scanned = await session.context.ask(
            views.scan(session.context, session.context.caps.region.card_number_digits, put)
        )
        if scanned == "back":
            return
        card = await which_card(session, scanned)
        if card is not None:
            slot = await _put_in(session, card)
            put = (card.card_number, slot) if slot else None


async def which_card(session: StockSession, scanned: str, *, found_lying: bool = False) -> Incoming | None:
    """The card that the scan names; None after saying why it cannot be put in. `found_lying`: it lies in a slot already."""
    ledger = await session.ledger()
    card_number, order = _named(ledger, scanned)
    if not card_number:
        await session.context.ask(views.not_known(session.context))
        return None
    lying = ledger.where(card_number)
    if lying is not None and found_lying:
        return Incoming(card_number, order, lying)
    if lying is not None and not await _is_empty(session, lying.slot):
        await session.context.ask(views.already_in(session.context, card_number, lying.slot))
        return None
    if (
        order is None
        and lying is None
        and await session.context.ask(views.no_order(session.context, card_number)) != "reserve"
    ):
        return None
    card = Incoming(card_number, order, lying)
    return card if await _whole(session, card) else None


def _named(ledger: Ledger, scanned: str) -> tuple[str, Order | None]:
    """Card number and order of what was scanned. No number where nobody knows the order."""
    match parse_scan(scanned):
        case OrderCode(number):
            order = ledger.order_of(order=number)
            return order.card_number if order else "", order
        case CardNumber(number) | EnvelopeCode(number):
            return number, ledger.order_of(card_number=number)
        case UnknownCode():
            return "", None


async def _is_empty(session: StockSession, slot: int) -> bool:
    """Return whether the slot's sensor sees no card: then what the list has there is still to be put in."""
    return any(reading.number == slot and reading.card == "empty" for reading in await session.slots())


async def _whole(session: StockSession, card: Incoming) -> bool:
    """A reserve card whose envelope was opened is handed out to nobody: it is on hold at once."""
    if not card.is_reserve or await session.context.ask(views.unbroken(session.context, card.card_number)) == "yes":
        return True
    blocking = session.context.caps.blocking
    hold = blocking.hold(card.card_number, "envelope_broken", by=None, errand=session.context.log.id)
    await session.context.log.effect(Effect.CARD_HOLD, hold, card_number=card.card_number)
    await session.context.ask(views.broken(session.context, card.card_number))
    return False


async def _put_in(session: StockSession, card: Incoming) -> int:
    """The slot in which it lies now; 0 where it was not put in."""
    passed: set[int] = set()
    while True:
        slot = await _proposed(session, card, passed)
        if slot is None:
            return 0
        answer = await session.context.ask(views.place(session.context, card, slot))
        if answer == "back":
            return 0
        passed.add(slot)
        view = views.put(session.context, card, slot, len(await session.slots()))
        opened = await session.open(slot) if answer == "open" else "shut"
        if opened == "shut":
            continue
        if not await session.until_shut(slot, view, "present", opened):
            return 0
        await session.put(card.card_number, card.order_number, slot)
        return slot


async def _proposed(session: StockSession, card: Incoming, passed: set[int]) -> int | None:
    """The best slot that was not passed over; when all were, they are proposed again. None after saying that all are taken."""
    ledger, slots = await session.ledger(), await session.slots()
    free = free_slots(ledger, slots, card.card_number, card.wanted)
    left = [slot for slot in free if slot not in passed]
    if free and not left:
        passed.clear()
        left = list(free)
    if not left:
        await session.context.ask(views.full(session.context))
        return None
    return left[0]
