"""Printable document as blocks: one model for paper, screen and picture. It knows nothing of printers.

>>> Document((TitleBlock("Kvittens"), RowBlock("Kortnummer", "9752 2690"), QrBlock("KK1.example")))  # doctest: +ELLIPSIS
Document(...)
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TitleBlock:
    """A heading, wrapped where it must."""

    text: str


@dataclass(frozen=True, slots=True)
class RowBlock:
    """A label at the left, its value at the right; the value goes to a line of its own where both do not fit."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ParagraphBlock:
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class RuleBlock:
    pass


@dataclass(frozen=True, slots=True)
class QrBlock:
    """A QR code, error level M, centred. `text` has under 500 bytes."""

    text: str


@dataclass(frozen=True, slots=True)
class BarcodeBlock:
    """A CODE128 of `text` (ASCII), centred, with the text in clear below it."""

    text: str


Block = TitleBlock | RowBlock | ParagraphBlock | RuleBlock | QrBlock | BarcodeBlock


@dataclass(frozen=True, slots=True)
class Document:
    """Blocks from the top to the cut."""

    blocks: tuple[Block, ...]
