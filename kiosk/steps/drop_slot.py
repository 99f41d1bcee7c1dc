"""A card into the drop slot: the flap opens, and only the bin's own sensor says that the card is gone.

A card that fell in is out of anybody's hands, and must not stay valid: its block or hold is pledged before it can fall, and due
in the transaction that says that it fell.
"""

import asyncio
import contextlib
from collections import defaultdict

from drivers.cabinet.port import Dropped, NotDropped, NotOpened, Opened
from fleet.messages.vocabulary import Effect, Outcome
from kiosk.issuer.ports import BlockReason, CardWord
from kiosk.ports import Ask, Cabinet, ErrandEndedError, NamedOutcome, Order, Pledge
from kiosk.steps import slot_views as views
from kiosk.steps.blocking import BlockRequest, try_to_block_or_hold
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.card_status import IN_USE
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import ask_register
from kiosk.views import Await


async def drop_old_card(context: ErrandContext, order: Order, identity: Identification) -> str:
    """The holder's old card into the drop slot; it is blocked at once, or on hold. Never ends the errand: what is left to say of
    it, or nothing."""
    if identity.by != "old_card" or identity.card_number == order.card_number or context.caps.cabinet is None:
        return ""
    reason: BlockReason | None = "replaced" if await _may_block(context.caps, order, identity) else None
    view = views.drop_old(context, identity.card_number, blocks=reason is not None)
    pledge = context.caps.blocking.pledge_for_drop(
        identity.card_number, reason, by=identity.proof, errand=context.log.id
    )
    came = await drop_card(context, context.caps.cabinet, view, identity.card_number, pledge)
    if came == Outcome.DROPPED and reason is not None:
        with contextlib.suppress(ErrandEndedError):  # it is pledged: whatever comes in between, it is told
            wish = BlockRequest(identity.card_number, reason, "returned", identity.proof)
            await try_to_block_or_hold(context, wish)
    return "" if came == Outcome.DROPPED else "old_card_kept"


async def _may_block(caps: Capabilities, order: Order, identity: Identification) -> bool:
    """Return whether the holder's proof blocks the old card: its issuer can be told, it is in use as it was, and
    whoever else it names has left."""
    instead = caps.region.without_hold
    if identity.proof is None or (instead is not None and instead.blocks):
        return False
    word = await ask_register(caps, identity.card_number)
    if not isinstance(word, CardWord) or word.state not in IN_USE:
        return False
    others = defaultdict(list)
    for certificate in identity.certificates:
        if certificate.holder.hsa_id not in ("", order.hsa_id):
            others[certificate.holder.hsa_id].append(certificate.der)
    return all([await caps.orders.has_left(theirs) for theirs in others.values()])


async def drop_card(
    context: ErrandContext, cabinet: Cabinet, view: Await, number: str, pledge: Pledge | None, **facts: bool
) -> str:
    """See a card fall while `view` asks for it: `dropped`, or why it did not (`kept`, `not_opened`, `jam`, `fishing`, ...). The
    flap ends locked. `pledge`: what is done to the card once it has fallen. `facts`: what else its event says."""
    try:
        opened = await context.log.effect(Effect.DROP_OPEN, cabinet.open_drop())
        if isinstance(opened, NotOpened):
            return Outcome.NOT_OPENED
        came = await context.log.effect(
            Effect.DROP_CARD, _drop(context.ask, view, cabinet), pledge=pledge, old_card=number, **facts
        )
    except BaseException:
        await _lock_flap(cabinet)  # it may be open, and nobody is going to watch it
        raise
    if came.outcome == Outcome.DROPPED and not isinstance(opened, Opened):
        await context.log.settled(Effect.DROP_OPEN, Outcome.OPENED)
    return came.outcome


async def _drop(ask: Ask, view: Await, cabinet: Cabinet) -> NamedOutcome:
    """See the card fall into the bin, or the holder keep it."""
    try:
        outcome = await ask(view, until=cabinet.wait_drop())
    except ErrandEndedError:
        return NamedOutcome(Outcome.KEPT)
    match outcome:
        case Dropped():
            return NamedOutcome(Outcome.DROPPED)
        case NotDropped(fault):
            return NamedOutcome(Outcome(fault))
        case _:
            return NamedOutcome(Outcome.KEPT)


async def _lock_flap(cabinet: Cabinet) -> None:
    """A watch that ends at once locks the flap."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await cabinet.wait_drop()
