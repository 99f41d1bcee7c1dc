"""The cabinet's part: the order's slot opens, the card is taken, put into the reader and proved to be the order's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, assert_never

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.ports import Cabinet, ErrandLog, Order, Visit
from kiosk.steps import slot_views as views
from kiosk.steps.blocking import BlockRequest, try_to_block_or_hold
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import act_for_holder, ask_for_card
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.card_status import listed_new_card
from kiosk.steps.identity.card_status_views import new_card_stands
from kiosk.steps.identity.identification import Identification
from kiosk.steps.order_views import former_name_declined
from kiosk.views import Await

PRINTED_TRIES = 3


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """Why a card goes back into its slot: the outcome in the journal, what is shown meanwhile, and what ends it."""

    outcome: str
    view: Callable[[ViewContext, Order], Await]
    stop: Callable[[ViewContext], StopError]
    is_false: bool = False
    """It says that it is the order's card, and is none: its number is told."""


WRONG_CARD = ReturnReason(Outcome.WRONG_CARD, views.put_back, views.wrong_card_in_slot)
NOT_VOUCHED = ReturnReason(Outcome.NOT_VOUCHED, views.put_back_unvouched, views.stocked_by_one)
OWN_CARD = ReturnReason(Outcome.NOT_VOUCHED, views.put_back_untested, views.own_card_attended)
READ_ONLY = ReturnReason(Outcome.READ_ONLY, views.put_back_read_only, views.new_card_read_only)
FORMER_NAME = ReturnReason(Outcome.FORMER_NAME, views.put_back_untested, former_name_declined)
NOT_GENUINE = ReturnReason(Outcome.NOT_GENUINE, views.put_back_false, views.new_card_not_genuine, is_false=True)


async def take_from_slot(context: ErrandContext, order: Order, identity: Identification) -> None:
    """Open the order's slot and see the card taken. Where it was opened before and is empty, who stands there says whether they
    have the card; it counts as taken once the reader has met it. Raises StopError."""
    if context.caps.cabinet is None:
        raise views.no_cabinet(context)
    if await _is_empty(context.caps.cabinet, order):
        if not await context.log.may_have_begun(Effect.SLOT_OPEN):
            await context.log.note(
                EventType.EFFECT_DONE, effect=Effect.SLOT_LOOK, outcome=Outcome.EMPTY, slot=order.slot
            )
            raise context.stop("slot_empty")
        await _ask_who_has_it(context, order)
        return
    is_known = await _open(context, context.caps.cabinet, order, Effect.SLOT_OPEN)
    slots = await views.slot_count(context.caps.cabinet)
    taken = context.caps.cabinet.wait_slot(order.slot, card="empty", door="closed")
    answer = await context.ask(views.take(context, order, slots, identity), until=taken)
    if answer == "wrong":
        await _give_back(context, context.caps.cabinet, order, opened=Effect.SLOT_OPEN, is_known=is_known)
    await _seen_open(context.log, Effect.SLOT_OPEN, is_known)
    await context.log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_TAKE, outcome=Outcome.TAKEN, slot=order.slot)


async def _ask_who_has_it(context: ErrandContext, order: Order) -> None:
    """Nobody saw who took the card: its holder, who did not stay, or who came by. Raises StopError where it is not here; then it
    is on hold, and the office is told."""
    await context.log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_LOOK, outcome=Outcome.GONE, slot=order.slot)
    if await context.ask(views.have_it(context, order)) == "yes":
        return
    await context.log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_TAKE, outcome=Outcome.GONE, slot=order.slot)
    await try_to_block_or_hold(context, BlockRequest(order.card_number, None, "lost"))
    raise views.gone_from_slot(context)


async def _is_empty(cabinet: Cabinet, order: Order) -> bool:
    """Return whether the slot's own sensor says that no card lies there."""
    state = await cabinet.state()
    return isinstance(state, CabinetReady) and any(s.number == order.slot and s.card == "empty" for s in state.slots)


async def insert_new_card(context: ErrandContext, order: Order, identity: Identification) -> Visit:
    """The new card in the reader, with the order's number both on it and in it. Raises StopError."""
    await _compare_printed(context, order, identity)
    fresh = False
    while True:
        visit = await ask_for_card(
            context.ask, context.caps.reader, lambda why: views.insert_new(context, order, identity, why), fresh=fresh
        )
        assert not isinstance(visit, str)
        card_number = visit.facts.card_number
        if card_number == order.card_number:
            await _note_taken(context, order, visit)
        why = READ_ONLY if visit.facts.rules.read_only else OWN_CARD if identity.is_attended_by(visit.facts) else None
        if card_number == order.card_number and (stop := await listed_new_card(context.caps, visit.facts)) is not None:
            stands = partial(new_card_stands, state=stop)
            why = ReturnReason(Outcome.NOT_TESTED, views.put_back_untested, stands)
        if card_number == order.card_number and why is None:
            return act_for_holder(visit, order.hsa_id)
        await visit.close()
        if card_number == order.card_number and why is not None:
            await reopen_for_return(context, order, why)
        if (
            await context.ask(views.wrong_card(context, order, card_number, own=card_number == identity.card_number))
            == "wrong"
        ):
            await reopen_for_return(context, order)
        fresh = True


async def _note_taken(context: ErrandContext, order: Order, visit: Visit) -> None:
    """The reader has met the card: it is out of its slot, if nobody has seen that before. Raises StoreError."""
    try:
        if Effect.SLOT_TAKE not in await context.log.progress():
            await context.log.note(
                EventType.EFFECT_DONE, effect=Effect.SLOT_TAKE, outcome=Outcome.TAKEN, slot=order.slot
            )
    except BaseException:
        await visit.close()
        raise


async def _compare_printed(context: ErrandContext, order: Order, identity: Identification) -> None:
    for _ in range(PRINTED_TRIES):
        typed = await context.ask(views.printed_number(context, identity))
        if typed[-8:] == order.card_number[-8:]:
            return
        if await context.ask(views.printed_differs(context, order)) == "wrong":
            break
    await reopen_for_return(context, order)


async def reopen_for_return(context: ErrandContext, order: Order, returned: ReturnReason = WRONG_CARD) -> None:
    """The card that was taken goes back into its slot, and the errand ends. Always raises ErrandEndedError."""
    cabinet = _fitted(context)
    is_known = await _open(context, cabinet, order, Effect.SLOT_REOPEN)
    await _give_back(context, cabinet, order, opened=Effect.SLOT_REOPEN, is_known=is_known, returned=returned)


async def _give_back(
    context: ErrandContext,
    cabinet: Cabinet,
    order: Order,
    *,
    opened: Effect,
    is_known: bool,
    returned: ReturnReason = WRONG_CARD,
) -> None:
    """The card in the slot is not the order's: back with it, and the errand ends. Always raises ErrandEndedError."""
    back = cabinet.wait_slot(order.slot, card="present", door="closed")
    await context.ask(returned.view(context, order), until=back)
    await _seen_open(context.log, opened, is_known)
    about: dict[str, Any] = {"card_number": order.card_number} if returned.is_false else {}
    await context.log.note(
        EventType.EFFECT_DONE, effect=Effect.SLOT_RETURN, outcome=returned.outcome, slot=order.slot, **about
    )
    raise returned.stop(context)


def _fitted(context: ErrandContext) -> Cabinet:
    if context.caps.cabinet is None:
        raise views.no_cabinet(context)
    return context.caps.cabinet


async def _open(context: ErrandContext, cabinet: Cabinet, order: Order, effect: Effect) -> bool:
    """Open the order's slot; False where the answer was lost, and the wait that follows has to read the sensors."""
    match await context.log.effect(effect, cabinet.open_slot(order.slot), slot=order.slot):
        case Opened():
            return True
        case OpenUnknown():
            return False
        case NotOpened(fault):
            raise views.slot_fault(context, order, fault)
        case other:
            assert_never(other)


async def _seen_open(log: ErrandLog, effect: Effect, is_known: bool) -> None:
    """A card that went through the door proves that it was open."""
    if not is_known:
        await log.settled(effect, Outcome.OPENED)
