"""Cards out: those that must go first, the oldest reserve card, or any other. A card is out when the sensors say so."""

from kiosk.errands.stock import views
from kiosk.errands.stock.shelf import Shelf
from kiosk.ports import Ask
from kiosk.stock.stocktaking import Lying, Why, outgoing


async def take_out(ask: Ask, shelf: Shelf) -> None:
    """One card after the other, until the person has taken what is wanted."""
    start = 0
    while True:
        found = outgoing(await shelf.ledger(), shelf.today())
        if not found:
            await ask(views.nothing_in(shelf.scene))
            return
        start = start if start < len(found) else 0
        answer = await ask(
            views.which_out(shelf.scene, found[start : start + views.PAGE], more=len(found) > views.PAGE)
        )
        if answer == "back":
            return
        if answer == "more":
            start += views.PAGE
            continue
        await _take(ask, shelf, *next((card, why) for card, why in found if str(card.slot) == answer))


async def _take(ask: Ask, shelf: Shelf, card: Lying, why: Why) -> None:
    """Open the slot, see the card go. One that is not there is told as missing."""
    seen = next((one for one in await shelf.slots() if one.number == card.slot), None)
    if seen is not None and seen.card == "empty":
        if await ask(views.not_there(shelf.scene, card)) == "gone":
            await shelf.took(card.card_number, card.order, card.slot, "missing")
        return
    view = views.take(shelf.scene, card, why, len(await shelf.slots()))
    opened = await shelf.open(ask, card.slot)
    if opened == "shut":
        return
    if await shelf.until_shut(ask, card.slot, view, "empty", opened):
        await shelf.took(card.card_number, card.order, card.slot, why)
