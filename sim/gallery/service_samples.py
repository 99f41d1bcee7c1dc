"""Samples of service."""

from collections.abc import Iterator
from typing import Any

from drivers.cabinet.port import SlotFault
from fleet.messages.vocabulary import Effect
from kiosk.administration_ports import Happened
from kiosk.errands.service import views
from kiosk.errands.service.journey import SCENE
from kiosk.receipts import Receipt
from kiosk.views import View
from sim.gallery.admin_samples import DEVICES

HAPPENED = (
    Happened("10:52", "effect.done", effect=Effect.SLOT_OPEN, outcome="opened", slot=7),
    Happened("10:51", "errand.started", errand="service"),
    Happened("10:46", "errand.ended", errand="pickup", outcome="done"),
    Happened("10:45", "effect.done", effect=Effect.RECEIPT_PRINT, outcome="not_printed"),
)


def service_samples(receipt: Receipt) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    yield "service-menu", views.menu(SCENE, fitted=frozenset({"printer", "cabinet"}), closed=None)
    yield "service-menu-bare", views.menu(SCENE, fitted=frozenset(), closed="repair")
    yield "service-testing", views.testing(SCENE)
    yield "service-tested", views.tested(SCENE, [one for one in DEVICES if one.ok])
    yield "service-tested-faults", views.tested(SCENE, DEVICES)
    yield "service-no-printer", views.no_printer(SCENE)
    yield "service-printing", views.printing(SCENE)
    yield "service-printed", views.printed(SCENE)
    yield "service-not-printed", views.not_printed(SCENE, "out_of_paper")
    yield from _slots()
    yield "service-receipts", views.which_receipt(SCENE, (receipt, receipt, receipt, receipt), more=True)
    yield "service-no-receipts", views.which_receipt(SCENE, (), more=False)
    yield "service-events", views.events(SCENE, HAPPENED, more=True)
    yield "service-no-events", views.events(SCENE, (), more=False)
    yield "service-why-close", views.why_close(SCENE)
    yield "service-closed", views.closed(SCENE)
    yield "service-reopen", views.reopen(SCENE, "repair")
    yield "service-pair", views.pair(SCENE)
    yield "service-pairing", views.pairing(SCENE)
    yield "service-paired", views.paired(SCENE, "paired")
    yield "service-not-paired", views.paired(SCENE, "pairing_refused")
    yield "service-restart", views.restart(SCENE)
    yield "service-no-restart", views.no_restart(SCENE)


def _slots() -> Iterator[tuple[str, View[Any]]]:
    yield "service-no-cabinet", views.no_cabinet(SCENE)
    yield "service-which-slot", views.which_slot(SCENE, 24, again=False)
    yield "service-which-slot-again", views.which_slot(SCENE, 24, again=True)
    yield "service-why-open", views.why_open(SCENE, 7)
    yield "service-shut", views.shut(SCENE, 7, 24)
    for fault in SlotFault:
        yield f"service-not-opened-{fault.value.replace('_', '-')}", views.not_opened(SCENE, 7, fault)
