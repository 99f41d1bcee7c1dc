"""Stock: an ID administrator puts cards in, counts what lies in the slots, and takes cards out, until there is no more to do.

Rules: product.md, `stock`; domain.md, "Rules of hand-over and return". Each card that was moved is an event of its own,
committed when the door is shut; so the errand may end at any moment, and nothing of it is lost.
"""

from kiosk.errands.stock import views
from kiosk.errands.stock.counting import count
from kiosk.errands.stock.delivering import deliver
from kiosk.errands.stock.shelf import Shelf
from kiosk.errands.stock.taking_out import take_out
from kiosk.ports import Ask, ErrandLog
from kiosk.receipts import Detail
from kiosk.steps.administrator import log_in
from kiosk.steps.capabilities import Desk, Ended
from kiosk.steps.context import Scene
from kiosk.steps.receipt import attest, hand_out
from kiosk.steps.work import work_facts
from kiosk.stock.stocktaking import outgoing
from kiosk.views import Choose

SCENE = Scene("stock")
TASKS = {"deliver": deliver, "count": count, "take_out": take_out}


async def stock(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    administrator = await log_in(ask, desk, SCENE, log)
    shelf = Shelf.of(desk, SCENE, log, administrator)
    while (task := await ask(await _what(shelf))) != "end":
        await TASKS[task](ask, shelf)
    return await _done(ask, desk, log, shelf)


async def _what(shelf: Shelf) -> Choose:
    """What is to be done, with how it stands."""
    ledger = await shelf.ledger()
    due = sum(why in ("not_genuine", "misplaced", "expired", "voided") for _, why in outgoing(ledger, shelf.today()))
    return views.what(shelf.scene, lying=len(ledger.lying), slots=len(await shelf.slots()), due=due)


async def _done(ask: Ask, desk: Desk, log: ErrandLog, shelf: Shelf) -> Ended:
    """A receipt where something was moved or counted."""
    if desk.seal is None or not shelf.has_done:
        ended = Ended("done")
        await log.end(ended)
        return ended
    figures = {"stored": shelf.stored, "taken_out": shelf.taken_out, "missing": shelf.missing}
    details = tuple(Detail(what, str(many)) for what, many in figures.items())
    receipt = await attest(desk, log, work_facts(desk, shelf.scene, shelf.by, details=details))
    ended = Ended("done", receipt=receipt.number)
    await log.end(ended)
    await hand_out(ask, desk, shelf.scene, log, receipt)
    return ended
