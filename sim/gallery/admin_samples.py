"""Samples of the administrator's side: log-in, the menu."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from drivers.reader.model import CardFacts
from kiosk import administration_ports
from kiosk.administration_ports import Device, Look, Slot, SlotLook
from kiosk.errands.administrate import views as board_views
from kiosk.errands.administrate.journey import CONTEXT
from kiosk.errands.unblock import by_administrator_views as administered_views
from kiosk.errands.unblock.journey import CARD as UNBLOCK
from kiosk.errands.unblock.journey import CODE
from kiosk.issuer.ports import Declined, Unavailable
from kiosk.steps import administration_views
from kiosk.steps.context import ViewContext, Whose
from kiosk.steps.identity import administrator_views
from kiosk.steps.identity.identification import Identified
from kiosk.views import View

HERE = replace(CONTEXT, attended_by="Maj Utlämningsdotter")
LOOKS: dict[int, SlotLook] = {
    4: "empty", 5: "reserve", 7: "broken", 11: "soon", 12: "empty", 13: "empty", 17: "reserve", 18: "reserve", 19: "empty",
    23: "soon", 24: "empty",
}  # fmt: skip
SLOTS = tuple(Slot(number, LOOKS.get(number, "card")) for number in range(1, 25))
DEVICES = (
    Device("reader", "ready", True), Device("printer", "out_of_paper", False), Device("cabinet", "ready", True),
    Device("bin", "ready", True, 23, 50), Device("link", "ready", True),
)  # fmt: skip


def admin_samples(
    card: CardFacts, context: ViewContext, whose: Whose, who: Identified
) -> Iterator[tuple[str, View[Any]]]:
    """(file name, view)."""
    yield from _log_in(card, context)
    yield from _menu()
    yield from _administered(whose, who)


def _administered(whose: Whose, who: Identified) -> Iterator[tuple[str, View[Any]]]:
    yield "unblock-without", administered_views.without(UNBLOCK)
    yield "unblock-take-own", administered_views.take_own(UNBLOCK)
    yield "unblock-write-attended", administered_views.write(CODE, whose, who)
    yield "unblock-asking", administered_views.asking(CODE)
    yield "unblock-offline", administered_views.log_in_at_the_server(CODE).view
    yield "unblock-declined", administered_views.not_answered(CODE, Declined("no_puk")).view
    yield "unblock-away", administered_views.not_answered(CODE, Unavailable()).view
    yield "unblock-key-wrong", administered_views.wrong_key(CODE).view
    yield "unblock-key-floor", administered_views.key_floor(CODE).view


def _log_in(card: CardFacts, context: ViewContext) -> Iterator[tuple[str, View[Any]]]:
    code = administrator_views.code(context, card, watched=False)
    yield "insert-administrator", administrator_views.insert(context, None, "administrator")
    yield "insert-administrator-in-turn", administrator_views.insert(context, None, "holder")
    yield "insert-second-administrator", administrator_views.insert(context, "mute", "administrator", second=True)
    yield "not-an-administrator", administrator_views.not_an_administrator(context)
    yield "administrator-not-level-3", administrator_views.not_level_3(context)
    yield "administrator-not-kra", administrator_views.not_kra(context)
    yield "administrator-not-kur", administrator_views.not_kur(context)
    yield "administrator-kur-needed", administrator_views.kur_needed(context).view
    yield "not-the-same", administrator_views.not_the_same(context)
    yield "log-in-again", administrator_views.log_in_again(context)
    yield "log-in-expired", administrator_views.log_in_expired(context).view
    yield "administrator-pin", code.entry
    yield "administrator-locked", code.locked.view
    yield "logging-in", administrator_views.logging_in(context)
    yield "nobody-knows", administrator_views.nobody_knows(context).view
    yield "take-administrator", administrator_views.take(context, "administrator")


def _menu() -> Iterator[tuple[str, View[Any]]]:
    yield "admin-home", board_views.board(HERE, Look(SLOTS, DEVICES, unsigned=2), lambda errand: None)
    yield (
        "admin-home-bare",
        board_views.board(
            HERE, Look((), DEVICES[:2], unprinted=1, left_in=1), lambda errand: administration_ports.NOT_HERE
        ),
    )
    yield (
        "admin-open-slot",
        board_views.board(HERE, Look((Slot(1, "open"), *SLOTS[1:]), DEVICES[4:]), lambda errand: None),
    )
    yield "admin-not-now", board_views.not_now(HERE, "cabinet")
    yield "no-menu", administration_views.no_house(HERE).view
