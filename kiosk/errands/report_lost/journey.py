"""Report a card: forgotten (a hold that ends when it is found), lost or known to others (blocked for good), or found again.

Rules (docs/rules.md, "Who may"): a block is irreversible, so it is confirmed twice, and needs the card's own code or an
administrator. Without either a hold is made at once, and the block follows when somebody confirms it.
"""

from dataclasses import replace

from fleet.messages.vocabulary import AskName
from kiosk.errands.report_lost import views
from kiosk.errands.report_lost.lifting import hand_in, lift
from kiosk.issuer.ports import BlockReason, HoldReason
from kiosk.steps import blocking_views, own_card_views
from kiosk.steps.block_in_portal import offer_block_in_portal
from kiosk.steps.blocking import BlockRequest, block_or_hold
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import CardHolder, ErrandContext, ViewContext
from kiosk.steps.identity.administrator import About
from kiosk.steps.identity.identification import Identification, holder_means, identify_by_administrator, sign_all
from kiosk.steps.identity.printed_number import ask_printed_number
from kiosk.steps.identity.proof_of_possession import OWN_CARD, prove_person
from kiosk.steps.own_card import own_card
from kiosk.steps.receipt import give_receipt, receipt_for
from kiosk.steps.view_helpers import done_by

CONTEXT = ViewContext("report_lost")
WHAT, WHICH, SURE = (CONTEXT.at(step, 3) for step in range(1, 4))
HOLDS: dict[str, HoldReason] = {
    "forgotten": "forgotten", "lost": "lost", "stolen": "stolen", "code_known": "code_known",
}  # fmt: skip
BLOCKS: dict[str, BlockReason] = {"lost": "lost", "stolen": "stolen", "code_known": "code_known"}


async def report_lost(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    kind = await context.ask(views.what(WHAT))
    if kind == "found":
        return await lift(context.go_to(WHICH))
    if kind == "not_mine":
        return await hand_in(context.go_to(WHICH))
    whose, identity = await _which(context, kind)
    wish = await _sure(context, kind, whose, identity)
    came: str = await block_or_hold(context.go_to(SURE), wish)
    came = await offer_block_in_portal(context.go_to(SURE), came, whose, BLOCKS.get(kind), identity)
    receipt = await receipt_for(context.go_to(CONTEXT), whose, identity, (f"reason_{kind}", came))
    ended = await context.end(came, receipt=receipt)
    police, line = kind in ("lost", "stolen"), context.caps.region.block_line
    instead = context.caps.region.without_hold if kind in BLOCKS else None  # one that is only forgotten nobody blocks
    blocked_by = done_by("lost_done.marked.by", instead, context.caps.clock.now()) if instead else None
    await context.ask(blocking_views.done(CONTEXT, came, police=police, block_line=line, blocked_by=blocked_by))
    if receipt is not None:
        await give_receipt(context.go_to(CONTEXT), receipt)
    return ended


async def found_again(context: ErrandContext) -> Ended:
    """The same errand for who has said already, with the card in the reader, that it is found. Raises as `report_lost`."""
    return await lift(context.go_to(CONTEXT))


async def _which(context: ErrandContext, kind: str) -> tuple[CardHolder, Identification]:
    """The card, and who has proved what: with the card and its code, with an administrator, or by its number alone."""
    holds = context.caps.region.without_hold is None
    way = "card" if kind == "code_known" else await context.ask(views.how(WHICH, holds=holds))
    if way == "card":
        return await prove_own_card(context)
    identity = await vouch_by_administrator(context) if way == "administrator" else Identification("number")
    printed = await ask_printed_number(context.go_to(WHICH), identity.people)
    return printed.whose, identity


async def _sure(context: ErrandContext, kind: str, whose: CardHolder, identity: Identification) -> BlockRequest:
    """A block is confirmed twice; a hold, and a block that people make, once. An administrator signs for that card."""
    may_block, instead = kind in BLOCKS and bool(identity.people), context.caps.region.without_hold
    at_once = may_block and not (instead and instead.blocks)
    await context.ask(blocking_views.sure(SURE, whose, kind, blocks=at_once, instead=instead, several=identity.several))
    if at_once:
        await context.ask(blocking_views.really(SURE, whose))
    about = About(whose.card_number, (AskName.CARD_BLOCK, AskName.CARD_HOLD))
    signed = await sign_all(context.go_to(SURE), identity, about)
    by = next(iter(signed.acting), None)
    return BlockRequest(whose.card_number, BLOCKS[kind] if may_block and by else None, HOLDS[kind], by)


async def prove_own_card(context: ErrandContext) -> tuple[CardHolder, Identification]:
    """The holder's own card, proved by code and signature. Raises as `prove_person`."""
    async with own_card(context.go_to(WHICH), also_off=True) as card:
        means = holder_means(card.facts, AskName.CARD_BLOCK, AskName.CARD_HOLD)
        words = own_card_views.code(WHICH, card.facts)
        proof = await prove_person(context.go_to(WHICH), card.visit, words, means, card.register, OWN_CARD)
        return card.whose, Identification("card", proof.hsa_id, proof=proof)


async def vouch_by_administrator(context: ErrandContext) -> Identification:
    """An administrator attends, and has seen who the holder is."""
    identity = await identify_by_administrator(context.go_to(WHICH), keeps_card=True)
    return replace(identity, hsa_id=identity.administrator.hsa_id if identity.administrator else "")
