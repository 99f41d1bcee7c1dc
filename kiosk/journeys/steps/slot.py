"""The cabinet's part: the order's slot opens, the card is taken, put into the reader and proved to be the order's."""

import asyncio
import contextlib
from typing import assert_never

from drivers.cabinet.port import CabinetReady, Dropped, NotDropped, NotOpened, Opened, OpenUnknown
from fleet.messages import kinds
from kiosk.journeys import slot_views as views
from kiosk.journeys.desk import Desk
from kiosk.journeys.steps.card import ask_for_card
from kiosk.journeys.steps.identify import Identified
from kiosk.ports import Ask, Cabinet, ErrandEndedError, ErrandLog, Order, Told, Visit

PRINTED_TRIES = 3


async def take_from_slot(ask: Ask, desk: Desk, log: ErrandLog, order: Order, who: Identified) -> None:
    """Open the order's slot and see the card taken; then compare the number that is printed on it. Raises StopError."""
    if desk.cabinet is None:
        raise views.no_cabinet()
    known = await _open(log, desk.cabinet, order, "slot.open")
    slots = await views.slot_count(desk.cabinet)
    taken = desk.cabinet.wait_slot(order.slot, card="empty", door="closed")
    try:
        answer = await ask(views.take(order, slots, who), until=taken)
    except ErrandEndedError:
        await _note_open_door(log, desk.cabinet, order)
        raise
    if answer == "wrong":
        await _give_back(ask, log, desk.cabinet, order, opened="slot.open", known=known)
    await _seen_open(log, "slot.open", known)
    await log.note(kinds.EFFECT_DONE, effect="slot.take", outcome="taken", slot=order.slot)


async def insert_new_card(ask: Ask, desk: Desk, log: ErrandLog, order: Order, who: Identified) -> Visit:
    """The new card in the reader, with the order's number both on it and in it. Raises StopError."""
    await _compare_printed(ask, desk, log, order, who)
    fresh = False
    while True:
        visit = await ask_for_card(ask, desk.reader, lambda why: views.insert_new(order, who, why), fresh=fresh)
        assert not isinstance(visit, str)
        found = visit.facts.card_number
        if found == order.card_number:
            return visit
        await visit.close()
        if await ask(views.wrong_card(order, found, own=found == who.card_number)) == "wrong":
            await _reopen_for_return(ask, desk, log, order)
        fresh = True


async def _compare_printed(ask: Ask, desk: Desk, log: ErrandLog, order: Order, who: Identified) -> None:
    for _ in range(PRINTED_TRIES):
        typed = await ask(views.printed_number(who))
        if typed[-8:] == order.card_number[-8:]:
            return
        if await ask(views.printed_differs(order)) == "wrong":
            break
    await _reopen_for_return(ask, desk, log, order)


async def _reopen_for_return(ask: Ask, desk: Desk, log: ErrandLog, order: Order) -> None:
    cabinet = _fitted(desk)
    known = await _open(log, cabinet, order, "slot.reopen")
    await _give_back(ask, log, cabinet, order, opened="slot.reopen", known=known)


async def _give_back(ask: Ask, log: ErrandLog, cabinet: Cabinet, order: Order, *, opened: str, known: bool) -> None:
    """The card in the slot is not the order's: back with it, and the errand ends. Always raises ErrandEndedError."""
    back = cabinet.wait_slot(order.slot, card="present", door="closed")
    try:
        await ask(views.put_back(order), until=back)
    except ErrandEndedError:
        await _note_open_door(log, cabinet, order)
        raise
    await _seen_open(log, opened, known)
    await log.note(kinds.EFFECT_DONE, effect="slot.return", outcome="wrong_card", slot=order.slot)
    raise views.wrong_card_in_slot()


def _fitted(desk: Desk) -> Cabinet:
    if desk.cabinet is None:
        raise views.no_cabinet()
    return desk.cabinet


async def _open(log: ErrandLog, cabinet: Cabinet, order: Order, effect: str) -> bool:
    """Open the order's slot; False where the answer was lost, and the wait that follows has to read the sensors."""
    match await log.effect(effect, cabinet.open_slot(order.slot), slot=order.slot):
        case Opened():
            return True
        case OpenUnknown():
            return False
        case NotOpened(fault):
            raise views.slot_fault(order, fault)
        case other:
            assert_never(other)


async def _seen_open(log: ErrandLog, effect: str, known: bool) -> None:
    """A card that went through the door proves that it was open."""
    if not known:
        await log.settled(effect, "opened")


async def _lock_flap(cabinet: Cabinet) -> None:
    """A watch that ends at once locks the flap."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await cabinet.wait_drop()


async def _note_open_door(log: ErrandLog, cabinet: Cabinet, order: Order) -> None:
    """Nobody is here any more. No coil closes a door, so those who can come must know."""
    state = await cabinet.state()
    if isinstance(state, CabinetReady) and any(s.number == order.slot and s.door == "open" for s in state.slots):
        await log.note(kinds.EFFECT_DONE, effect="slot.close", outcome="left_open", slot=order.slot)


async def drop_old_card(ask: Ask, desk: Desk, log: ErrandLog, order: Order, who: Identified) -> str:
    """The holder's old card into the drop slot. Never ends the errand: returns what is left to say of it, or nothing."""
    if who.by != "old_card" or who.card_number == order.card_number or desk.cabinet is None:
        return ""
    try:
        opened = await log.effect("drop.open", desk.cabinet.open_drop())
        if isinstance(opened, NotOpened):
            return "old_card_kept"
        came = await log.effect("drop.card", _drop(ask, desk.cabinet, who.card_number), old_card=who.card_number)
    except BaseException:
        await _lock_flap(desk.cabinet)  # it may be open, and nobody is going to watch it
        raise
    if came != Told("dropped"):
        return "old_card_kept"
    await _seen_open(log, "drop.open", isinstance(opened, Opened))
    return ""


async def _drop(ask: Ask, cabinet: Cabinet, number: str) -> Told:
    """See the card fall into the bin, or the holder keep it."""
    try:
        outcome = await ask(views.drop_old(number), until=cabinet.wait_drop())
    except ErrandEndedError:
        return Told("kept")
    match outcome:
        case Dropped():
            return Told("dropped")
        case NotDropped(fault):
            return Told(fault)
        case _:
            return Told("kept")
