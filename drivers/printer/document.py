"""A printable document as blocks: one model for paper, screen and picture. It knows nothing of printers.

>>> Document((Title("Kvittens"), Row("Kortnummer", "9752 2690 4471 3058"), Qr("KK1.example")))  # doctest: +ELLIPSIS
Document(...)
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Title:
    """A heading, wrapped where it must."""

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A label at the left, its value at the right; the value goes to a line of its own where both do not fit."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code, error level M, centred. `text` has under 500 bytes."""

    text: str


@dataclass(frozen=True, slots=True)
class Barcode:
    """A CODE128 of `text` (ASCII), centred, with the text in clear below it."""

    text: str


Block = Title | Row | Paragraph | Rule | Qr | Barcode


@dataclass(frozen=True, slots=True)
class Document:
    """Blocks from the top to the cut."""

    blocks: tuple[Block, ...]
