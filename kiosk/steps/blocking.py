"""A block, which cannot be undone, or a hold, which can: told to the issuer at once, or kept until it can be told."""

from dataclasses import dataclass
from typing import Literal, assert_never

from fleet.messages.vocabulary import Effect
from kiosk.issuer.ports import (
    BlockReason,
    CardBlocked,
    CardHeld,
    CardMarked,
    HoldReason,
    RequestDeclined,
    RequestQueued,
)
from kiosk.issuer.proof_ports import PersonProof
from kiosk.steps import blocking_views as views
from kiosk.steps.context import ErrandContext

What = Literal["blocked", "held", "marked", "block_queued", "hold_queued", "mark_queued"]


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A wished block or hold of a card. `by`: who has proved to be allowed to; None: nobody has shown who they are, and
    it is held."""

    card_number: str
    block: BlockReason | None
    """Why it is blocked for good; None: it is only put on hold."""
    hold: HoldReason
    by: PersonProof | None = None
    note_only: bool = False
    """Beyond the limit of holds in nobody's name: it is declined, and people are told."""


async def block_or_hold(context: ErrandContext, wish: BlockRequest) -> What:
    """Do it, and say what came of it. Raises StopError where the issuer declines, StoreError where it could not be kept."""
    match await try_to_block_or_hold(context, wish):
        case RequestDeclined(reason):
            raise views.declined(context, reason)
        case outcome:
            return outcome


async def try_to_block_or_hold(context: ErrandContext, wish: BlockRequest) -> What | RequestDeclined:
    """The same where the errand goes on whatever the issuer says. Raises StoreError."""
    match await context.ask(views.telling(context), until=_tell(context, wish)):
        case CardBlocked():
            return "blocked"
        case CardHeld():
            return "held"
        case CardMarked():
            return "marked"
        case RequestQueued():
            if wish.block:
                return "block_queued"
            return "hold_queued" if context.caps.region.without_hold is None else "mark_queued"
        case RequestDeclined() as word:
            return word
        case str() as other:
            raise AssertionError(f"a view without buttons answered {other}")
        case rest:
            assert_never(rest)


async def _tell(
    context: ErrandContext, wish: BlockRequest
) -> CardBlocked | CardHeld | CardMarked | RequestQueued | RequestDeclined:
    issuer, log = context.caps.blocking, context.log
    if wish.block is not None and wish.by is not None:
        blocking = issuer.block(wish.card_number, wish.block, by=wish.by, errand=log.id)
        return await log.effect(Effect.CARD_BLOCK, blocking, reason=wish.block, card_number=wish.card_number)
    holding = issuer.hold(wish.card_number, wish.hold, by=wish.by, errand=log.id, note_only=wish.note_only)
    return await log.effect(Effect.CARD_HOLD, holding, reason=wish.hold, card_number=wish.card_number)
