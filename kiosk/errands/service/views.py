"""The views of service: what can be done to the machine, and what came of it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import get_args

from drivers.cabinet.port import SlotFault
from fleet.messages.vocabulary import ClearReason, Outcome
from kiosk.administration_ports import Closed, DeviceOverview, EventOverview, ResetLosses
from kiosk.errands.service.event_labels import event_label
from kiosk.issuer.ports import Task
from kiosk.receipts import Receipt
from kiosk.steps.administration_views import state_of
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import reader_for, strange_note
from kiosk.steps.context import ViewContext
from kiosk.steps.receipt_views import NOT_LAID_OUT
from kiosk.steps.view_helpers import back_button, date_text, last_digits, page_options, primary_button
from kiosk.views import (
    Await,
    Busy,
    Button,
    CabinetDrawing,
    Choose,
    Confirm,
    EnterDigits,
    Fact,
    Note,
    Option,
    Point,
    ReaderDrawing,
    Say,
    Tell,
    say,
)

CLOSED: tuple[Closed, ...] = get_args(Closed)
WHY_OPEN = ("stuck", "look", "clean", "other")
"""Why a slot is opened by hand."""
SLOT_DIGITS = 2
SHUT_S = 300.0
"""Hands in the cabinet are no touch on the screen."""
MENU = {
    "tasks": "check-circle-outline",
    "test": "stethoscope",
    "print": "printer-outline",
    "open": "door-open",
    "receipts": "receipt-text-outline",
    "events": "history",
    "tries": "lock-alert-outline",
    "close": "power",
    "restart": "restart",
    "installation": "wrench-outline",
}
"""What is done in an ordinary week."""

INSTALLATION = {
    "pair": "link-variant",
    "readers": "smart-card-reader-outline",
    "reset": "delete-empty-outline",
}
"""What is done when a station, or a part of it, is put up or taken down."""


TASKS = (
    "hold",
    "not_seen",
    "hold_declined",
    "handover",
    "receipt",
    "bin",
    "misplaced",
    "quarantined",
    "left",
    "in_use",
    "letter_declined",
    "letter",
    "receipt_mail",
    "expired",
)
"""Kinds of rows on the worklist. What a newer server has besides is `other`."""
OTHER_TASK = "other"
TAKEN = ("nobody", "you", "other")


NEEDS = {"print": "printer", "open": "cabinet", "pair": "cabinet"}
"""The device that it takes."""


def menu(context: ViewContext, *, fitted: Set[str], closed: Closed | None) -> Choose:
    """Return the menu. An entry whose device (`printer`, `cabinet`) the station has not says so."""
    return Choose(
        **context.head("menu", say("service.title")),
        options=_options(MENU, fitted, closed),
        way_out=Button("end", say("button.back"), "arrow-left"),
    )


def installation(context: ViewContext, *, fitted: Set[str]) -> Choose:
    """The same of what is seldom done."""
    return Choose(
        **context.head("installation", say("service.title")),
        options=_options(INSTALLATION, fitted, None),
        way_out=back_button(),
    )


def _options(menu: Mapping[str, str], fitted: Set[str], closed: Closed | None) -> tuple[Option, ...]:
    return tuple(
        Option(
            entry,
            say("service.reopen" if entry == "close" and closed else f"service.{entry}"),
            icon=icon,
            reason=None if NEEDS.get(entry) in (None, *fitted) else say("service.not_fitted"),
        )
        for entry, icon in menu.items()
    )


def asking_tasks(context: ViewContext) -> Busy:
    return _busy(context, "asking_tasks", say("service_tasks.asking"), say("service_tasks.asking_lead"))


def which_task(context: ViewContext, tasks: Sequence[Task], *, total: int, more: bool) -> Choose | Tell:
    """Return the view of the tasks that wait at this station: kind, last digits and deadline, and no name. Who picks
    one takes it."""
    if not tasks:
        return _word(context, "no_tasks", say("service_tasks.none"), well=True)
    options = [
        Option(
            task.id,
            say(f"service_task.{task.kind if task.kind in TASKS else OTHER_TASK}", card=last_digits(task.card)),
            say(f"service_task_due.{task.taken or 'nobody'}", day=date_text(task.due.astimezone().date())),
            "check-circle-outline" if task.taken else "circle-outline",
        )
        for task in tasks
    ]
    return Choose(
        **context.head("which_task", say("service_tasks.title", total=str(total)), say("service_tasks.lead")),
        options=page_options(options, more=more),
        way_out=back_button(),
    )


def task_taken(context: ViewContext) -> Tell:
    return _word(context, "task_taken", say("service_tasks.taken"), say("service_tasks.taken_lead"), well=True)


def tasks_away(context: ViewContext) -> Tell:
    return _word(context, "tasks_away", say("service_tasks.away"), say("service_tasks.away_lead"))


def testing(context: ViewContext) -> Busy:
    return _busy(context, "testing", say("service_testing.title"), say("service_testing.lead"))


def tested(context: ViewContext, devices: Sequence[DeviceOverview]) -> Tell:
    well = all(device.ok for device in devices)
    return Tell(
        **context.head("tested", say("service_tested.well" if well else "service_tested.faults")),
        badge="success" if well else "warning",
        badge_icon="check-bold" if well else "wrench-outline",
        points=tuple(Point(_how(device), bullet="good" if device.ok else "bad") for device in devices),
        primary=_on(),
    )


def _how(device: DeviceOverview) -> Say:
    return say("service_tested.part", part=say(f"admin.part.{device.kind}"), state=state_of(device))


def no_printer(context: ViewContext) -> Tell:
    return _word(context, "no_printer", say("service_no_printer.title"))


def printing(context: ViewContext) -> Busy:
    return _busy(context, "printing", say("service_printing.title"), say("service_printing.lead"))


def printed(context: ViewContext) -> Tell:
    return _word(context, "printed", say("service_printed.title"), say("service_printed.lead"), well=True)


def not_printed(context: ViewContext, fault: str) -> Tell:
    """The page did not come out; or it does not fit on this paper, and the printer is well."""
    if fault == NOT_LAID_OUT:
        return _word(context, "not_printed", say("service_not_laid_out.title"), say("service_not_laid_out.lead"))
    return _word(context, "not_printed", say(f"no_paper.{fault}"), say("service_not_printed.lead"))


def no_cabinet(context: ViewContext) -> Tell:
    """The cabinet is not there, or does not answer."""
    return _word(context, "no_cabinet", say("service_no_cabinet.title"), say("service_no_cabinet.lead"))


def which_slot(context: ViewContext, slots: int, *, again: bool) -> EnterDigits:
    """Return the view that asks for the slot to open, as two digits. `again`: there is none of the number that was
    typed."""
    return EnterDigits(
        **context.head(
            "which_slot",
            say("service_slot.again" if again else "service_slot.title", slots=slots),
            say("service_slot.lead"),
        ),
        length=SLOT_DIGITS,
        submit=say("button.next"),
        way_out=back_button(),
    )


def why_open(context: ViewContext, slot: int) -> Choose:
    """Why it is opened: that is kept with who did it."""
    return Choose(
        **context.head("why_open", say("service_why.title", slot=slot), say("service_why.lead")),
        options=tuple(Option(why, say(f"service_why.{why}")) for why in WHY_OPEN),
        way_out=back_button(),
    )


def shut(context: ViewContext, slot: int, slots: int) -> Await:
    """The slot is open; nothing goes on before it is shut."""
    return Await(
        **context.head("shut", say("service_shut.title", slot=slot), say("service_shut.lead")),
        drawing=CabinetDrawing(slots, slot),
        waits_for=say("wait.slot_closed"),
        idle_s=SHUT_S,
    )


def not_opened(context: ViewContext, slot: int, fault: SlotFault) -> Tell:
    """The slot did not open, and why."""
    return _word(context, "not_opened", say("service_not_opened.title", slot=slot), say(f"service_fault.{fault.value}"))


def which_receipt(context: ViewContext, receipts: Sequence[Receipt], *, more: bool) -> Choose | Tell:
    """Receipts that never came onto paper whole: number, time and errand, and no name."""
    if not receipts:
        return _word(context, "no_receipts", say("service_receipts.none"), well=True)
    options = [
        Option(
            receipt.number,
            say("service_receipts.one", tail=last_digits(receipt.facts.card_number)),
            _about(receipt),
            "receipt-text-outline",
        )
        for receipt in receipts
    ]
    return Choose(
        **context.head("which_receipt", say("service_receipts.title"), say("service_receipts.lead")),
        options=page_options(options, more=more),
        way_out=back_button(),
    )


def _about(receipt: Receipt) -> Say:
    return say("service_receipts.about", day=date_text(receipt.facts.time.astimezone().date()), number=receipt.number)


def events(context: ViewContext, last_events: Sequence[EventOverview], *, more: bool) -> Confirm:
    """Return the view of the last events, in words: no person, no card."""
    return Confirm(
        **context.head(
            "events", say("service_events.title"), say("service_events.lead" if last_events else "service_events.none")
        ),
        points=tuple(
            Point(say("service_events.one", time=event.time, what=event_label(event)), icon="history")
            for event in last_events
        ),
        way_out=back_button(),
        primary=primary_button("more", "service_events.more") if more else None,
    )


def tries_insert(context: ViewContext, strange: Strangeness | None) -> Await:
    """The card whose tries the station has counted."""
    return Await(
        **context.head("tries_insert", say("service_tries.insert"), say("service_tries.insert.lead")),
        note=strange_note(strange, Note(say("service_tries.unchanged"))),
        drawing=reader_for(strange),
        way_out=back_button(),
        waits_for=say("wait.card"),
    )


def tries_why(context: ViewContext, card_number: str) -> Choose:
    """Why the station is to count from the beginning: that is kept with who said so."""
    return Choose(
        **context.head(
            "tries_why", say("service_tries.why"), say("service_tries.why.lead", tail=last_digits(card_number))
        ),
        options=tuple(Option(why, say(f"service_tries.{why}")) for why in ClearReason),
        way_out=back_button(),
        needs_card=True,
    )


def tries_told(context: ViewContext, outcome: Outcome) -> Tell:
    """Return the view that says whether the count was begun anew, or there was none."""
    well = outcome is not Outcome.NOT_CLEARED
    return _word(context, "tries_told", say(f"service_tries.{outcome}"), say("service_tries.unchanged"), well=well)


def tries_take(context: ViewContext) -> Await:
    return Await(
        **context.head("tries_take", say("service_tries.take")),
        drawing=ReaderDrawing("out"),
        waits_for=say("wait.taken"),
    )


def why_close(context: ViewContext) -> Choose:
    """Return the view that asks what visitors are told meanwhile."""
    return Choose(
        **context.head("why_close", say("service_close.title"), say("service_close.lead")),
        options=tuple(Option(why, say(f"home.closed.{why}")) for why in CLOSED),
        way_out=back_button(),
    )


def closed(context: ViewContext) -> Tell:
    """It is out of service now."""
    return _word(context, "closed", say("service_closed.title"), say("service_closed.lead"), well=True)


def reopen(context: ViewContext, why: Closed) -> Confirm:
    return Confirm(
        **context.head("reopen", say("service_reopen.title")),
        facts=(Fact(say("service_reopen.now"), say(f"home.closed.{why}")),),
        way_out=back_button(),
        primary=primary_button("open", "service_reopen.go", "check"),
    )


def pair(context: ViewContext) -> Confirm:
    return Confirm(
        **context.head("pair", say("service_pair.title")),
        points=(
            Point(say("service_pair.one"), say("service_pair.one.detail"), icon="link-variant"),
            Point(say("service_pair.away"), say("service_pair.away.detail"), icon="door-closed-lock"),
        ),
        way_out=back_button(),
        primary=primary_button("pair", "service_pair.go"),
    )


def pairing(context: ViewContext) -> Busy:
    return _busy(context, "pairing", say("service_pairing.title"), say("service_pairing.lead"))


def paired(context: ViewContext, outcome: str) -> Tell:
    """Return the view that says that board and station have a key in common now; else what to do, and a code for
    support."""
    if outcome == Outcome.PAIRED:
        return _word(context, "paired", say("service_paired.title"), say("service_paired.lead"), well=True)
    failed = _word(context, "not_paired", say("service_not_paired.title"), say("service_not_paired.lead"))
    return replace(failed, note=Note(say("service_not_paired.value", code=outcome), say("service_not_paired.code")))


def readers_named(context: ViewContext) -> Tell:
    """The station's file says which is whose."""
    return _word(context, "readers_named", say("service_readers.named"), say("service_readers.named.lead"), well=True)


def readers_told(context: ViewContext, outcome: str) -> Tell:
    """Return the view that says whether the roles of the readers were written."""
    if outcome == Outcome.WRITTEN:
        return _word(context, "readers_told", say("service_readers.told"), say("service_readers.told.lead"), well=True)
    return _word(context, "readers_not_told", say("service_readers.not_told"), say("service_readers.not_told.lead"))


def restart(context: ViewContext) -> Confirm:
    """The program ends and starts anew."""
    return Confirm(
        **context.head("restart", say("service_restart.title"), say("service_restart.lead")),
        note=Note(say("service_restart.note"), kind="warning"),
        way_out=back_button(),
        primary=primary_button("restart", "service_restart.go", "restart"),
    )


def no_restart(context: ViewContext) -> Tell:
    """Nobody would start it again."""
    return _word(context, "no_restart", say("service_no_restart.title"), say("service_no_restart.lead"))


def reset(context: ViewContext, losses: ResetLosses) -> Confirm:
    """Return the view that says in words what is lost, and what is still to be taken out."""
    points = [Point(say("service_reset.all"), say("service_reset.all.detail"), icon="delete-empty-outline")]
    if losses.slots:
        slots = ", ".join(map(str, losses.slots))
        points.append(Point(say("service_reset.slots", slots=slots), say("service_reset.take_out"), icon="door-open"))
    if losses.binned:
        cards = say("service_reset.binned", count=losses.binned)
        points.append(Point(cards, say("service_reset.take_out"), icon="alert"))
    return Confirm(
        **context.head("reset", say("service_reset.title"), say("service_reset.lead")),
        points=tuple(points),
        way_out=back_button(),
        primary=primary_button("go_on", "service_reset.go"),
    )


def reset_sure(context: ViewContext, losses: ResetLosses) -> Confirm:
    """The second question."""
    return Confirm(
        **context.head(
            "reset_sure", say("service_reset_sure.title", station=losses.station), say("service_reset_sure.lead")
        ),
        note=Note(say("service_reset.all.detail"), kind="warning"),
        way_out=back_button(),
        primary=primary_button("erase", "service_reset_sure.go"),
    )


def resetting(context: ViewContext) -> Busy:
    return _busy(context, "resetting", say("service_resetting.title"), say("service_resetting.lead"))


def reset_unsent(context: ViewContext) -> Confirm:
    """The server does not hold every event, and nothing was erased."""
    return Confirm(
        **context.head("reset_unsent", say("service_reset_unsent.title"), say("service_reset_unsent.lead")),
        note=Note(say("service_reset_unsent.note"), kind="warning"),
        way_out=back_button(),
        primary=primary_button("erase", "service_reset_unsent.go"),
    )


def _word(context: ViewContext, name: str, title: Say, *lead: Say, well: bool = False) -> Tell:
    return Tell(
        **context.head(name, title, *lead),
        badge="success" if well else "warning",
        badge_icon="check-bold" if well else "alert",
        primary=_on(),
    )


def _on() -> Button:
    return primary_button("next", "button.next")


def _busy(context: ViewContext, name: str, title: Say, lead: Say) -> Busy:
    return Busy(**context.head(name, title, lead))
