"""The views of service: what can be done to the machine, and what came of it."""

from collections.abc import Sequence, Set
from typing import get_args

from drivers.cabinet.port import SlotFault
from kiosk.administration_ports import Closed, Device, Happened
from kiosk.errands.service.event_labels import in_words
from kiosk.receipts import Receipt
from kiosk.steps.administration_views import state_of
from kiosk.steps.context import Scene
from kiosk.steps.receipt_views import NOT_LAID_OUT
from kiosk.steps.view_helpers import back, go, paged, tail
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
    Say,
    Tell,
    say,
)

CLOSED: tuple[Closed, ...] = get_args(Closed)
WHY_OPEN = ("stuck", "look", "clean", "other")
"""Why a slot is opened by hand."""
SLOT_DIGITS = 2
PAIRED = "paired"
SHUT_S = 300.0
"""Hands in the cabinet are no touch on the screen."""
MENU = {
    "test": "stethoscope",
    "print": "printer-outline",
    "open": "door-open",
    "receipts": "receipt-text-outline",
    "events": "history",
    "close": "power",
    "pair": "link-variant",
    "restart": "restart",
}


NEEDS = {"print": "printer", "open": "cabinet", "pair": "cabinet"}
"""The device that it takes."""


def menu(scene: Scene, *, fitted: Set[str], closed: Closed | None) -> Choose:
    """What can be done. What the station has no device for (`printer`, `cabinet`) says so."""
    return Choose(
        name=scene.name("menu"),
        errand=scene.title,
        title=say("service.title"),
        options=tuple(
            Option(
                what,
                say("service.reopen" if what == "close" and closed else f"service.{what}"),
                icon=icon,
                reason=None if NEEDS.get(what) in (None, *fitted) else say("service.not_fitted"),
            )
            for what, icon in MENU.items()
        ),
        way_out=Button("end", say("button.back"), "arrow-left"),
    )


def testing(scene: Scene) -> Busy:
    """Each device is tried."""
    return _busy(scene, "testing", say("service_testing.title"), say("service_testing.lead"))


def tested(scene: Scene, devices: Sequence[Device]) -> Tell:
    """How each device is."""
    well = all(one.ok for one in devices)
    return Tell(
        name=scene.name("tested"),
        errand=scene.title,
        badge="success" if well else "warning",
        badge_icon="check-bold" if well else "wrench-outline",
        title=say("service_tested.well" if well else "service_tested.faults"),
        points=tuple(Point(_how(one), mark="good" if one.ok else "bad") for one in devices),
        primary=_on(),
    )


def _how(one: Device) -> Say:
    return say("service_tested.part", part=say(f"admin.part.{one.kind}"), state=state_of(one))


def no_printer(scene: Scene) -> Tell:
    """No printer is fitted."""
    return _word(scene, "no_printer", say("service_no_printer.title"))


def printing(scene: Scene) -> Busy:
    """The test page."""
    return _busy(scene, "printing", say("service_printing.title"), say("service_printing.lead"))


def printed(scene: Scene) -> Tell:
    """It came out."""
    return _word(scene, "printed", say("service_printed.title"), say("service_printed.lead"), well=True)


def not_printed(scene: Scene, fault: str) -> Tell:
    """The page did not come out; or it does not fit on this paper, and the printer is well."""
    if fault == NOT_LAID_OUT:
        return _word(scene, "not_printed", say("service_not_laid_out.title"), say("service_not_laid_out.lead"))
    return _word(scene, "not_printed", say(f"no_paper.{fault}"), say("service_not_printed.lead"))


def no_cabinet(scene: Scene) -> Tell:
    """The cabinet is not there, or does not answer."""
    return _word(scene, "no_cabinet", say("service_no_cabinet.title"), say("service_no_cabinet.lead"))


def which_slot(scene: Scene, slots: int, *, again: bool) -> EnterDigits:
    """Which slot is to be opened, as two digits. `again`: there is none of the number that was typed."""
    return EnterDigits(
        name=scene.name("which_slot"),
        errand=scene.title,
        title=say("service_slot.again" if again else "service_slot.title", slots=slots),
        lead=(say("service_slot.lead"),),
        length=SLOT_DIGITS,
        submit=say("button.next"),
        way_out=back(),
    )


def why_open(scene: Scene, slot: int) -> Choose:
    """Why it is opened: that is kept with who did it."""
    return Choose(
        name=scene.name("why_open"),
        errand=scene.title,
        title=say("service_why.title", slot=slot),
        lead=(say("service_why.lead"),),
        options=tuple(Option(why, say(f"service_why.{why}")) for why in WHY_OPEN),
        way_out=back(),
    )


def shut(scene: Scene, slot: int, slots: int) -> Await:
    """The slot is open; nothing goes on before it is shut."""
    return Await(
        name=scene.name("shut"),
        errand=scene.title,
        title=say("service_shut.title", slot=slot),
        lead=(say("service_shut.lead"),),
        drawing=CabinetDrawing(slots, slot),
        waits_for=say("wait.slot_closed"),
        idle_s=SHUT_S,
    )


def not_opened(scene: Scene, slot: int, fault: SlotFault) -> Tell:
    """The slot did not open, and why."""
    return _word(scene, "not_opened", say("service_not_opened.title", slot=slot), say(f"service_fault.{fault.value}"))


def which_receipt(scene: Scene, receipts: Sequence[Receipt], *, more: bool) -> Choose | Tell:
    """Receipts that never came onto paper whole: number, time and errand, and no name."""
    if not receipts:
        return _word(scene, "no_receipts", say("service_receipts.none"), well=True)
    options = [
        Option(
            one.number,
            say("service_receipts.one", tail=tail(one.facts.card_number)),
            _about(one),
            "receipt-text-outline",
        )
        for one in receipts
    ]
    return Choose(
        name=scene.name("which_receipt"),
        errand=scene.title,
        title=say("service_receipts.title"),
        lead=(say("service_receipts.lead"),),
        options=paged(options, more=more),
        way_out=back(),
    )


def _about(receipt: Receipt) -> Say:
    return say("service_receipts.about", day=f"{receipt.facts.time.astimezone():%Y-%m-%d}", number=receipt.number)


def events(scene: Scene, told: Sequence[Happened], *, more: bool) -> Confirm:
    """What happened last, in words: no person, no card."""
    return Confirm(
        name=scene.name("events"),
        errand=scene.title,
        title=say("service_events.title"),
        lead=(say("service_events.lead" if told else "service_events.none"),),
        points=tuple(
            Point(say("service_events.one", time=one.time, what=in_words(one)), icon="history") for one in told
        ),
        way_out=back(),
        primary=go("more", "service_events.more") if more else None,
    )


def why_close(scene: Scene) -> Choose:
    """What is told to visitors meanwhile."""
    return Choose(
        name=scene.name("why_close"),
        errand=scene.title,
        title=say("service_close.title"),
        lead=(say("service_close.lead"),),
        options=tuple(Option(why, say(f"home.closed.{why}")) for why in CLOSED),
        way_out=back(),
    )


def closed(scene: Scene) -> Tell:
    """It is out of service now."""
    return _word(scene, "closed", say("service_closed.title"), say("service_closed.lead"), well=True)


def reopen(scene: Scene, why: Closed) -> Confirm:
    """Back into service."""
    return Confirm(
        name=scene.name("reopen"),
        errand=scene.title,
        title=say("service_reopen.title"),
        facts=(Fact(say("service_reopen.now"), say(f"home.closed.{why}")),),
        way_out=back(),
        primary=go("open", "service_reopen.go", "check"),
    )


def pair(scene: Scene) -> Confirm:
    """What pairing does."""
    return Confirm(
        name=scene.name("pair"),
        errand=scene.title,
        title=say("service_pair.title"),
        points=(
            Point(say("service_pair.one"), say("service_pair.one.detail"), icon="link-variant"),
            Point(say("service_pair.away"), say("service_pair.away.detail"), icon="door-closed-lock"),
        ),
        way_out=back(),
        primary=go("pair", "service_pair.go"),
    )


def pairing(scene: Scene) -> Busy:
    """Station and board talk."""
    return _busy(scene, "pairing", say("service_pairing.title"), say("service_pairing.lead"))


def paired(scene: Scene, outcome: str) -> Tell:
    """Whether they have a key in common now; else a code that the handbook explains."""
    if outcome == PAIRED:
        return _word(scene, "paired", say("service_paired.title"), say("service_paired.lead"), well=True)
    return _word(scene, "not_paired", say("service_not_paired.title"), say("service_not_paired.lead", code=outcome))


def restart(scene: Scene) -> Confirm:
    """The program ends and starts anew."""
    return Confirm(
        name=scene.name("restart"),
        errand=scene.title,
        title=say("service_restart.title"),
        lead=(say("service_restart.lead"),),
        note=Note(say("service_restart.note"), kind="warning"),
        way_out=back(),
        primary=go("restart", "service_restart.go", "restart"),
    )


def no_restart(scene: Scene) -> Tell:
    """Nobody would start it again."""
    return _word(scene, "no_restart", say("service_no_restart.title"), say("service_no_restart.lead"))


def _word(scene: Scene, name: str, title: Say, *lead: Say, well: bool = False) -> Tell:
    return Tell(
        name=scene.name(name),
        errand=scene.title,
        badge="success" if well else "warning",
        badge_icon="check-bold" if well else "alert",
        title=title,
        lead=lead,
        primary=_on(),
    )


def _on() -> Button:
    return go("next", "button.next")


def _busy(scene: Scene, name: str, title: Say, lead: Say) -> Busy:
    return Busy(name=scene.name(name), errand=scene.title, title=title, lead=(lead,))
