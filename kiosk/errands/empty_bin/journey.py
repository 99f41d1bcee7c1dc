"""Empty the bin: two administrators count what came back, explain what differs, seal the bag, and sign with their cards.

Rules: two administrators are two HSA-ids. Nothing is forgotten before both have signed: until then list
and count stay as they were, and the errand can be begun again.
"""

import hashlib

from fleet.messages.asking import BinAsk
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.errands.empty_bin import views
from kiosk.errands.empty_bin.counting import BinCount, count_cards
from kiosk.errands.empty_bin.signing import sign_statement
from kiosk.ports import Cabinet, NamedOutcome
from kiosk.receipts import ReceiptDetail
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.administrator import log_in, log_in_another, proofs_of
from kiosk.steps.receipt import hand_out_receipt, issue_station_receipt, work_receipt_facts

CONTEXT = ViewContext("empty_bin")
WHO, COUNT, SEAL, SIGN = (CONTEXT.at(step, 4) for step in range(1, 5))


async def empty_bin(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    first = await log_in(context.go_to(WHO))
    second = await log_in_another(context.go_to(WHO), first.hsa_ids)
    count = await count_cards(context.go_to(COUNT))
    assert context.caps.stock is not None, "the errand is not offered without"
    if numbers := await context.caps.stock.found_in_bin():
        await context.ask(views.set_aside(COUNT, numbers))
    seal = await context.ask(views.seal(SEAL))
    statement = count.statement(context.caps, context.log.id, first, second, seal)
    await context.ask(views.confirm(SIGN, statement))
    text = statement.text()
    signatures = [await sign_statement(context.go_to(SIGN), signer, text.encode()) for signer in (second, first)]
    emptied = BinAsk(id="", emptied=statement.time, seal=seal, digest=hashlib.sha256(text.encode()).hexdigest())
    people = proofs_of(first, second)
    pledge = context.caps.blocking.pledge_for_errand(emptied, people, errand=context.log.id) if people else None
    await context.log.note(
        EventType.BIN_EMPTIED, **count.told(statement), statement=text, signatures=signatures, pledge=pledge
    )
    cleared = await _clear(context)
    return await _done(context, count, (first, second), seal, cleared=cleared)


async def _clear(context: ErrandContext) -> bool:
    """The cabinet's own count, to nought. Where that fails the next count differs, and somebody sees it."""
    assert context.caps.cabinet is not None, "the errand is not offered without"

    async def clear(cabinet: Cabinet) -> NamedOutcome:
        return NamedOutcome(Outcome.CLEARED if await cabinet.clear_bin() else Outcome.NOT_CLEARED)

    return (await context.log.effect(Effect.BIN_CLEAR, clear(context.caps.cabinet))).outcome == Outcome.CLEARED


async def _done(context: ErrandContext, count: BinCount, people: views.Two, seal: str, *, cleared: bool) -> Ended:
    """The receipt that proves it."""
    reason = "difference_explained" if count.reason else ""
    if context.caps.seal is None:
        return await context.end(reason)
    details = (*(ReceiptDetail(name, str(many)) for name, many in count.figures().items()), ReceiptDetail("seal", seal))
    remarks = (
        "bin_signed",
        *((f"bin_{count.reason}",) if count.reason else ()),
        *(() if cleared else ("bin_not_cleared",)),
    )
    receipt = await issue_station_receipt(
        context, work_receipt_facts(context.go_to(CONTEXT), *people, details=details, remarks=remarks)
    )
    ended = await context.end(reason, receipt=receipt)
    way = await hand_out_receipt(context.go_to(CONTEXT), receipt)
    await context.ask(views.done(CONTEXT, cleared=cleared, paper=way == "paper"))
    return ended
