"""Pick up a card: who are you, here is your card, choose your code, it works, here is your receipt.

The rules are those of product.md (`pickup`) and domain.md ("Rules of hand-over and return"). A holder who left half way
comes back to where the card is: what the journal holds as done for the order is not done twice.
"""

from kiosk.journeys import receipt_views as views
from kiosk.journeys.desk import Desk, Ended
from kiosk.journeys.steps.code import activate
from kiosk.journeys.steps.identify import Identified, identify
from kiosk.journeys.steps.order import agree, find_order
from kiosk.journeys.steps.receipt import hand_out, issue
from kiosk.journeys.steps.slot import drop_old_card, insert_new_card, take_from_slot
from kiosk.ports import Ask, ErrandLog, Order
from kiosk.receipts import Receipt


async def pickup(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    who = await identify(ask, desk)
    order = await find_order(ask, desk, who)
    await log.about(order)
    receipt = await log.receipt()
    if receipt is None:
        await agree(ask, desk, order, who)
        if "slot.take" not in await log.progress():
            await take_from_slot(ask, desk, log, order, who)
        receipt = await _activate_and_sign(ask, desk, log, order, who)
    await hand_out(ask, desk, log, receipt)
    remark = await drop_old_card(ask, desk, log, order, who)
    ended = Ended("done", reason=remark, order=order, receipt=receipt.number)
    await log.end(ended)
    while await ask(views.done(receipt)) == "phone":
        await ask(views.on_phone(receipt))
    return ended


async def _activate_and_sign(ask: Ask, desk: Desk, log: ErrandLog, order: Order, who: Identified) -> Receipt:
    visit = await insert_new_card(ask, desk, log, order, who)
    visit = await activate(ask, desk, log, order, visit)
    try:
        return await issue(ask, desk, log, order, who, visit)
    finally:
        await visit.close()
