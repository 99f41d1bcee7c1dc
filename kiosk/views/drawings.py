"""Drawings beside the words: the machine as it stands, with one lit part. Values only; screens hold the pens."""

from dataclasses import dataclass
from typing import Literal

from kiosk.views.parts import Say


@dataclass(frozen=True, slots=True)
class ReaderDrawing:
    """The reader close up: the card goes in, comes out, or is turned the right way round. `which` lights the holder's or the
    administrator's reader. Both are drawn, the holder's to the left, where the administrator's is lit, and with `pair`.
    `beside`: the holder's card rests in the other reader meanwhile."""

    motion: Literal["in", "out", "turn"] = "in"
    which: Literal["holder", "administrator"] = "holder"
    beside: bool = False
    pair: bool = False


@dataclass(frozen=True, slots=True)
class RestingDrawing:
    """Cards that stay in their readers, the holder's to the left. Nothing moves, nothing is lit. `caption`: the line below."""

    readers: tuple[Literal["holder", "administrator"], ...]
    caption: Say


@dataclass(frozen=True, slots=True)
class CabinetDrawing:
    """The slots from the front, one lit, six in a row."""

    slots: int
    lit: int


@dataclass(frozen=True, slots=True)
class DropDrawing:
    """The drop slot with a card on its way in."""


@dataclass(frozen=True, slots=True)
class MachineDrawing:
    """The whole front, one or two parts lit, and a line under it."""

    lit: tuple[Literal["reader", "administrator", "printer", "slots", "drop", "screen"], ...]


@dataclass(frozen=True, slots=True)
class LetterDrawing:
    """The code letter: card number, PIN line, and the PUK line lit."""

    card_number: str


@dataclass(frozen=True, slots=True)
class CardDrawing:
    """The face of a card as it is printed. `name` is empty for a protected identity."""

    name: str
    number_tail: str
    issuer: str


@dataclass(frozen=True, slots=True)
class ProductCodeDrawing:
    """Place of the printed product code: lit on the back of a card, and on the front of one with the SIS mark."""


@dataclass(frozen=True, slots=True)
class LetterPageDrawing:
    """The whole letter on a stage, with one line lit: the PUK or the first PIN in its box; or, in a letter with a release code,
    that code or the card number above it. `tail`: the last digits of the card number, where they are known."""

    lit: Literal["puk", "pin", "number", "code"]
    tail: str = ""


@dataclass(frozen=True, slots=True)
class NumberDrawing:
    """Place of the number, on the face of a card or on an ID document; those of its last digits that are wanted are
    lit."""

    on: Literal["card", "document"]
    lit: int = 8


@dataclass(frozen=True, slots=True)
class CodeKeysDrawing:
    """The keys of a code, and its cells lit above them."""


@dataclass(frozen=True, slots=True)
class ChallengeDrawing:
    """Digits that somebody copies by hand, large and in groups of four."""

    digits: str


@dataclass(frozen=True, slots=True)
class AboutDrawing:
    """A card or the station, and beside it what it is about, by the glyph of that: date, lock, code and letter are drawn."""

    icon: str
    of: Literal["card", "station"] = "card"


Drawing = (
    ReaderDrawing
    | RestingDrawing
    | CabinetDrawing
    | DropDrawing
    | MachineDrawing
    | LetterDrawing
    | CardDrawing
    | ProductCodeDrawing
    | LetterPageDrawing
    | NumberDrawing
    | CodeKeysDrawing
    | ChallengeDrawing
    | AboutDrawing
)
