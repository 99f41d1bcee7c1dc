"""A card found again: the hold on it is lifted, and it is exactly as it was. One that is somebody else's is handed in."""

from typing import assert_never

from fleet.messages.issuing import GRAVE_HOLDS
from fleet.messages.vocabulary import AskName, Effect, ErrandOutcome
from kiosk.errands.report_lost import views
from kiosk.issuer.ports import CardWord, HoldLifted, RequestDeclined, Unavailable
from kiosk.ports import FOUND_CARD, Ended
from kiosk.steps import own_card_views
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.identification import Identification, holder_means
from kiosk.steps.identity.proof_of_possession import OWN_CARD, prove_person
from kiosk.steps.own_card import own_card
from kiosk.steps.receipt import receipt_for, say_done


async def lift(context: ErrandContext) -> Ended:
    """Code and signature of the holder's own card lift its hold. Raises StopError where there is none, or it cannot be lifted."""
    async with own_card(context, also_off=True) as card:
        word = card.register
        if isinstance(word, CardWord) and word.state != "held":
            raise views.not_held(context, word.state)
        if isinstance(word, CardWord) and word.hold_reason in GRAVE_HOLDS:
            raise context.stop("lift_by_administrator", icon="account-check-outline")
        words, means = own_card_views.code(context, card.facts), holder_means(card.facts, AskName.CARD_LIFT)
        proof = await prove_person(context, card.visit, words, means, word, OWN_CARD)
        lifting = context.caps.blocking.lift(card.whose.card_number, by=proof, errand=context.log.id)
        match await context.ask(views.lifting(context), until=context.log.effect(Effect.CARD_LIFT, lifting)):
            case HoldLifted():
                identity = Identification("card", proof.hsa_id, proof=proof)
                receipt = await receipt_for(context, card.whose, identity, ("lifted",))
                return await say_done(context, receipt, *views.lifted())
            case RequestDeclined():
                raise context.stop("lift_declined")
            case Unavailable():
                raise context.stop("lift_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline")
            case str():
                raise AssertionError("a view without buttons has no answer")
            case other:
                assert_never(other)


async def hand_in(context: ErrandContext) -> Ended:
    """Somebody else's card goes into the drop slot. Raises StopError where there is none."""
    if context.caps.machine is None or context.caps.machine.missing("return_card") is not None:
        raise context.stop("found_elsewhere", icon="card-search-outline")
    return await context.end("found_card", then=FOUND_CARD)
