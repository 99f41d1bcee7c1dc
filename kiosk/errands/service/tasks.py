"""What can be done to the machine: each of it an effect with its outcome, and by whom."""

from typing import assert_never

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown
from drivers.printer.document import Document, ParagraphBlock, TitleBlock
from drivers.printer.port import NotLaidOut, NotPrinted, Printed, PrintUnknown
from fleet.messages.vocabulary import Effect, EventType
from kiosk.administration_ports import Closed, Device, House
from kiosk.errands.service import views
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Ask, Cabinet, ErrandEndedError, ErrandLog, Told
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene
from kiosk.steps.receipt import hand_out
from kiosk.steps.receipt_views import NOT_LAID_OUT, fault_name
from kiosk.views import say

PAGE = 4
"""Receipts on one page, and events."""


async def self_test(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """Every device, and how it is."""
    found = await ask(views.testing(scene), until=log.effect(Effect.STATION_TEST, _tested(house), by=by.hsa_id))
    assert isinstance(found, _Tested)
    await ask(views.tested(scene, found.devices))


class _Tested(Told):
    """The outcome says whether all is well; the devices go to the screen."""

    def __init__(self, devices: tuple[Device, ...]) -> None:
        super().__init__("well" if all(one.ok for one in devices) else "faults")
        object.__setattr__(self, "devices", devices)

    devices: tuple[Device, ...]


async def _tested(house: House) -> _Tested:
    return _Tested(await house.check())


async def test_print(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """A page, and whether it came out."""
    if desk.printer is None:
        await ask(views.no_printer(scene))
        return
    lines = (desk.print_text(say("test_page.letters")), desk.print_text(say("test_page.lead")))
    page = Document((TitleBlock(desk.print_text(say("test_page.title"))), *(ParagraphBlock(line) for line in lines)))
    printing = log.effect(Effect.PRINTER_TEST, desk.printer.print(page), by=by.hsa_id)
    match await ask(views.printing(scene), until=printing):
        case Printed():
            await ask(views.printed(scene))
        case NotPrinted(status):
            await ask(views.not_printed(scene, fault_name(status)))
        case NotLaidOut():
            await ask(views.not_printed(scene, NOT_LAID_OUT))
        case PrintUnknown():
            await log.settled(Effect.PRINTER_TEST, "looked_at")
            await ask(views.not_printed(scene, "unclear"))
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)


async def open_a_slot(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """One slot, with the reason, until its door is shut again."""
    state = await desk.cabinet.state() if desk.cabinet is not None else None
    if desk.cabinet is None or not isinstance(state, CabinetReady):
        await ask(views.no_cabinet(scene))
        return
    slot = await _which_slot(ask, scene, len(state.slots))
    why = await ask(views.why_open(scene, slot)) if slot is not None else "back"
    if slot is None or why == "back":
        return
    match await log.effect(Effect.SLOT_OPEN, desk.cabinet.open_slot(slot), slot=slot, why=why, by=by.hsa_id):
        case Opened():
            await _until_shut(ask, scene, log, desk.cabinet, slot, len(state.slots))
        case OpenUnknown():
            await _until_shut(ask, scene, log, desk.cabinet, slot, len(state.slots))
            await log.settled(Effect.SLOT_OPEN, "looked_at")
        case NotOpened(fault):
            await ask(views.not_opened(scene, slot, fault))
        case other:
            assert_never(other)


async def _which_slot(ask: Ask, scene: Scene, slots: int) -> int | None:
    """A slot that there is; None where the person went back."""
    again = False
    while (typed := await ask(views.which_slot(scene, slots, again=again))).isdigit():
        if 1 <= int(typed) <= slots:
            return int(typed)
        again = True
    return None


async def _until_shut(ask: Ask, scene: Scene, log: ErrandLog, cabinet: Cabinet, slot: int, slots: int) -> None:
    try:
        await ask(views.shut(scene, slot, slots), until=cabinet.wait_slot(slot, card=None, door="closed"))
    except ErrandEndedError:
        state = await cabinet.state()
        if isinstance(state, CabinetReady) and any(s.number == slot and s.door == "open" for s in state.slots):
            await log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_CLOSE, outcome="left_open", slot=slot)
        raise


async def receipts(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """Receipts that never came onto paper; one is printed again under its own number."""
    start = 0
    while True:
        waiting = await house.unprinted()
        page = waiting[start : start + PAGE]
        picked = await ask(views.which_receipt(scene, page, more=len(waiting) > PAGE))
        if picked == "more":
            start = start + PAGE if start + PAGE < len(waiting) else 0
            continue
        chosen = next((one for one in page if one.number == picked), None)
        if chosen is None:
            return
        await hand_out(ask, desk, scene, log, chosen)
        start = 0


async def last_events(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """What happened last, page by page."""
    told, start = await house.events(), 0
    while await ask(views.events(scene, told[start : start + PAGE], more=len(told) > PAGE)) == "more":
        start = start + PAGE if start + PAGE < len(told) else 0


async def out_of_service(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """Close the station to visitors with a message, or open it again."""
    if house.closed is not None:
        if await ask(views.reopen(scene, house.closed)) == "open":
            await log.effect(Effect.STATION_OPEN, _set(house, None), by=by.hsa_id)
        return
    why = await ask(views.why_close(scene))
    if why in views.CLOSED:
        await log.effect(Effect.STATION_CLOSE, _set(house, why), why=why, by=by.hsa_id)
        await ask(views.closed(scene))


async def _set(house: House, why: Closed | None) -> Told:
    await house.close(why)
    return Told("closed" if why else "opened")


async def pair(ask: Ask, desk: Desk, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> None:
    """Give the cabinet's board and this station a key in common."""
    if await ask(views.pair(scene)) != "pair":
        return
    word = await ask(views.pairing(scene), until=log.effect(Effect.CABINET_PAIR, _paired(house), by=by.hsa_id))
    assert isinstance(word, Told)
    await ask(views.paired(scene, word.outcome))


async def _paired(house: House) -> Told:
    return Told(await house.pair())


async def restart(ask: Ask, house: House, scene: Scene, log: ErrandLog, by: LoggedIn) -> bool:
    """Start the program anew, once this errand has ended. False where it was not wanted, or nobody would start it."""
    if await ask(views.restart(scene)) != "restart":
        return False
    if (await log.effect(Effect.STATION_RESTART, _restarting(house), by=by.hsa_id)).outcome == "asked":
        return True
    await ask(views.no_restart(scene))
    return False


async def _restarting(house: House) -> Told:
    return Told("asked" if house.restart() else "refused")
