"""Tasks on the machine: each of them an effect with its outcome, and by whom."""

from typing import assert_never

from drivers.cabinet.port import CabinetReady, NotOpened, Opened, OpenUnknown
from drivers.printer.document import Document, ParagraphBlock, TitleBlock
from drivers.printer.port import NotLaidOut, NotPrinted, Printed, PrintUnknown
from drivers.reader.errors import CardGoneError, LedgerError
from fleet.messages.vocabulary import Effect, Outcome, lookup
from kiosk.administration_ports import Closed, DeviceOverview, Machine, ReaderTelling
from kiosk.errands.service import views
from kiosk.issuer.ports import LoggedIn, Tasks
from kiosk.ports import Cabinet, NamedOutcome, PairingCode, Visit
from kiosk.steps.card import ask_for_card, wait_until_empty
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.administrator import return_card_to_administrator
from kiosk.steps.reader_roles import ReaderChoice, choose_readers
from kiosk.steps.receipt import hand_out_receipt
from kiosk.steps.receipt_views import NOT_LAID_OUT, fault_name
from kiosk.views import say

PAGE = 4
"""Receipts on one page, and events."""


async def tasks(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Show page by page the tasks that wait at this station for an administrator; who picks one takes it. It is ended
    at the dashboard."""
    start, take = 0, ""
    while True:
        answer = await context.ask(views.asking_tasks(context), until=context.caps.administrators.tasks(by, take=take))
        if not isinstance(answer, Tasks):
            await context.ask(views.tasks_away(context))
            return
        if take:
            await context.ask(views.task_taken(context))
        page = answer.shown[start : start + PAGE]
        more = len(answer.shown) > PAGE
        take = str(await context.ask(views.which_task(context, page, total=answer.total, more=more)))
        if take == "more":
            start, take = (start + PAGE if start + PAGE < len(answer.shown) else 0), ""
        elif take not in {task.id for task in page}:
            return


async def self_test(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Every device, and how it is."""
    outcome = await context.ask(
        views.testing(context), until=context.log.effect(Effect.STATION_TEST, _tested(machine), by=by.hsa_id)
    )
    assert isinstance(outcome, _Tested)
    await context.ask(views.tested(context, outcome.devices))


class _Tested(NamedOutcome):
    """The outcome says whether all is well; the devices go to the screen."""

    def __init__(self, devices: tuple[DeviceOverview, ...]) -> None:
        super().__init__(Outcome.WELL if all(device.ok for device in devices) else Outcome.FAULTS)
        object.__setattr__(self, "devices", devices)

    devices: tuple[DeviceOverview, ...]


async def _tested(machine: Machine) -> _Tested:
    return _Tested(await machine.check())


async def test_print(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """A page, and whether it came out."""
    if context.caps.printer is None:
        await context.ask(views.no_printer(context))
        return
    lines = (context.caps.print_text(say("test_page.letters")), context.caps.print_text(say("test_page.lead")))
    page = Document(
        (TitleBlock(context.caps.print_text(say("test_page.title"))), *(ParagraphBlock(line) for line in lines))
    )
    printing = context.log.effect(Effect.PRINTER_TEST, context.caps.printer.print(page), by=by.hsa_id)
    match await context.ask(views.printing(context), until=printing):
        case Printed():
            await context.ask(views.printed(context))
        case NotPrinted(status):
            await context.ask(views.not_printed(context, fault_name(status)))
        case NotLaidOut():
            await context.ask(views.not_printed(context, NOT_LAID_OUT))
        case PrintUnknown():
            await context.log.settled(Effect.PRINTER_TEST, Outcome.LOOKED_AT)
            await context.ask(views.not_printed(context, "unclear"))
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)


async def open_a_slot(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """One slot, with the reason, until its door is shut again."""
    state = await context.caps.cabinet.state() if context.caps.cabinet is not None else None
    if context.caps.cabinet is None or not isinstance(state, CabinetReady):
        await context.ask(views.no_cabinet(context))
        return
    slot = await _which_slot(context, len(state.slots))
    why = await context.ask(views.why_open(context, slot)) if slot is not None else "back"
    if slot is None or why == "back":
        return
    match await context.log.effect(
        Effect.SLOT_OPEN, context.caps.cabinet.open_slot(slot), slot=slot, why=why, by=by.hsa_id
    ):
        case Opened():
            await _until_shut(context, context.caps.cabinet, slot, len(state.slots))
        case OpenUnknown():
            await _until_shut(context, context.caps.cabinet, slot, len(state.slots))
            await context.log.settled(Effect.SLOT_OPEN, Outcome.LOOKED_AT)
        case NotOpened(fault):
            await context.ask(views.not_opened(context, slot, fault))
        case other:
            assert_never(other)


async def _which_slot(context: ErrandContext, slots: int) -> int | None:
    """A slot that there is; None where the person went back."""
    again = False
    while (typed := await context.ask(views.which_slot(context, slots, again=again))).isdigit():
        if 1 <= int(typed) <= slots:
            return int(typed)
        again = True
    return None


async def _until_shut(context: ErrandContext, cabinet: Cabinet, slot: int, slots: int) -> None:
    await context.ask(views.shut(context, slot, slots), until=cabinet.wait_slot(slot, card=None, door="closed"))


async def receipts(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Receipts that never came onto paper; one is printed again under its own number."""
    start = 0
    while True:
        waiting = await machine.unprinted()
        page = waiting[start : start + PAGE]
        picked = await context.ask(views.which_receipt(context, page, more=len(waiting) > PAGE))
        if picked == "more":
            start = start + PAGE if start + PAGE < len(waiting) else 0
            continue
        chosen = next((receipt for receipt in page if receipt.number == picked), None)
        if chosen is None:
            return
        await hand_out_receipt(context, chosen)
        start = 0


async def last_events(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Show the last events, page by page."""
    events, start = await machine.events(), 0
    while await context.ask(views.events(context, events[start : start + PAGE], more=len(events) > PAGE)) == "more":
        start = start + PAGE if start + PAGE < len(events) else 0


async def clear_tries(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """The station's own count of one card's tries, begun anew with the reason. The card goes into the holder's reader."""
    await return_card_to_administrator(context)
    visit = await ask_for_card(context.ask, context.caps.reader, lambda why: views.tries_insert(context, why))
    if isinstance(visit, str):
        return
    try:
        number = visit.facts.card_number
        why = await context.ask(views.tries_why(context, number))
        if why == "back":
            return
        clearing = context.log.effect(
            Effect.CARD_CLEAR_TRIES, _cleared(visit), card_number=number, why=why, by=by.hsa_id
        )
        await context.ask(views.tries_told(context, Outcome((await clearing).outcome)))
    finally:
        await visit.close()
    await context.ask(views.tries_take(context), until=wait_until_empty(context.caps.reader))


async def _cleared(visit: Visit) -> NamedOutcome:
    try:
        return NamedOutcome(Outcome.CLEARED if await visit.clear_tries() else Outcome.NOTHING)
    except (LedgerError, CardGoneError):
        return NamedOutcome(Outcome.NOT_CLEARED)


async def out_of_service(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Close the station to visitors with a message, or open it again."""
    if machine.closed is not None:
        if await context.ask(views.reopen(context, machine.closed)) == "open":
            await context.log.effect(Effect.STATION_OPEN, _set(machine, None), by=by.hsa_id)
        return
    why = await context.ask(views.why_close(context))
    if why in views.CLOSED:
        await context.log.effect(Effect.STATION_CLOSE, _set(machine, why), why=why, by=by.hsa_id)
        await context.ask(views.closed(context))


async def _set(machine: Machine, why: Closed | None) -> NamedOutcome:
    await machine.close(why)
    return NamedOutcome(Outcome.CLOSED if why else Outcome.OPENED)


async def pair(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Give the cabinet's board and this station a key in common."""
    if await context.ask(views.pair(context)) != "pair":
        return
    word = await context.ask(
        views.pairing(context), until=context.log.effect(Effect.CABINET_PAIR, _paired(machine), by=by.hsa_id)
    )
    assert isinstance(word, NamedOutcome)
    await context.ask(views.paired(context, word.outcome))


async def _paired(machine: Machine) -> NamedOutcome:
    word = await machine.pair()
    return NamedOutcome(lookup(Outcome, word) or PairingCode(word))


async def tell_readers(context: ErrandContext, machine: Machine, by: LoggedIn) -> None:
    """Assign the readers to the holder and the administrator, by a card that is put into one of them."""
    readers = machine.readers
    if readers is None:
        await context.ask(views.readers_named(context))
        return
    await return_card_to_administrator(context, always=True)
    choice = await choose_readers(context.ask, readers, context)
    if choice is None:
        return
    kept = await context.log.effect(Effect.READERS_ASSIGN, _kept(machine, readers, choice), by=by.hsa_id)
    await context.ask(views.readers_told(context, kept.outcome))


async def _kept(machine: Machine, readers: ReaderTelling, choice: ReaderChoice) -> NamedOutcome:
    try:
        if await readers.keep(choice.holder, choice.administrator):
            machine.restart()  # where nobody would start it, the next start has the readers
    except OSError:
        return NamedOutcome(Outcome.NOT_WRITTEN)
    return NamedOutcome(Outcome.WRITTEN)


async def restart(context: ErrandContext, machine: Machine, by: LoggedIn) -> bool:
    """Start the program anew, once this errand has ended. False where it was not wanted, or nobody would start it."""
    if await context.ask(views.restart(context)) != "restart":
        return False
    if (await context.log.effect(Effect.STATION_RESTART, _restarting(machine), by=by.hsa_id)).outcome == Outcome.ASKED:
        return True
    await context.ask(views.no_restart(context))
    return False


async def reset(context: ErrandContext, machine: Machine, by: LoggedIn) -> bool:
    """Forget everything, once this errand has ended: asked twice, and a third time where events would be lost. False where it was
    not wanted, or cannot be."""
    losses = await machine.losses()
    if losses is None:
        await context.ask(views.no_restart(context))
        return False
    if (
        await context.ask(views.reset(context, losses)) != "go_on"
        or await context.ask(views.reset_sure(context, losses)) != "erase"
    ):
        return False
    outcome = await _reset(context, machine, by, lose_unsent=False)
    if outcome == Outcome.NOT_SENT and await context.ask(views.reset_unsent(context)) == "erase":
        outcome = await _reset(context, machine, by, lose_unsent=True)
    if outcome == Outcome.REFUSED:
        await context.ask(views.no_restart(context))
    return outcome == Outcome.ASKED


async def _reset(context: ErrandContext, machine: Machine, by: LoggedIn, *, lose_unsent: bool) -> Outcome:
    effect = context.log.effect(Effect.STATION_RESET, _resetting(machine, lose_unsent), by=by.hsa_id)
    done = await context.ask(views.resetting(context), until=effect)
    assert isinstance(done, NamedOutcome)
    return Outcome(done.outcome)


async def _resetting(machine: Machine, lose_unsent: bool) -> NamedOutcome:
    return NamedOutcome(await machine.reset(lose_unsent=lose_unsent))


async def _restarting(machine: Machine) -> NamedOutcome:
    return NamedOutcome(Outcome.ASKED if machine.restart() else Outcome.REFUSED)
