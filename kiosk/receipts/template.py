"""Receipt template: what stands on a receipt, in which order, for screen, paper and page. Texts are keys, not yet words.

Texts: `receipt.title.KIND` for each kind of receipt; for all `receipt.when.pickup` or `receipt.when.done` (the label of
the time), `receipt.holder`, `receipt.hsa_id`, `receipt.card_number`, `receipt.by` or `receipt.checked_by`, `receipt.time` ({day}
{month} {year} {hour} {minute}), `receipt.month.1` to `receipt.month.12`, `receipt.promise`, and `receipt.remark.CODE` for each
remark. What is about no single card has `receipt.did` and `receipt.detail.CODE` instead of holder and card.

>>> from kiosk.receipts.numbers import read_number
>>> group_digits("9752269050826134")
'9752 2690 5082 6134'
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from kiosk.receipts.facts import ReceiptFacts, ReceiptPerson
from kiosk.views import Say
from kiosk.views import say as text


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A label, and what it is about."""

    label: Say
    value: Say | str


@dataclass(frozen=True, slots=True)
class Template:
    """One receipt, to be drawn anywhere."""

    title: Say
    lines: tuple[ReceiptLine, ...]
    remarks: tuple[Say, ...]
    promise: Say | None = None
    """What the holder signs, in full."""


HANDED_OVER = ("pickup", "activate")
"""Kinds of receipts that say when the holder got the card."""


def template(facts: ReceiptFacts, zone: tzinfo | None = None) -> Template:
    """Return the template that shows `facts`. `zone` is that of the station, the system's by default.

    A protected identity is shown by its HSA-id alone.
    """
    lines = _of_work(facts, zone) if not facts.card_number else _of_card(facts, zone)
    remarks = tuple(text(f"receipt.remark.{code}") for code in facts.remarks)
    promise = text("receipt.promise") if facts.kind == "activate" else None
    return Template(text(f"receipt.title.{facts.kind}"), tuple(lines), remarks, promise)


def _of_work(facts: ReceiptFacts, zone: tzinfo | None) -> list[ReceiptLine]:
    """Return the lines that say who did it, and what came of it."""
    people = (facts.holder, facts.administrator)
    return [
        *(
            ReceiptLine(text("receipt.did"), f"{person.name} ({person.hsa_id})" if person.name else person.hsa_id)
            for person in people
            if person is not None
        ),
        *(ReceiptLine(text(f"receipt.detail.{detail.code}"), detail.value) for detail in facts.details),
        ReceiptLine(text("receipt.when.done"), point_in_time(facts.time, zone)),
        ReceiptLine(text("receipt.station"), facts.place),
    ]


def _of_card(facts: ReceiptFacts, zone: tzinfo | None) -> list[ReceiptLine]:
    lines = [
        ReceiptLine(text("receipt.hsa_id"), facts.holder.hsa_id),
        ReceiptLine(text("receipt.card_number"), group_digits(facts.card_number)),
        ReceiptLine(
            text(f"receipt.when.{facts.kind}" if facts.kind in HANDED_OVER else "receipt.when.done"),
            point_in_time(facts.time, zone),
        ),
        ReceiptLine(text("receipt.checked_by" if facts.kind == "activate" else "receipt.by"), _by(facts)),
    ]
    if facts.holder.name is not None:
        lines.insert(0, ReceiptLine(text("receipt.holder"), facts.holder.name))
    return lines


def point_in_time(time: datetime, zone: tzinfo | None = None) -> Say:
    """As people write it: `25 nov 2026 10.46`."""
    local = time.astimezone(zone)
    return text(
        "receipt.time",
        day=local.day,
        month=text(f"receipt.month.{local.month}"),
        year=local.year,
        hour=f"{local.hour:02}",
        minute=f"{local.minute:02}",
    )


def group_digits(number: str) -> str:
    """A card's number in groups of four, from the end."""
    first = len(number) % 4
    groups = [number[:first]] if first else []
    return " ".join(groups + [number[at : at + 4] for at in range(first, len(number), 4)])


def person_label(person: ReceiptPerson) -> str:
    """By name, or by HSA-id where the name is protected."""
    return person.name or person.hsa_id


def _by(facts: ReceiptFacts) -> str:
    """Name who did it: the administrator, or the station where the holder's own card spoke for the holder."""
    return facts.place if facts.administrator is None else person_label(facts.administrator)
