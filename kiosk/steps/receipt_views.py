"""The views of the receipt: read it, sign it, take it."""

from dataclasses import replace
from typing import Literal, get_args

from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterMute, PrinterStatus, Ready
from kiosk.receipts import Receipt, ReceiptFacts, template
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import primary_button
from kiosk.views import (
    Busy,
    Button,
    Choose,
    Confirm,
    Fact,
    MachineDrawing,
    Note,
    Option,
    ReceiptPanel,
    RestingDrawing,
    Say,
    Tell,
    say,
)

ReceiptWay = Literal["paper", "mail", "phone", "nothing"]
"""Where a receipt is: in the printer, sent by e-mail, on the screen to be scanned, or nowhere that its holder wanted."""

CODE_KEPT = "code_kept"
"""The remark on a receipt where the card has the code that it had before."""
WITHOUT_LETTER = "without_letter"
"""The remark where who attended set the first code: its holder had no letter."""

NOT_LAID_OUT = "not_laid_out"
"""This receipt does not fit on this paper, however often it is tried."""
NO_PRINTER = "no_printer"
"""None is fitted."""
UNCLEAR = "unclear"
"""Nobody could say whether the whole receipt is there."""
_NO_USE = frozenset({NO_PRINTER, NOT_LAID_OUT})
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


def read_and_sign(
    context: ViewContext, facts: ReceiptFacts, attended: str | None, drawing: RestingDrawing | None = None, *, code: bool,
    paper: bool,
) -> Confirm:  # fmt: skip
    """The receipt before it is signed; `code`: that takes the code once more; `paper`: it is printed, unless its holder wants
    none. `drawing`: of an activation, where the cards that stay are shown, and the promise in full."""
    sheet, (title, typed, proved) = panel(facts), _words_of_signing(activated=drawing is not None)
    if drawing is not None:
        sheet = replace(sheet, facts=_with_document(sheet.facts, facts), promise=template(facts).promise)
    return Confirm(
        **context.head("receipt", title, typed if code else proved),
        attended_by=attended,
        note=Note(say("sign.note"), kind="clock") if drawing is None else None,
        drawing=drawing,
        receipt=sheet,
        way_out=Button("later", say("sign.later")),
        side=Button("without_paper", say("sign.without_paper")) if paper else None,
        primary=primary_button("sign", "sign.go" if code else "sign_pin.go"),
        needs_card=True,
    )


def _words_of_signing(*, activated: bool) -> tuple[Say, Say, Say]:
    """Title, and lead where the code is typed once more, or was proved just now."""
    if activated:
        return say("sign.activated.title"), say("sign.activated.lead"), say("sign.activated.lead.proved")
    return say("sign.title"), say("sign.lead"), say("sign.lead.proved")


def cards_stay(administrator: bool) -> RestingDrawing:
    """The holder's card rests in its reader, and, where it is still in a second one, the administrator's."""
    if administrator:
        return RestingDrawing(("holder", "administrator"), say("identity_check.stay_both"))
    return RestingDrawing(("holder",), say("identity_check.stay"))


def _with_document(lines: tuple[Fact, ...], facts: ReceiptFacts) -> tuple[Fact, ...]:
    """Add which document was seen, before who saw it."""
    if facts.document_kind is None:
        return lines
    seen = Fact(say("receipt.document"), say(f"document.{facts.document_kind}"))
    return (*lines[:-1], seen, lines[-1])


def printing(context: ViewContext) -> Busy:
    return Busy(**context.head("printing", say("printing.title"), say("printing.lead")))


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


NO_PAPER = (*dict.fromkeys(fault_name(kind()) for kind in get_args(PrinterStatus)), NO_PRINTER, NOT_LAID_OUT, UNCLEAR)
"""Every reason for which a receipt is not on paper; each has a sentence of its own."""


def no_paper(context: ViewContext, receipt: Receipt, fault: str) -> Tell:
    """Not printed; the receipt is safe and can be had by phone."""
    return Tell(
        **context.head("no_paper", say(f"no_paper.{fault}"), say("no_paper.lead")),
        badge="warning",
        badge_icon="printer-alert",
        receipt=panel(receipt.facts, receipt),
        side=None if fault in _NO_USE else Button("print", say("no_paper.again"), "printer-outline"),
        primary=primary_button("next", "button.next"),
    )


def look_at_paper(context: ViewContext) -> Confirm:
    """The line to the printer broke off: only a person can tell."""
    return Confirm(
        **context.head("look_at_paper", say("look.title"), say("look.lead")),
        way_out=Button("no", say("look.no"), "close"),
        primary=primary_button("yes", "look.yes"),
    )


def choose_way(context: ViewContext, *, paper: bool) -> Choose:
    """Return the view that asks how the holder wants the receipt. The address is neither shown nor spoken: whoever
    stands beside would learn it."""
    return Choose(
        **context.head("receipt_way", say("receipt_way.title")),
        options=(
            *((Option("paper", say("receipt_way.paper"), icon="printer-outline"),) if paper else ()),
            Option("mail", say("receipt_way.mail"), say("receipt_way.mail.detail"), "email-outline"),
            Option("phone", say("receipt_way.phone"), say("receipt_way.phone.detail"), "qrcode"),
            Option("nothing", say("receipt_way.nothing"), say("receipt_way.nothing.detail"), "close"),
        ),
    )


def mailed(context: ViewContext) -> Tell:
    """The wish is kept; the server sends it once it has it."""
    return Tell(
        **context.head(
            "receipt_mailed", say("receipt_mailed.title"), say("receipt_mailed.lead"), say("receipt_mailed.link")
        ),
        badge="success",
        badge_icon="check-bold",
        primary=primary_button("next", "button.next"),
    )


def on_phone(context: ViewContext, receipt: Receipt) -> Tell:
    """The receipt with its QR, large enough for a phone, and what a phone makes of it."""
    opens = receipt.qr.startswith("http")
    return Tell(
        **context.head("on_phone", say("phone.title"), say("phone.lead.opens" if opens else "phone.lead")),
        badge="success",
        badge_icon="qrcode",
        receipt=panel(receipt.facts, receipt),
        primary=primary_button("next", "button.end", "check"),
    )


def done(context: ViewContext, receipt: Receipt, *, paper: bool = True, mail: bool = False) -> Tell:
    """Return the view that says what works now, what to take, what to keep. `paper`: the receipt lies there too;
    `mail`: it can be had by e-mail."""
    by_phone = Button("phone", say("done.phone"), "qrcode")
    remarks = receipt.facts.remarks
    keep = () if WITHOUT_LETTER in remarks else (say("done.keep"),)
    return Tell(
        **context.ending().head(
            "done", say("done.title"), say("done.old_code" if CODE_KEPT in remarks else "done.lead"), *keep
        ),
        badge="success",
        badge_icon="check-bold",
        drawing=MachineDrawing(("reader", "printer") if paper else ("reader",)),
        drawing_text=say("done.take" if paper else "done.take_card"),
        side=Button("receipt", say("done.receipt"), "receipt-text-outline") if mail else by_phone,
        primary=primary_button("end", "button.end", "check"),
    )
