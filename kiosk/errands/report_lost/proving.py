"""Who may block a card: its holder with the card and its code, or an ID administrator with theirs."""

from dataclasses import replace

from kiosk.ports import Ask, ErrandLog
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene, Whose
from kiosk.steps.identification import Identified, attended, holder_means
from kiosk.steps.own_card import own_card
from kiosk.steps.person_proof import OWN_CARD, prove_person


async def proved_card(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog) -> tuple[Whose, Identified]:
    """The holder's own card, proved by code and signature. Raises as `prove_person`."""
    async with own_card(ask, desk, scene, log, also_off=True) as card:
        words, means = own_card_views.code(scene, card.facts), holder_means(card.facts, "card.block", "card.hold")
        proof = await prove_person(ask, desk, scene, log, card.visit, words, means, card.register, OWN_CARD)
        return card.whose, Identified("card", proof.hsa_id, proof=proof)


async def vouched(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog) -> Identified:
    """An administrator attends, and has seen who the holder is."""
    who = await attended(ask, desk, scene, log)
    return replace(who, hsa_id=who.administrator.hsa_id if who.administrator else "")
