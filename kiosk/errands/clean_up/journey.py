"""Clean up: certificates that have expired, or that a newer one stands in for, are taken off the card; or the card is blocked.

Rules: each certificate is asked for by itself; the last one that works cannot be chosen. To block one's own card is
confirmed twice and cannot be undone.
"""

from drivers.reader.outcomes import Role
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import AskName
from kiosk.issuer.proof_ports import PersonProof
from kiosk.steps import blocking_views
from kiosk.steps.blocking import BlockRequest, block_or_hold
from kiosk.steps.capabilities import Ended
from kiosk.steps.certificate import removal_views as views
from kiosk.steps.certificate.card_write import Codes, identification_again, prove_codes
from kiosk.steps.certificate.removal import removable, remove
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.identification import Identification, holder_means
from kiosk.steps.identity.proof_of_possession import OWN_CARD, RENEWED, sign_mandate
from kiosk.steps.own_card import OwnCard, own_card
from kiosk.steps.receipt import give_receipt, receipt_for, say_done

CONTEXT = ViewContext("clean_up")
KEPT = (*RENEWED, *OWN_CARD)
"""What the holder's certificate may be: old ones are what is cleared away."""
CARD, WHICH, SURE = (CONTEXT.at(step, 3) for step in range(1, 4))


async def clean_up(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(context.go_to(CARD)) as card:
        await card.visit.complete()
        removed, proved, several = 0, dict[Role, Secret](), len(card.facts.holders) > 1
        while True:
            old, writable = removable(card.facts, context.caps.clock.now()), card.facts.rules.writable
            chosen = await context.ask(views.which(WHICH, old, writable=writable, several=several))
            if chosen == "end":
                return await _done(context, card, removed)
            if (
                chosen != "block"
                and await context.ask(views.sure(WHICH, old[int(chosen)], several=several)) != "remove"
            ):
                continue
            use = "identification" if chosen == "block" else old[int(chosen)].certificate.purpose
            proved |= await prove_codes(context.go_to(WHICH), card.visit, use, proved)
            if not card.people:
                card.people = (await _proof(context, card, proved),)
            if chosen == "block":
                return await _block(context, card)
            if await remove(context.go_to(WHICH), card, old[int(chosen)].certificate):
                removed += 1
            else:
                await context.ask(views.stays(WHICH))


async def _done(context: ErrandContext, card: OwnCard, removed: int) -> Ended:
    identity = Identification("card", card.whose.hsa_id)
    receipt = await receipt_for(context.go_to(CONTEXT), card.whose, identity, ("cleaned",)) if removed else None
    return await say_done(context.go_to(CONTEXT), receipt, *views.done(removed))


async def _proof(context: ErrandContext, card: OwnCard, codes: Codes) -> PersonProof:
    """The holder's signature, once for all that is wanted in this visit. Raises as `sign_mandate`."""
    means, again = holder_means(card.facts, AskName.CARD_BLOCK, AskName.CARD_CHALLENGE), identification_again(codes)
    return await sign_mandate(context.go_to(WHICH), card.visit, means, card.register, KEPT, again)


async def _block(context: ErrandContext, card: OwnCard) -> Ended:
    """All certificates of the card revoked for good, by its holder's signature: asked twice."""
    proof = card.people[0]
    several = len(proof.hsa_ids) > 1
    await context.ask(blocking_views.sure(SURE, card.whose, "own_wish", blocks=True, several=several))
    await context.ask(blocking_views.really(SURE, card.whose))
    wish = BlockRequest(card.whose.card_number, "own_wish", "lost", proof)
    came = await block_or_hold(context.go_to(SURE), wish)
    identity = Identification("card", proof.hsa_id, proof=proof)
    receipt = await receipt_for(context.go_to(CONTEXT), card.whose, identity, ("reason_own_wish", came))
    ended = await context.end(came, receipt=receipt)
    await context.ask(blocking_views.done(CONTEXT, came, police=False))
    if receipt is not None:
        await give_receipt(context.go_to(CONTEXT), receipt)
    return ended
