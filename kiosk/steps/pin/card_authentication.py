"""Card authentication: a new card shows that it is genuine before it hears a code, or goes back to its slot for good.

Whoever stocks the cabinet could keep the true card and lay in a copy of its public files, which hears PUK and new PIN. Rules:
docs/rules.md, "Who may"; docs/cards.md says how each product shows it.
"""

from typing import assert_never

from drivers.reader.keys import ManagementAlgorithm, MutualAnswer
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import CardAuthenticated, CardAuthentication, CardNotAuthenticated, NoFreeKey, Unknown
from fleet.messages.vocabulary import EventType
from kiosk.issuer.ports import Unavailable
from kiosk.ports import CardPulledError, Order, Visit
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import proof_views
from kiosk.steps.pin import views as pin_views
from kiosk.steps.slot import NOT_GENUINE, NOT_VOUCHED, ReturnReason, reopen_for_return


async def authenticate_card(context: ErrandContext, order: Order, visit: Visit) -> None:
    """Challenge the card of this visit. Raises StopError (the card is back in its slot then), CardPulledError."""
    match await challenge_card(context, visit):
        case CardAuthenticated():
            return
        case NoFreeKey():
            if not await is_vouched_for(context.caps, order, visit.facts):
                await visit.close()
                await reopen_for_return(context, order, NOT_VOUCHED)
        case CardNotAuthenticated(why):
            await put_aside(context, order, visit, why)
        case other:
            assert_never(other)


async def challenge_card(context: ErrandContext, visit: Visit) -> CardAuthenticated | CardNotAuthenticated | NoFreeKey:
    """Have the card show, before any code, that it is genuine, as its product does. Raises CardPulledError."""
    outcome = await context.ask(proof_views.proving(context), until=visit.challenge_free_key())
    if isinstance(outcome, NoFreeKey) and visit.facts.rules.genuine == "management-key":
        outcome = await _by_management_key(context, visit)
    if isinstance(outcome, Unknown | str):
        raise CardPulledError
    return outcome


class _ServerSilentError(Exception):
    """The server did not answer, and nothing was tried at the card."""


async def _by_management_key(context: ErrandContext, visit: Visit) -> CardAuthentication | str:
    """By the card's own management key, which the server has; asked again while the server is silent."""

    async def answered(algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes) -> MutualAnswer | None:
        answer = await context.caps.card_keys.answer_witness(
            visit.facts, algorithm, witness, challenge, errand=context.log.id
        )
        if isinstance(answer, Unavailable):
            raise _ServerSilentError
        return answer if isinstance(answer, MutualAnswer) else None

    while True:
        try:
            return await context.ask(proof_views.proving(context), until=visit.authenticate_by_management(answered))
        except _ServerSilentError:
            await context.ask(pin_views.verifier_silent(context))


async def is_vouched_for(caps: Capabilities, order: Order, facts: CardFacts) -> bool:
    """Return whether as many administrators put the card in as its product, or the region, wants of cards that prove
    nothing."""
    needed = 2 if caps.region.stock.two_administrators else facts.rules.stocked_by
    if needed < 2 or caps.stock is None:
        return True
    return len(set(await caps.stock.stocked_by(order.card_number))) >= needed


async def put_aside(
    context: ErrandContext, order: Order, visit: Visit, why: str, returned: ReturnReason = NOT_GENUINE
) -> None:
    """Tell the fleet, and have the card put back: nobody is handed what lies there. Always raises ErrandEndedError."""
    await visit.close()
    await context.log.note(EventType.CARD_NOT_GENUINE, card_number=order.card_number, why=why, slot=order.slot)
    if context.caps.cabinet is None:
        raise returned.stop(context)
    await reopen_for_return(context, order, returned)
