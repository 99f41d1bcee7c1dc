"""Read models of bins, for pages and programs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BinRow:
    """The bin of one station: cards in it by what the station has told, and how it was last emptied (None: never)."""

    cards: int
    emptied: "Emptied | None" = None


@dataclass(frozen=True, slots=True)
class Emptied:
    """Emptying of a bin by two administrators. `reason` and `reference` explain a difference; both empty where there was none."""

    at: datetime
    by: tuple[str, str]
    """HSA-ids."""
    counted: int
    expected: int
    sensor: int | None
    seal: str
    reason: str
    reference: str
    missing: tuple[str, ...] = ()
    """Numbers on the list that were not read. Like the next two empty where the cards were only counted."""
    unlisted: tuple[str, ...] = ()
    never_seen: tuple[str, ...] = ()
    """Those missing that were returned by their number alone."""
    differs: bool = False
    """Whether these were not the cards of the station's list."""
