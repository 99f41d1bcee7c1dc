"""The end of an errand that changed something on a card: a receipt that the station signs, had by whoever wants it."""

from kiosk.ports import Ask, Ended, ErrandLog
from kiosk.receipts import Receipt
from kiosk.steps import own_card_views, receipt_views
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene, Whose
from kiosk.steps.identification import Identified
from kiosk.steps.receipt import attest, facts_of, hand_out
from kiosk.views import Say


async def receipt_for(
    desk: Desk, scene: Scene, log: ErrandLog, whose: Whose, who: Identified, remarks: tuple[str, ...] = ()
) -> Receipt | None:
    """A receipt of what was done, committed; None where the station has no identity to sign with."""
    if desk.seal is None:
        return None
    return await attest(desk, log, facts_of(desk, scene, whose, who, remarks=remarks))


async def say_done(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, receipt: Receipt | None, title: Say, lead: tuple[Say, ...]
) -> Ended:
    """Commit that the errand is done, then say so, for as long as somebody still wants the receipt."""
    ended = Ended("done", receipt=receipt.number if receipt else None)
    await log.end(ended)
    while await ask(own_card_views.done(scene, title, lead, receipt)) == "receipt" and receipt is not None:
        if desk.printer is None:
            await ask(receipt_views.on_phone(scene, receipt))
        else:
            await hand_out(ask, desk, scene, log, receipt)
    return ended
