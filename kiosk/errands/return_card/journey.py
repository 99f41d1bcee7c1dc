"""Return a card: by its chip or by the number printed on it, into the drop slot, blocked at once where its code was given.

Rules (docs/rules.md, "Hand-over and return"): a card counts as returned only when it has fallen
into the bin. Without the card's own code it is put on hold; the block follows when an administrator or the issuer confirms.
A card whose number was typed has been seen by nobody: screen, receipt and event say so, and it is read when the bin is emptied.
A card of another issuer, or that our register does not know, falls only once the person has said yes to that.
A card that a colleague found is put on hold without a code, within the limits of holds in nobody's name; it has no receipt.
"""

from typing import get_args

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.return_card import views
from kiosk.errands.return_card.returning import ReturnedCard, drop_into_bin, identify_card, tell_issuer
from kiosk.issuer.ports import BlockReason
from kiosk.ports import Ask, ErrandLog
from kiosk.steps.block_in_portal import offer_block_in_portal
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.card_views import with_office
from kiosk.steps.context import ViewContext
from kiosk.steps.receipt import give_receipt, receipt_for

CONTEXT = ViewContext("return_card")
WHY, CARD, DROP = (CONTEXT.at(step, 3) for step in range(1, 4))


async def return_card(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    answer = await ask(views.why(WHY))
    if answer == "found":
        return await found_card(ask, caps, log)
    reason = next(reason for reason in get_args(BlockReason) if reason == answer)
    card = await identify_card(ask, caps, CARD, log)
    may_keep = reason == "left" and (card.may_keep or card.employers)
    if may_keep and await ask(views.keep(CARD, card.employers)) == "keep":
        return await _kept(ask, log)
    several = len(card.employers) > 1
    await ask(views.confirm(CARD, card.whose, _after(caps, card), is_seen=card.is_seen, several=several))
    await drop_into_bin(ask, caps, DROP, log, card, reason, blocks=_after(caps, card) == "blocks")
    what = await tell_issuer(ask, caps, DROP, log, card, reason)
    what = await offer_block_in_portal(ask, caps, DROP, log, what, card.whose, reason, card.who)
    remarks = (f"reason_{reason}", what, *(() if card.is_seen else ("not_seen",)))
    receipt = await receipt_for(caps, CONTEXT, log, card.whose, card.who, remarks)
    ended = Ended(ErrandOutcome.DONE, what, receipt=receipt.number if receipt else None)
    await log.end(ended)
    way = await give_receipt(ask, caps, CONTEXT, log, receipt) if receipt is not None else "nothing"
    await ask(views.done(CONTEXT, what, way, is_seen=card.is_seen))
    return ended


async def found_card(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The same errand for who has said that the card is somebody else's. Nothing is signed in its holder's name."""
    card = await identify_card(ask, caps, CARD, log, found=True)
    await ask(views.confirm(CARD, card.whose, _after(caps, card), is_seen=card.is_seen))
    await drop_into_bin(ask, caps, DROP, log, card, None, blocks=False)
    what = await tell_issuer(ask, caps, DROP, log, card, None)
    what = "not_told" if card.note_only and what != "was_blocked" else what
    ended = Ended(ErrandOutcome.DONE, f"found_{what}")
    await log.end(ended)
    await ask(with_office(views.done_found(CONTEXT, ended.reason, is_seen=card.is_seen), caps.region))
    return ended


def _after(caps: Capabilities, card: ReturnedCard) -> views.AfterReturn:
    if not card.is_ours:
        return "not_ours"
    instead = caps.region.without_hold
    if card.hold == "found":
        return "found_noted" if card.note_only else "found_held" if instead is None else "found_marked"
    if card.who.proof is not None and not (instead and instead.blocks):
        return "blocks"
    return "holds" if instead is None else "marks"


async def _kept(ask: Ask, log: ErrandLog) -> Ended:
    """Another assignment follows: the card stays with its holder, and nothing is blocked."""
    ended = Ended(ErrandOutcome.DONE, "kept")
    await log.end(ended)
    await ask(views.kept(CONTEXT))
    return ended
