"""A card into the drop slot: the flap opens, and only the bin's own sensor says that the card is gone.

A card that fell in is out of anybody's hands, and must not stay valid: its block or hold is pledged before it can fall, and due
in the transaction that says that it fell.
"""

import asyncio
import contextlib

from drivers.cabinet.port import Dropped, NotDropped, NotOpened, Opened
from fleet.messages.vocabulary import Effect, Outcome
from kiosk.ports import Ask, Cabinet, ErrandEndedError, ErrandLog, NamedOutcome, Order, Pledge
from kiosk.steps import slot_views as views
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.views import Await


async def drop_old_card(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, order: Order, who: Identification
) -> str:
    """The holder's old card into the drop slot, and on hold. Never ends the errand: what is left to say of it, or nothing."""
    if who.by != "old_card" or who.card_number == order.card_number or caps.cabinet is None:
        return ""
    view = views.drop_old(context, who.card_number)
    pledge = caps.blocking.pledge_for_drop(who.card_number, None, by=who.proof, errand=log.id)
    came = await drop_card(ask, caps.cabinet, view, log, who.card_number, pledge)
    return "" if came == Outcome.DROPPED else "old_card_kept"


async def drop_card(
    ask: Ask, cabinet: Cabinet, view: Await, log: ErrandLog, number: str, pledge: Pledge | None, **facts: bool
) -> str:
    """See a card fall while `view` asks for it: `dropped`, or why it did not (`kept`, `not_opened`, `jam`, `fishing`, ...). The
    flap ends locked. `pledge`: what is done to the card once it has fallen. `facts`: what else its event says."""
    try:
        opened = await log.effect(Effect.DROP_OPEN, cabinet.open_drop())
        if isinstance(opened, NotOpened):
            return Outcome.NOT_OPENED
        came = await log.effect(Effect.DROP_CARD, _drop(ask, view, cabinet), pledge=pledge, old_card=number, **facts)
    except BaseException:
        await _lock_flap(cabinet)  # it may be open, and nobody is going to watch it
        raise
    if came.outcome == Outcome.DROPPED and not isinstance(opened, Opened):
        await log.settled(Effect.DROP_OPEN, Outcome.OPENED)
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
