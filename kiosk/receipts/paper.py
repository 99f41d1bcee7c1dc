"""Printable receipt, in the language of `say`: for the holder's hand, and for the binder.

Texts: those of the template; `receipt.carry`, `receipt.scan`, `receipt.number` ({number}); in the binder also
`receipt.station`, `receipt.order`, `receipt.identified_by`, `receipt.identified.WAY` and `receipt.identified.seen`
({document}), `document.KIND`, `receipt.terms`, `receipt.signed`, `receipt.signed.card`, `receipt.signed.attested`
and `receipt.digest`.
"""

import hashlib
from collections.abc import Callable
from datetime import tzinfo

from drivers.printer.document import (
    BarcodeBlock,
    Block,
    Document,
    ParagraphBlock,
    QrBlock,
    RowBlock,
    RuleBlock,
    TitleBlock,
)
from kiosk.receipts.facts import ReceiptFacts
from kiosk.receipts.issuing import Receipt
from kiosk.receipts.template import template
from kiosk.views import Say
from kiosk.views import say as text

Words = Callable[[Say], str]
"""A sentence in one language."""
DIGEST_GROUP = 8
"""Hexadecimal digits that stand together, so that somebody can compare them."""


def receipt_document(
    facts: ReceiptFacts, say: Words, qr: str | None, number: str, zone: tzinfo | None = None
) -> Document:
    """Lay out a receipt. `qr` is None before it is signed; `zone` is that of the station, the system's by default."""
    return Document((*_head(facts, say, zone), RuleBlock(), *_foot(say, qr, number)))


def binder_document(receipt: Receipt, say: Words, zone: tzinfo | None = None) -> Document:
    """The same receipt for the administrator's binder: also how the holder was identified, and who signed what."""
    facts = receipt.facts
    details = [
        (text("receipt.station"), facts.station),
        (text("receipt.order"), facts.order or ""),
        (text("receipt.identified_by"), _identified(facts, say)),
        (text("receipt.terms"), facts.terms),
        (text("receipt.signed"), say(text(f"receipt.signed.{receipt.signed}"))),
        (text("receipt.digest"), _digest(receipt.document)),
    ]
    rows = [RowBlock(say(label), value) for label, value in details if value]
    foot = _foot(say, receipt.qr or None, receipt.number, for_holder=False)
    return Document((*_head(facts, say, zone), *rows, RuleBlock(), *foot))


def _head(facts: ReceiptFacts, say: Words, zone: tzinfo | None) -> list[Block]:
    form = template(facts, zone)
    rows = [
        RowBlock(say(line.label), line.value if isinstance(line.value, str) else say(line.value)) for line in form.lines
    ]
    sentences = (*form.remarks, *((form.promise,) if form.promise else ()))
    return [TitleBlock(say(form.title)), *rows, *(ParagraphBlock(say(sentence)) for sentence in sentences)]


def _foot(say: Words, qr: str | None, number: str, *, for_holder: bool = True) -> list[Block]:
    blocks: list[Block] = []
    if qr is not None:
        blocks.append(QrBlock(qr))
        if for_holder:
            blocks += [
                ParagraphBlock(say(text("receipt.carry")), strong=True),
                ParagraphBlock(say(text("receipt.scan"))),
            ]
        blocks.append(BarcodeBlock(number.replace("-", "")))
    return [*blocks, ParagraphBlock(say(text("receipt.number", number=number)))]


def _identified(facts: ReceiptFacts, say: Words) -> str:
    way = say(text(f"receipt.identified.{facts.identified_by}"))
    if facts.document_kind is None:
        return way
    seen = say(text("receipt.identified.seen", document=text(f"document.{facts.document_kind}")))
    return f"{way}; {seen}"


def _digest(document: bytes) -> str:
    digits = hashlib.sha256(document).hexdigest()
    return " ".join(digits[at : at + DIGEST_GROUP] for at in range(0, len(digits), DIGEST_GROUP))
