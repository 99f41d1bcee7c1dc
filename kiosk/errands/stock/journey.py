"""Stock: an ID administrator puts cards in, counts what lies in the slots, and takes cards out, until there is no more to do.

Rules (docs/rules.md, "Hand-over and return"): each card that was moved is an event of its own,
committed when the door is shut; so the errand may end at any moment, and nothing of it is lost.
"""

from kiosk.errands.stock import views
from kiosk.errands.stock.counting import count
from kiosk.errands.stock.delivering import deliver
from kiosk.errands.stock.session import StockSession
from kiosk.receipts import ReceiptDetail
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.administrator import log_in
from kiosk.steps.receipt import hand_out_receipt, issue_station_receipt, work_receipt_facts
from kiosk.stock.stocktaking import StoredCard, Why, cards_to_take_out
from kiosk.views import Choose

CONTEXT = ViewContext("stock")


async def stock(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    context = context.go_to(CONTEXT)
    session = StockSession.of(context, await log_in(context))
    tasks = {"deliver": deliver, "count": count, "take_out": take_out}
    while (task := await context.ask(await _what(session))) != "end":
        await tasks[task](session)
    return await _done(session)


async def _what(session: StockSession) -> Choose:
    """Return the view that asks what is to be done, and shows how it stands."""
    ledger = await session.ledger()
    due = sum(
        why in ("not_genuine", "misplaced", "expired", "voided")
        for _, why in cards_to_take_out(ledger, session.today())
    )
    return views.what(session.context, lying=len(ledger.lying), slots=len(await session.slots()), due=due)


async def _done(session: StockSession) -> Ended:
    """A receipt where something was moved or counted."""
    context = session.context
    if context.caps.seal is None or not session.has_done:
        return await context.end()
    figures = {"stored": session.stored, "taken_out": session.taken_out, "missing": session.missing}
    details = tuple(ReceiptDetail(name, str(many)) for name, many in figures.items())
    receipt = await issue_station_receipt(context, work_receipt_facts(context, session.by, details=details))
    ended = await context.end(receipt=receipt)
    await hand_out_receipt(context, receipt)
    return ended


async def take_out(session: StockSession) -> None:
    """One card after the other, until the person has taken what is wanted."""
    start = 0
    while True:
        cards = cards_to_take_out(await session.ledger(), session.today())
        if not cards:
            await session.context.ask(views.nothing_in(session.context))
            return
        start = start if start < len(cards) else 0
        answer = await session.context.ask(
            views.which_out(session.context, cards[start : start + views.PAGE], more=len(cards) > views.PAGE)
        )
        if answer == "back":
            return
        if answer == "more":
            start += views.PAGE
            continue
        await _take(session, *next((card, why) for card, why in cards if str(card.slot) == answer))


async def _take(session: StockSession, card: StoredCard, why: Why) -> None:
    """Open the slot, see the card go. One that is not there is told as missing."""
    seen = next((slot for slot in await session.slots() if slot.number == card.slot), None)
    if seen is not None and seen.card == "empty":
        if await session.context.ask(views.not_there(session.context, card)) == "gone":
            await session.took(card.card_number, card.order, card.slot, "missing")
        return
    view = views.take(session.context, card, why, len(await session.slots()))
    opened = await session.open(card.slot)
    if opened == "shut":
        return
    if await session.until_shut(card.slot, view, "empty", opened):
        await session.took(card.card_number, card.order, card.slot, why)
