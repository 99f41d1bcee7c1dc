"""Samples of service."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from drivers.cabinet.port import SlotFault
from fleet.messages.vocabulary import ClearReason, Effect, ErrandOutcome, Outcome
from kiosk.administration_ports import EventOverview, ResetLosses
from kiosk.errands.service import views
from kiosk.errands.service.event_labels import EFFECTS, OTHER, OUTCOMES, TYPES, text_key
from kiosk.errands.service.journey import CONTEXT
from kiosk.errands.service.views import CLOSED, MENU, OTHER_TASK, TAKEN, TASKS, WHY_OPEN
from kiosk.issuer.ports import Task
from kiosk.steps import reader_role_views
from kiosk.views import View
from sim.gallery.made_up import DEVICES, RECEIPT

HAPPENED = (
    EventOverview("10.52", "effect.done", effect=Effect.SLOT_OPEN, outcome=Outcome.OPENED, slot=7),
    EventOverview("10.51", "errand.started", errand="service"),
    EventOverview("10.46", "errand.ended", errand="pickup", outcome=ErrandOutcome.DONE),
    EventOverview("10.45", "effect.done", effect=Effect.RECEIPT_PRINT, outcome=Outcome.NOT_PRINTED),
)
WAITING = (
    Task("1", "hold", datetime(2026, 11, 25, 12, tzinfo=UTC), "44716605", "you"),
    Task("2", "receipt", datetime(2026, 11, 25, 23, tzinfo=UTC), "33108872"),
    Task("3", "bin", datetime(2026, 11, 27, 12, tzinfo=UTC)),
    Task("4", "handover", datetime(2026, 11, 27, 12, tzinfo=UTC), "33110027", "other"),
)
TOLD = (Outcome.CLEARED, Outcome.NOTHING, Outcome.NOT_CLEARED)
FAMILIES = {
    "service.{}": tuple(MENU),
    "service_task.{}": (*TASKS, OTHER_TASK),
    "service_task_due.{}": TAKEN,
    "service_why.{}": WHY_OPEN,
    "service_fault.{}": tuple(fault.value for fault in SlotFault),
    "home.closed.{}": CLOSED,
    "service_tries.{}": (*ClearReason, *TOLD),
    "service_event.{}": (*map(text_key, TYPES), OTHER),
    "service_effect.{}": (*map(text_key, EFFECTS), OTHER),
    "service_outcome.{}": (*OUTCOMES, OTHER),
}
"""Keys of texts that are put together, and what may stand in their braces."""


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "service-menu", views.menu(CONTEXT, fitted=frozenset({"printer", "cabinet"}), closed=None)
    yield "service-installation", views.installation(CONTEXT, fitted=frozenset({"printer", "cabinet"}))
    yield "service-menu-bare", views.menu(CONTEXT, fitted=frozenset(), closed="repair")
    yield "service-testing", views.testing(CONTEXT)
    yield "service-asking-tasks", views.asking_tasks(CONTEXT)
    yield "service-which-task", views.which_task(CONTEXT, WAITING, total=6, more=True)
    yield "service-no-tasks", views.which_task(CONTEXT, (), total=0, more=False)
    yield "service-task-taken", views.task_taken(CONTEXT)
    yield "service-tasks-away", views.tasks_away(CONTEXT)
    yield "service-tested", views.tested(CONTEXT, [device for device in DEVICES if device.ok])
    yield "service-tested-faults", views.tested(CONTEXT, DEVICES)
    yield "service-no-printer", views.no_printer(CONTEXT)
    yield "service-printing", views.printing(CONTEXT)
    yield "service-printed", views.printed(CONTEXT)
    yield "service-not-printed", views.not_printed(CONTEXT, "out_of_paper")
    yield from _slots()
    yield "service-receipts", views.which_receipt(CONTEXT, (RECEIPT, RECEIPT, RECEIPT, RECEIPT), more=True)
    yield "service-no-receipts", views.which_receipt(CONTEXT, (), more=False)
    yield "service-events", views.events(CONTEXT, HAPPENED, more=True)
    yield "service-no-events", views.events(CONTEXT, (), more=False)
    yield "service-tries-insert", views.tries_insert(CONTEXT, None)
    yield "service-tries-why", views.tries_why(CONTEXT, RECEIPT.facts.card_number)
    for outcome in TOLD:
        yield f"service-tries-{outcome.replace('_', '-')}", views.tries_told(CONTEXT, outcome)
    yield "service-tries-take", views.tries_take(CONTEXT)
    yield "service-why-close", views.why_close(CONTEXT)
    yield "service-closed", views.closed(CONTEXT)
    yield "service-reopen", views.reopen(CONTEXT, "repair")
    yield "service-pair", views.pair(CONTEXT)
    yield "service-pairing", views.pairing(CONTEXT)
    yield "service-paired", views.paired(CONTEXT, "paired")
    yield "service-not-paired", views.paired(CONTEXT, "pairing_refused")
    yield "service-readers-named", views.readers_named(CONTEXT)
    for which in reader_role_views.WHICH:
        yield f"service-readers-insert-{which}", reader_role_views.insert(CONTEXT, which)
        yield f"service-readers-take-{which}", reader_role_views.take(CONTEXT, which)
    yield "service-readers-one", reader_role_views.only_one(CONTEXT)
    yield "service-readers-none", reader_role_views.none_found(CONTEXT)
    yield "service-readers-told", views.readers_told(CONTEXT, Outcome.WRITTEN)
    yield "service-readers-not-told", views.readers_told(CONTEXT, Outcome.NOT_WRITTEN)
    yield "service-restart", views.restart(CONTEXT)
    yield "service-no-restart", views.no_restart(CONTEXT)
    yield "service-reset", views.reset(CONTEXT, ResetLosses("entre-a", 0, (3, 7), 12))
    yield "service-reset-sure", views.reset_sure(CONTEXT, ResetLosses("entre-a", 0, (), 0))
    yield "service-resetting", views.resetting(CONTEXT)
    yield "service-reset-unsent", views.reset_unsent(CONTEXT)


def _slots() -> Iterator[tuple[str, View[Any]]]:
    yield "service-no-cabinet", views.no_cabinet(CONTEXT)
    yield "service-which-slot", views.which_slot(CONTEXT, 24, again=False)
    yield "service-which-slot-again", views.which_slot(CONTEXT, 24, again=True)
    yield "service-why-open", views.why_open(CONTEXT, 7)
    yield "service-shut", views.shut(CONTEXT, 7, 24)
    for fault in SlotFault:
        yield f"service-not-opened-{fault.value.replace('_', '-')}", views.not_opened(CONTEXT, 7, fault)
