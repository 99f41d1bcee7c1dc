"""Bin count: what two administrators counted out of the bin against what should have lain there, and the text that both sign.

>>> CountedCards(2).differs(("9999000010260001", "9999000010260003"), sensor=3)
True
>>> CountedCards(1, ("9999000010260001",)).missing(("9999000010260001", "9999000010260003"))
('9999000010260003',)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import msgspec

Reason = Literal["unlisted", "missing", "never_put_in", "sensor", "other"]
"""Why figures differ: cards that no list has, cards that are gone, a card returned by its number that was never put in, a sensor
that counted wrong, something else."""
NOBODY_KNOWS = ""
"""The number of a card that could not be read."""


@dataclass(frozen=True, slots=True)
class CountedCards:
    """Number of cards that came out. `numbers` are those that were read; None where they were only counted."""

    cards: int
    numbers: tuple[str, ...] | None = None

    def missing(self, listed: Sequence[str]) -> tuple[str, ...]:
        """Numbers on the list that were not read."""
        return _left(listed, self.numbers)

    def unlisted(self, listed: Sequence[str]) -> tuple[str, ...]:
        """Numbers that were read and are not on the list."""
        return () if self.numbers is None else _left(self.numbers, listed)

    def never_seen(self, listed: Sequence[str], by_number: Sequence[str]) -> tuple[str, ...]:
        """Return those of the missing numbers that were returned `by_number` alone: nobody has ever seen these cards."""
        return tuple(number for number in self.missing(listed) if number in by_number)

    def differs(self, listed: Sequence[str], sensor: int | None) -> bool:
        """Return whether there is a difference to explain."""
        return self.reasons(listed, sensor) != ("other",)

    def reasons(self, listed: Sequence[str], sensor: int | None, by_number: Sequence[str] = ()) -> tuple[Reason, ...]:
        """Return what may explain the difference: one card too many is not a missing card. Always with `other`."""
        never_seen = len(self.never_seen(listed, by_number))
        fits: dict[Reason, bool] = {
            "unlisted": self.cards > len(listed) or bool(self.unlisted(listed)),
            "missing": max(len(listed) - self.cards, len(self.missing(listed))) > never_seen,
            "never_put_in": never_seen > 0,
            "sensor": sensor not in (None, self.cards),
            "other": True,
        }
        return tuple(reason for reason, is_fit in fits.items() if is_fit)


def _left(these: Sequence[str], those: Sequence[str] | None) -> tuple[str, ...]:
    """Return those of `these` that `those` do not account for. A card that could not be read accounts for none."""
    if those is None:
        return ()
    left = Counter(number for number in these if number != NOBODY_KNOWS) - Counter(those)
    return tuple(left.elements())


@dataclass(frozen=True, slots=True)
class BinCountStatement:
    """The statement that both sign. `sensor` is the cabinet's own count, None where it did not say; `reason` is empty
    where all agrees. `listed` are the numbers on the station's list, `numbers` those that were read; None where the
    cards were only counted."""

    station: str
    errand: str
    time: str
    by: str
    second: str
    counted: int
    expected: int
    sensor: int | None
    seal: str
    reason: Reason | Literal[""] = ""
    reference: str = ""
    listed: tuple[str, ...] = ()
    numbers: tuple[str, ...] | None = None

    def text(self) -> str:
        """The exact text: a JSON array whose first member says what it is, so that it is never taken for anything else."""
        return msgspec.json.encode(["kortkiosk-bin-v2", asdict(self)]).decode()
