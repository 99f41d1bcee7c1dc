"""The views of the receipt: read it, sign it, take it."""

from drivers.printer.port import CoverOpen, CutterFault, Mute, Offline, OutOfPaper, PrinterStatus, Ready
from kiosk.journeys.desk import StopError
from kiosk.journeys.identify_views import ERRAND, stop
from kiosk.journeys.words import fours, go
from kiosk.receipts import Receipt, ReceiptFacts, handed_out
from kiosk.views import Busy, Button, Confirm, Fact, MachineDrawing, Note, ReceiptPanel, Step, Tell, say

STEP = Step(5, 5)


def panel(facts: ReceiptFacts, receipt: Receipt | None = None) -> ReceiptPanel:
    """The receipt as a panel, with its QR once it is signed."""
    rows = [Fact(say("receipt.hsa_id"), facts.holder.hsa_id)]
    if facts.holder.name:
        rows.insert(0, Fact(say("receipt.holder"), facts.holder.name))
    rows.append(Fact(say("receipt.card_number"), fours(facts.card_number)))
    rows.append(Fact(say("receipt.handed_out"), handed_out(facts.time)))
    if facts.administrator is not None:
        rows.append(Fact(say("receipt.by"), facts.administrator.name or facts.administrator.hsa_id))
    return ReceiptPanel(
        title=say("receipt.title.pickup"),
        facts=tuple(rows),
        qr=receipt.qr if receipt else "",
        number=receipt.number if receipt else "",
    )


def read_and_sign(facts: ReceiptFacts, attended: str | None) -> Confirm:
    """The receipt before it is signed."""
    return Confirm(
        name="pickup.receipt",
        errand=ERRAND,
        step=STEP,
        attended_by=attended,
        title=say("sign.title"),
        lead=(say("sign.lead"),),
        note=Note(say("sign.note"), kind="clock"),
        receipt=panel(facts),
        way_out=Button("later", say("sign.later")),
        primary=go("sign", "sign.go"),
        needs_card=True,
    )


def sign_later() -> StopError:
    """The card works; the receipt is signed another day, here."""
    return stop("cancelled", "unsigned")


def printing() -> Busy:
    """The printer works."""
    return Busy(
        name="pickup.printing",
        errand=ERRAND,
        step=STEP,
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
        case Offline() | Mute() | Ready():
            return "offline"


def no_paper(receipt: Receipt, fault: str) -> Tell:
    """Not printed; the receipt is safe and can be had by phone."""
    return Tell(
        name="pickup.no_paper",
        errand=ERRAND,
        step=STEP,
        badge="warning",
        badge_icon="printer-alert",
        title=say(f"no_paper.{fault}"),
        lead=(say("no_paper.lead"),),
        receipt=panel(receipt.facts, receipt),
        side=None if fault == "no_printer" else Button("print", say("no_paper.again"), "printer-outline"),
        primary=go("next", "button.next"),
    )


def look_at_paper() -> Confirm:
    """The line to the printer broke off: only a person can tell."""
    return Confirm(
        name="pickup.look_at_paper",
        errand=ERRAND,
        step=STEP,
        title=say("look.title"),
        lead=(say("look.lead"),),
        way_out=Button("no", say("look.no"), "close"),
        primary=go("yes", "look.yes"),
    )


def on_phone(receipt: Receipt) -> Tell:
    """The receipt with its QR, large enough for a phone."""
    return Tell(
        name="pickup.on_phone",
        errand=ERRAND,
        step=STEP,
        badge="success",
        badge_icon="qrcode",
        title=say("phone.title"),
        lead=(say("phone.lead"),),
        receipt=panel(receipt.facts, receipt),
        primary=go("next", "button.end", "check"),
    )


def done(receipt: Receipt) -> Tell:
    """What works now, what to take, what to keep."""
    return Tell(
        name="pickup.done",
        errand=ERRAND,
        badge="success",
        badge_icon="check-bold",
        title=say("done.title"),
        lead=(say("done.lead"), say("done.keep")),
        drawing=MachineDrawing(("reader", "printer")),
        drawing_text=say("done.take"),
        side=Button("phone", say("done.phone"), "qrcode"),
        primary=go("end", "button.end", "check"),
    )
