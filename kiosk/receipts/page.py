"""PDF of a receipt: an A4 page for the administrator's binder.

A module of its own, since only who writes such a page needs to load what draws it. Text: `receipt.verify`, the foot.

    Path("receipt.pdf").write_bytes(receipt_pdf(receipt, lambda text: texts.plain(text, "sv")))
"""

from datetime import tzinfo

from drivers.printer.pdf import a4
from kiosk.receipts.issuing import Receipt
from kiosk.receipts.paper import Words, binder_document
from kiosk.views import say as text


def receipt_pdf(receipt: Receipt, say: Words, zone: tzinfo | None = None) -> bytes:
    """The same bytes whenever it is made. `receipt.qr` may be empty where it is not known: then no code is on it."""
    number = say(text("receipt.number", number=receipt.number))
    title = f"{say(text(f'receipt.title.{receipt.facts.kind}'))}, {number}"
    return a4(binder_document(receipt, say, zone), title=title, footer=say(text("receipt.verify")))
