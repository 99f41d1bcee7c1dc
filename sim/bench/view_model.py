"""View model of the bench: what a window shows, as typed values. Pure; made from `VirtualBench.picture()`.

>>> in_fours("9999000020260001")
'9999 0000 2026 0001'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRINTER_SWITCHES = {
    "out_of_paper": "Paper out",
    "paper_low": "Paper low",
    "cover_open": "Cover open",
    "cutter": "Cutter stuck",
    "offline": "Offline",
    "mute": "Mute",
}
"""Faults of the printer that the bench's window has a switch for, and what stands on it."""


@dataclass(frozen=True, slots=True)
class CardView:
    """A card and where it is: `place` is "hand", a reader, "slot 4", "flap" or "bin"."""

    name: str
    number: str
    place: str
    note: str = ""
    """What is special about it."""

    @property
    def person(self) -> int:
        """Number of the person that the card belongs to."""
        return int(self.name.partition(":")[0])

    @property
    def which(self) -> str:
        """Word for which of the person's cards it is: `old` or `new`."""
        return self.name.partition(":")[2]

    @property
    def in_hand(self) -> bool:
        """True while somebody can do something with it."""
        return self.place == "hand"


@dataclass(frozen=True, slots=True)
class LetterView:
    """A made-up code letter. Its PUK is shown on purpose: the bench is where the letter lies open."""

    card_number: str
    puk: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A made-up person: a protected identity is its HSA-id. `old` and `new` are None where no such card lies about."""

    number: int
    name: str
    hsa_id: str
    old: CardView | None
    new: CardView | None
    letter: LetterView | None
    """The one that came with the new card."""
    old_letter: LetterView | None = None

    @property
    def called(self) -> str:
        """The name, or the HSA-id where the name is protected."""
        return self.name or self.hsa_id

    @property
    def short(self) -> str:
        """For narrow places: the given name, or the end of the HSA-id."""
        return self.name.partition(" ")[0] or self.hsa_id.rpartition("-")[2]


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot of the cabinet."""

    number: int
    card: str | None
    open: bool
    jammed: bool


@dataclass(frozen=True, slots=True)
class DropSlotView:
    """Flap and bin: `counted` is what the cabinet says, `lying` what lies there."""

    open: bool
    held: bool
    at_flap: str | None
    counted: int
    lying: int


@dataclass(frozen=True, slots=True)
class BoardView:
    """The cabinet's board: `firmware` is its version, empty until it was greeted; the others are what has befallen it."""

    firmware: str
    starts: int
    cable_out: bool
    silent: bool
    case_open: bool
    bin_open: bool


@dataclass(frozen=True, slots=True)
class PrinterView:
    """Its faults by name, and the pictures of what it has printed, oldest first."""

    faults: Mapping[str, bool]
    receipts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ReaderView:
    """One reader and the card in it."""

    name: str
    card: str | None
    upside_down: bool


@dataclass(frozen=True, slots=True)
class BenchView:
    """View model of the whole bench at one moment."""

    people: tuple[PersonView, ...]
    cards: Mapping[str, CardView]
    readers: tuple[ReaderView, ...]
    slots: tuple[SlotView, ...]
    drop: DropSlotView
    board: BoardView | None
    """None where the cabinet has no firmware."""
    printer: PrinterView
    network: bool

    @classmethod
    def read(cls, world: Mapping[str, Any]) -> "BenchView":
        """From what `VirtualBench.picture()` says. Raises KeyError for something else."""
        places = _places(world)
        cards = {name: CardView(name, of["number"], places[name], of["note"]) for name, of in world["cards"].items()}
        return cls(
            people=_people(world, cards),
            cards=cards,
            readers=tuple(
                ReaderView(name, card, name in world["upside_down"]) for name, card in world["readers"].items()
            ),
            slots=tuple(
                SlotView(int(number), card, world["open_slot"] == int(number), int(number) in world["jammed"])
                for number, card in world["slots"].items()
            ),
            drop=DropSlotView(
                world["flap_open"], world["flap_held"], world["at_flap"], world["bin"], len(world["in_bin"])
            ),
            board=_board(world["board"]),
            printer=PrinterView(
                {name: bool(value) for name, value in world["printer"]["faults"].items()},
                tuple(Path(path) for path in world["printer"]["receipts"]),
            ),
            network=bool(world["network"]),
        )

    @property
    def open_slot(self) -> int | None:
        """The slot whose door stands open."""
        return next((slot.number for slot in self.slots if slot.open), None)

    def owner(self, card: str) -> PersonView:
        """Return whose card it is. Raises LookupError."""
        number = self.cards[card].person
        for someone in self.people:
            if someone.number == number:
                return someone
        raise LookupError(card)


def in_fours(digits: str) -> str:
    """A card number or a PUK as a person reads it."""
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def _board(board: Mapping[str, Any] | None) -> BoardView | None:
    if board is None:
        return None
    return BoardView(
        board["firmware"], board["starts"], board["cable"], board["silent"], board["case"], board["bin_door"]
    )


def _places(world: Mapping[str, Any]) -> dict[str, str]:
    places = dict.fromkeys(world["hand"], "hand")
    places |= {card: f"{reader}'s reader" for reader, card in world["readers"].items() if card}
    places |= {card: f"slot {number}" for number, card in world["slots"].items() if card}
    places |= dict.fromkeys(world["in_bin"], "bin")
    if world["at_flap"]:
        places[world["at_flap"]] = "flap"
    return places


def _people(world: Mapping[str, Any], cards: Mapping[str, CardView]) -> tuple[PersonView, ...]:
    printed = {int(name.partition(":")[0]): of for name, of in world["cards"].items()}
    letters = {letter["person"]: letter for letter in world["letters"] if letter["which"] == "new"}
    kept = {letter["person"]: letter for letter in world["letters"] if letter["which"] == "old"}
    return tuple(
        PersonView(
            number,
            printed[number]["name"] if number in printed else letters[number]["name"],
            printed[number]["hsa_id"] if number in printed else "",
            cards.get(f"{number}:old"),
            cards.get(f"{number}:new"),
            _letter(letters.get(number)),
            _letter(kept.get(number)),
        )
        for number in sorted({*printed, *letters})
    )


def _letter(letter: Mapping[str, Any] | None) -> LetterView | None:
    return LetterView(letter["card_number"], letter["puk"]) if letter is not None else None
