"""The views of the receipt: read it, sign it, take it."""

from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterMute, PrinterStatus, Ready
from kiosk.receipts import Receipt, ReceiptFacts, template
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import go
from kiosk.views import Busy, Button, Confirm, Fact, MachineDrawing, Note, ReceiptPanel, Tell, say

CODE_KEPT = "code_kept"
"""The remark on a receipt where the card has the code that it had before."""

NOT_LAID_OUT = "not_laid_out"
"""This receipt does not fit on this paper, however often it is tried."""
_NO_USE = frozenset({"no_printer", NOT_LAID_OUT})
"""Reasons for which printing again is not offered."""


def panel(facts: ReceiptFacts, receipt: Receipt | None = None) -> ReceiptPanel:
    """The receipt as a panel, with its QR once it is signed."""
    form = template(facts)
    return ReceiptPanel(
        title=form.title,
        facts=tuple(Fact(line.label, line.value) for line in form.lines),
        qr=receipt.qr if receipt else "",
        number=receipt.number if receipt else "",
    )


def read_and_sign(scene: Scene, facts: ReceiptFacts, attended: str | None) -> Confirm:
    """The receipt before it is signed."""
    return Confirm(
        name=scene.name("receipt"),
        errand=scene.title,
        step=scene.step,
        attended_by=attended,
        title=say("sign.title"),
        lead=(say("sign.lead"),),
        note=Note(say("sign.note"), kind="clock"),
        receipt=panel(facts),
        way_out=Button("later", say("sign.later")),
        primary=go("sign", "sign.go"),
        needs_card=True,
    )


def sign_later(scene: Scene) -> StopError:
    """The card works; the receipt is signed another day, here."""
    return stop(scene, "cancelled", "unsigned")


def printing(scene: Scene) -> Busy:
    """The printer works."""
    return Busy(
        name=scene.name("printing"),
        errand=scene.title,
        step=scene.step,
        title=say("printing.title"),
        lead=(say("printing.lead"),),
    )


def fault_name(status: PrinterStatus) -> str:
    """The stable code of a printer's state."""
    match status:
        case OutOfPaper():
            return "out_of_paper"
        case CoverOpen():
            return "cover_open"
        case CutterFault():
            return "cutter"
        case Offline() | PrinterMute() | Ready():
            return "offline"


def no_paper(scene: Scene, receipt: Receipt, fault: str) -> Tell:
    """Not printed; the receipt is safe and can be had by phone."""
    return Tell(
        name=scene.name("no_paper"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="printer-alert",
        title=say(f"no_paper.{fault}"),
        lead=(say("no_paper.lead"),),
        receipt=panel(receipt.facts, receipt),
        side=None if fault in _NO_USE else Button("print", say("no_paper.again"), "printer-outline"),
        primary=go("next", "button.next"),
    )


def look_at_paper(scene: Scene) -> Confirm:
    """The line to the printer broke off: only a person can tell."""
    return Confirm(
        name=scene.name("look_at_paper"),
        errand=scene.title,
        step=scene.step,
        title=say("look.title"),
        lead=(say("look.lead"),),
        way_out=Button("no", say("look.no"), "close"),
        primary=go("yes", "look.yes"),
    )


def on_phone(scene: Scene, receipt: Receipt) -> Tell:
    """The receipt with its QR, large enough for a phone."""
    return Tell(
        name=scene.name("on_phone"),
        errand=scene.title,
        step=scene.step,
        badge="success",
        badge_icon="qrcode",
        title=say("phone.title"),
        lead=(say("phone.lead"),),
        receipt=panel(receipt.facts, receipt),
        primary=go("next", "button.end", "check"),
    )


def done(scene: Scene, receipt: Receipt) -> Tell:
    """What works now, what to take, what to keep."""
    return Tell(
        name=scene.name("done"),
        errand=scene.title,
        badge="success",
        badge_icon="check-bold",
        title=say("done.title"),
        lead=(say("done.old_code" if CODE_KEPT in receipt.facts.remarks else "done.lead"), say("done.keep")),
        drawing=MachineDrawing(("reader", "printer")),
        drawing_text=say("done.take"),
        side=Button("phone", say("done.phone"), "qrcode"),
        primary=go("end", "button.end", "check"),
    )
