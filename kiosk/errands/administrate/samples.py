"""Samples of the administrator's menu."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kiosk import administration_ports
from kiosk.administration_ports import MachineOverview, SlotLook, SlotOverview
from kiosk.errands.administrate import views
from kiosk.errands.administrate.journey import CONTEXT
from kiosk.views import View
from sim.gallery.made_up import DEVICES

HERE = replace(CONTEXT, attended_by="Maj Utlämningsdotter")
LOOKS: dict[int, SlotLook] = {
    4: "empty", 5: "reserve", 7: "broken", 11: "soon", 12: "empty", 13: "empty", 17: "reserve", 18: "reserve", 19: "empty",
    23: "soon", 24: "empty",
}  # fmt: skip
SLOTS = tuple(SlotOverview(number, LOOKS.get(number, "card")) for number in range(1, 25))


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "admin-home", views.board(HERE, MachineOverview(SLOTS, DEVICES, unsigned=2), lambda errand: None)
    yield (
        "admin-home-bare",
        views.board(
            HERE, MachineOverview((), DEVICES[:2], unprinted=1, left_in=1), lambda errand: administration_ports.NOT_HERE
        ),
    )
    yield (
        "admin-open-slot",
        views.board(HERE, MachineOverview((SlotOverview(1, "open"), *SLOTS[1:]), DEVICES[4:]), lambda errand: None),
    )
    yield "admin-not-now", views.not_now(HERE, "cabinet")
    yield "no-menu", HERE.stop("no_menu").view
