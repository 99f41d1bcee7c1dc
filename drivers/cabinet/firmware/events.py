"""Events that the host has not taken yet, numbered from the start of the board. Pure.

Rules: numbers have no gaps as long as nothing is lost; where more wait than are kept, the oldest are dropped and an
EVENTS_LOST with their count stands in their place.
"""

from drivers.cabinet.messages import EVENTS_LOST

KEPT = 32


class Events:
    """The queue, oldest first."""

    def __init__(self) -> None:
        self.newest = 0
        """Number of the newest event; 0 before the first."""
        self.waiting: list[tuple[int, int, int, int, int]] = []
        """(number, event, slot, value, ms)."""
        self._lost = 0

    def add(self, event: int, slot: int, value: int, now: int) -> None:
        """Something happened."""
        self.newest += 1
        self.waiting.append((self.newest, event, slot, min(value, 0xFFFF), now))
        if len(self.waiting) > KEPT:
            # The place of the second oldest now says that both are gone.
            self._lost += 1 if self.waiting[0][1] == EVENTS_LOST else 2
            number, when = self.waiting[1][0], self.waiting[1][4]
            self.waiting[:2] = [(number, EVENTS_LOST, 0, min(self._lost, 0xFFFF), when)]

    def taken(self, number: int) -> None:
        """The host has all up to this one; a number that was never given is no word for anything."""
        if number <= self.newest:
            while self.waiting and self.waiting[0][0] <= number:
                if self.waiting[0][1] == EVENTS_LOST:
                    self._lost = 0
                self.waiting.pop(0)
