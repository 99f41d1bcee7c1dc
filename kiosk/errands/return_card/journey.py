"""Return a card: by its chip or by the number printed on it, into the drop slot, blocked at once where its code was given.

Rules (docs/rules.md, "Hand-over and return"): a card counts as returned only when it has fallen
into the bin. Without the card's own code it is put on hold; the block follows when an administrator or the issuer confirms.
A card whose number was typed has been seen by nobody: screen, receipt and event say so, and it is read when the bin is emptied.
A card of another issuer, or that our register does not know, falls only once the person has said yes to that.
A card that a colleague found is put on hold without a code, within the limits of holds in nobody's name; it has no receipt.
"""

from typing import get_args

from kiosk.errands.return_card import views
from kiosk.errands.return_card.returning import ReturnedCard, drop_into_bin, identify_card, tell_issuer
from kiosk.issuer.ports import BlockReason
from kiosk.steps.block_in_portal import offer_block_in_portal
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.card_views import with_office
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.receipt import give_receipt, receipt_for

CONTEXT = ViewContext("return_card")
WHY, CARD, DROP = (CONTEXT.at(step, 3) for step in range(1, 4))


async def return_card(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    answer = await context.ask(views.why(WHY))
    if answer == "found":
        return await found_card(context)
    reason = next(reason for reason in get_args(BlockReason) if reason == answer)
    card = await identify_card(context.go_to(CARD))
    may_keep = reason == "left" and (card.may_keep or card.employers)
    if may_keep and await context.ask(views.keep(CARD, card.employers)) == "keep":
        return await _kept(context)
    several = len(card.employers) > 1
    await context.ask(
        views.confirm(CARD, card.whose, _after(context.caps, card), is_seen=card.is_seen, several=several)
    )
    await drop_into_bin(context.go_to(DROP), card, reason, blocks=_after(context.caps, card) == "blocks")
    outcome = await tell_issuer(context.go_to(DROP), card, reason)
    outcome = await offer_block_in_portal(context.go_to(DROP), outcome, card.whose, reason, card.who)
    remarks = (f"reason_{reason}", outcome, *(() if card.is_seen else ("not_seen",)))
    receipt = await receipt_for(context.go_to(CONTEXT), card.whose, card.who, remarks)
    ended = await context.end(outcome, receipt=receipt)
    way = await give_receipt(context.go_to(CONTEXT), receipt) if receipt is not None else "nothing"
    await context.ask(views.done(CONTEXT, outcome, way, is_seen=card.is_seen))
    return ended


async def found_card(context: ErrandContext) -> Ended:
    """The same errand for who has said that the card is somebody else's. Nothing is signed in its holder's name."""
    card = await identify_card(context.go_to(CARD), is_found=True)
    await context.ask(views.confirm(CARD, card.whose, _after(context.caps, card), is_seen=card.is_seen))
    await drop_into_bin(context.go_to(DROP), card, None, blocks=False)
    outcome = await tell_issuer(context.go_to(DROP), card, None)
    outcome = "not_told" if card.note_only and outcome != "was_blocked" else outcome
    ended = await context.end(f"found_{outcome}")
    await context.ask(with_office(views.done_found(CONTEXT, ended.reason, is_seen=card.is_seen), context.caps.region))
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


async def _kept(context: ErrandContext) -> Ended:
    """Another assignment follows: the card stays with its holder, and nothing is blocked."""
    ended = await context.end("kept")
    await context.ask(views.kept(CONTEXT))
    return ended
