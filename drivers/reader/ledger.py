"""The station's own count of tries, for cards whose counter cannot be read safely (reliability I1).

A count grows *before* a code goes to the card, so that a power cut errs on the safe side, and is corrected by the
card's own answer. The station keeps it durably, by card number; the default here forgets at the end of the program.

>>> ledger = MemoryLedger()
>>> ledger.spend("9752 (made up)", "02"); ledger.used("9752 (made up)", "02")
1
"""

from typing import Protocol


class TryLedger(Protocol):
    """Tries used per card and code. `card` is the card number (the chip's serial where it has none), `code` an authId
    in hex. Called from the reader's thread."""

    def used(self, card: str, code: str) -> int:
        """Tries that may have been used since the code was last right."""

    def spend(self, card: str, code: str) -> None:
        """Count one more, durably, before the command is sent."""

    def settle(self, card: str, code: str, used: int) -> None:
        """Set the count to what the card itself has said."""


class MemoryLedger:
    """Counts for as long as the program runs."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], int] = {}

    def used(self, card: str, code: str) -> int:
        """See `TryLedger.used`."""
        return self._used.get((card, code), 0)

    def spend(self, card: str, code: str) -> None:
        """See `TryLedger.spend`."""
        self._used[card, code] = self.used(card, code) + 1

    def settle(self, card: str, code: str, used: int) -> None:
        """See `TryLedger.settle`."""
        self._used[card, code] = used
