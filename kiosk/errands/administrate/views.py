"""The views of the administrator's menu: cards and machine as they are, and what is to be done."""

from collections import Counter
from collections.abc import Callable

from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import DeviceKind
from kiosk.administration_ports import NOT_HERE, DeviceOverview, MachineOverview, PartKind, PartOfBoard
from kiosk.steps.administration_views import state_of
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import primary_button
from kiosk.views import Board, BoardPart, BoardSlot, Button, Say, Tell, say

ATTEND = "attend"
"""The errand that the menu shows foremost."""
ICONS: dict[PartKind, str] = {
    DeviceKind.READER: "smart-card-reader-outline",
    DeviceKind.PRINTER: "printer-outline",
    DeviceKind.CABINET: "door-closed-lock",
    PartOfBoard.BIN: "archive-arrow-down-outline",
    PartOfBoard.LINK: "cloud-check-outline",
    DeviceKind.SCANNER: "magnify",
    DeviceKind.GPIO: "power",
    DeviceKind.TOUCHSCREEN: "monitor",
}
ORDER: tuple[PartKind, ...] = (
    DeviceKind.READER,
    DeviceKind.PRINTER,
    PartOfBoard.BIN,
    PartOfBoard.LINK,
    DeviceKind.CABINET,
    DeviceKind.SCANNER,
    DeviceKind.GPIO,
    DeviceKind.TOUCHSCREEN,
)


def board(context: ViewContext, look: MachineOverview, missing: Callable[[str], str | None]) -> Board:
    """The menu. What this station has no errand for is left out."""
    parts = sorted(_once(look.devices), key=lambda device: ORDER.index(device.kind))
    return Board(
        name=context.name("home"),
        errand=say("admin.strip", name=context.attended_by or ""),
        title=say("admin.title"),
        lead=(_summary(look),) if look.slots else (),
        slots=tuple(BoardSlot(slot.number, slot.look) for slot in look.slots),
        parts=(*(_part(part) for part in parts), *_receipts(look), *_left_in(look)),
        parts_title=say("admin.machine"),
        until=say("admin.until_taken"),
        actions=tuple(
            Button(entry.id, say(f"admin.do.{entry.id}"), entry.menu_icon or entry.icon)
            for entry in catalog()
            if entry.place == "administrator" and entry.id != ATTEND and missing(entry.id) != NOT_HERE
        ),
        primary=Button(ATTEND, say("admin.do.attend"), "account-check-outline"),
    )


def _summary(look: MachineOverview) -> Say:
    """Say how many slots hold a card, and how many are out of order."""
    looks = Counter(slot.look for slot in look.slots)
    card_count = looks["card"] + looks["reserve"] + looks["soon"]
    broken = looks["broken"]
    key = "admin.summary.broken.many" if broken > 1 else "admin.summary.broken" if broken else "admin.summary"
    return say(key, held=card_count, of=len(look.slots), broken=broken)


def _once(devices: tuple[DeviceOverview, ...]) -> list[DeviceOverview]:
    """One line for each kind: the worst of it."""
    worst: dict[str, DeviceOverview] = {}
    for device in devices:
        if device.kind not in worst or (worst[device.kind].ok and not device.ok):
            worst[device.kind] = device
    return list(worst.values())


def _part(device: DeviceOverview) -> BoardPart:
    counted = device.count is not None and device.full
    return BoardPart(
        title=say(f"admin.part.{device.kind}"),
        state=state_of(device),
        icon=ICONS[device.kind],
        tone="plain" if counted and device.ok else "good" if device.ok else "warning",
        share=min(1.0, device.count / device.full) if device.count is not None and device.full else None,
    )


def _receipts(look: MachineOverview) -> tuple[BoardPart, ...]:
    """Receipts that are not done: not signed, or never on paper."""
    icon, counts = "receipt-text-check-outline", {"unsigned": look.unsigned, "unprinted": look.unprinted}
    return tuple(
        BoardPart(say(f"admin.receipts.{kind}"), say("admin.number", count=count), icon)
        for kind, count in counts.items()
        if count
    )


def _left_in(look: MachineOverview) -> tuple[BoardPart, ...]:
    """Cards that their holders forgot: somebody may have taken one that is not theirs."""
    count = say("admin.number", count=look.left_in)
    return (
        (BoardPart(say("admin.left_in"), count, "smart-card-reader-outline", tone="warning"),) if look.left_in else ()
    )


def not_now(context: ViewContext, missing: str) -> Tell:
    """Return the view that says that the chosen errand cannot be had now, and why."""
    return Tell(
        **context.ending().head("not_now", say("not_now.title"), say(f"home.no.{missing}")),
        attended_by=context.attended_by,
        badge="warning",
        badge_icon="alert",
        primary=primary_button("back", "button.back", "check"),
    )
