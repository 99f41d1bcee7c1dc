"""The receipt as a printable document, in the language of `say`.

Texts: `receipt.title.KIND`, `receipt.holder`, `receipt.hsa_id`, `receipt.card_number`, `receipt.handed_out`,
`receipt.by`, `receipt.carry`, `receipt.scan`, `receipt.number` ({number}), `receipt.time` ({day} {month} {year} {hour}
{minute}) and `receipt.month.1` to `receipt.month.12`. A protected identity is shown by its HSA-id alone.
"""

from collections.abc import Callable
from datetime import datetime, tzinfo

from drivers.printer.document import Block, Document, Paragraph, Qr, Row, Rule, Title
from kiosk.receipts.facts import ReceiptFacts
from kiosk.views import Say
from kiosk.views import say as text


def receipt_document(
    facts: ReceiptFacts, say: Callable[[Say], str], qr: str | None, number: str, zone: tzinfo | None = None
) -> Document:
    """Lay out a receipt. `qr` is None before it is signed; `zone` is that of the station, the system's by default."""
    blocks: list[Block] = [Title(say(text(f"receipt.title.{facts.kind}")))]
    if facts.holder.name is not None:
        blocks.append(Row(say(text("receipt.holder")), facts.holder.name))
    blocks.append(Row(say(text("receipt.hsa_id")), facts.holder.hsa_id))
    blocks.append(Row(say(text("receipt.card_number")), _fours(facts.card_number)))
    blocks.append(Row(say(text("receipt.handed_out")), say(handed_out(facts.time, zone))))
    blocks.append(Row(say(text("receipt.by")), _by(facts)))
    blocks.append(Rule())
    if qr is not None:
        blocks += [
            Qr(qr),
            Paragraph(say(text("receipt.carry")), strong=True),
            Paragraph(say(text("receipt.scan"))),
        ]
    blocks.append(Paragraph(say(text("receipt.number", number=number))))
    return Document(tuple(blocks))


def handed_out(time: datetime, zone: tzinfo | None = None) -> Say:
    """A point in time as people write it: `25 nov 2026 10.46`."""
    local = time.astimezone(zone)
    return text(
        "receipt.time",
        day=local.day,
        month=text(f"receipt.month.{local.month}"),
        year=local.year,
        hour=f"{local.hour:02}",
        minute=f"{local.minute:02}",
    )


def _by(facts: ReceiptFacts) -> str:
    """Who handed it out: the administrator, or the station where the holder's old card spoke for the holder."""
    if facts.administrator is None:
        return facts.place
    return facts.administrator.name or facts.administrator.hsa_id


def _fours(number: str) -> str:
    first = len(number) % 4
    groups = [number[:first]] if first else []
    return " ".join(groups + [number[at : at + 4] for at in range(first, len(number), 4)])
