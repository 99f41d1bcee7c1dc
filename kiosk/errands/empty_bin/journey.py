"""Empty the bin: two administrators count what came back, explain what differs, seal the bag, and sign with their cards.

Rules: two administrators are two HSA-ids. Nothing is forgotten before both have signed: until then list
and count stay as they were, and the errand can be begun again.
"""

import hashlib

from fleet.messages.asking import BinAsk
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.errands.empty_bin import views
from kiosk.errands.empty_bin.counting import BinCount, count_cards
from kiosk.errands.empty_bin.signing import sign_statement
from kiosk.ports import Ask, Cabinet, ErrandLog, NamedOutcome
from kiosk.receipts import ReceiptDetail
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.administrator import log_in, log_in_another, proofs_of
from kiosk.steps.receipt import hand_out_receipt, issue_station_receipt, work_receipt_facts

CONTEXT = ViewContext("empty_bin")
WHO, COUNT, SEAL, SIGN = (CONTEXT.at(step, 4) for step in range(1, 5))


async def empty_bin(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    first = await log_in(ask, caps, WHO, log)
    second = await log_in_another(ask, caps, WHO, log, first.hsa_ids)
    count = await count_cards(ask, caps, COUNT)
    assert caps.stock is not None, "the errand is not offered without"
    if found := await caps.stock.found_in_bin():
        await ask(views.set_aside(COUNT, found))
    seal = await ask(views.seal(SEAL))
    said = count.statement(caps, log.id, first, second, seal)
    await ask(views.confirm(SIGN, said))
    text = said.text()
    signatures = [await sign_statement(ask, caps, SIGN, one, text.encode()) for one in (second, first)]
    emptied = BinAsk(id="", emptied=said.time, seal=seal, digest=hashlib.sha256(text.encode()).hexdigest())
    people = proofs_of(first, second)
    pledge = caps.blocking.pledge_for_errand(emptied, people, errand=log.id) if people else None
    await log.note(EventType.BIN_EMPTIED, **count.told(said), statement=text, signatures=signatures, pledge=pledge)
    cleared = await _clear(caps, log)
    return await _done(ask, caps, log, count, (first, second), seal, cleared=cleared)


async def _clear(caps: Capabilities, log: ErrandLog) -> bool:
    """The cabinet's own count, to nought. Where that fails the next count differs, and somebody sees it."""
    assert caps.cabinet is not None, "the errand is not offered without"

    async def clear(cabinet: Cabinet) -> NamedOutcome:
        return NamedOutcome(Outcome.CLEARED if await cabinet.clear_bin() else Outcome.NOT_CLEARED)

    return (await log.effect(Effect.BIN_CLEAR, clear(caps.cabinet))).outcome == Outcome.CLEARED


async def _done(
    ask: Ask, caps: Capabilities, log: ErrandLog, count: BinCount, people: views.Two, seal: str, *, cleared: bool
) -> Ended:
    """The receipt that proves it."""
    reason = "difference_explained" if count.reason else ""
    if caps.seal is None:
        ended = Ended(ErrandOutcome.DONE, reason)
        await log.end(ended)
        return ended
    details = (*(ReceiptDetail(what, str(many)) for what, many in count.figures().items()), ReceiptDetail("seal", seal))
    remarks = (
        "bin_signed",
        *((f"bin_{count.reason}",) if count.reason else ()),
        *(() if cleared else ("bin_not_cleared",)),
    )
    receipt = await issue_station_receipt(
        caps, log, work_receipt_facts(caps, CONTEXT, *people, details=details, remarks=remarks)
    )
    ended = Ended(ErrandOutcome.DONE, reason, receipt=receipt.number)
    await log.end(ended)
    way = await hand_out_receipt(ask, caps, CONTEXT, log, receipt)
    await ask(views.done(CONTEXT, cleared=cleared, paper=way == "paper"))
    return ended
