"""Locks, doors and cards of the slots. Pure.

Rules: one door at a time. The coil is let go as soon as its door opens, or another one does (then the driven slot is told
as a jam, so that whoever asked gets an answer). A door that opens without its coil is told as forced. A slot is jammed
when its coil ran into the limit and the door did not move, until it does.
"""

from drivers.cabinet.firmware.coil import Coil
from drivers.cabinet.firmware.counters import Counters
from drivers.cabinet.firmware.events import Events
from drivers.cabinet.firmware.inputs import Inputs, numbers
from drivers.cabinet.messages import (
    ALREADY_OPEN,
    BUSY,
    CARD,
    COIL_LIMIT,
    DOOR,
    DOOR_CLOSED,
    DOOR_FORCED,
    DOOR_OPENED,
    JAM,
    NO_SUCH_SLOT,
    OK,
    OTHER_OPEN,
)

DOOR_SETTLES_MS = 10
CARD_SETTLES_MS = 50
GRACE_MS = 500
"""A door that opens this long after its coil was let go still opened by command."""


class Slots:
    """All slots, numbered from 1."""

    def __init__(self, count: int, coil: Coil, counters: Counters, events: Events, doors: int, cards: int) -> None:
        """`doors` and `cards` are the bits of their sensors now."""
        self.count = count
        self.jammed: set[int] = set()
        self._coil = coil
        self._counters = counters
        self._events = events
        self._doors = Inputs(DOOR_SETTLES_MS, doors)
        self._cards = Inputs(CARD_SETTLES_MS, cards)
        self._driven = 0
        self._driven_until = 0

    def doors_open(self) -> list[int]:
        """Slots whose doors stand open."""
        return [bit + 1 for bit in numbers(self._doors.bits)]

    def cards(self) -> list[int]:
        """Slots that hold a card."""
        return [bit + 1 for bit in numbers(self._cards.bits)]

    def open(self, slot: int, now: int) -> tuple[int, int]:
        """Begin to open a slot: (code, detail)."""
        if not 1 <= slot <= self.count:
            return NO_SUCH_SLOT, 0
        standing = self.doors_open()
        if standing:
            others = [door for door in standing if door != slot]
            return (OTHER_OPEN, others[0]) if others else (ALREADY_OPEN, 0)
        if not self._coil.free(now):
            return BUSY, 0
        self._driven = slot
        self._counters.opened(slot)
        self._coil.on(slot, now)
        return OK, 0

    def scan(self, doors: int, cards: int, now: int) -> None:
        """Once each turn of the loop."""
        if self._driven and self._coil.output == self._driven:
            self._driven_until = now + GRACE_MS
        for bit in self._doors.scan(doors, now):
            self._door(bit + 1, self._doors.on(bit), now)
        for bit in self._cards.scan(cards, now):
            self._events.add(CARD, bit + 1, int(self._cards.on(bit)), now)

    def limit(self, slot: int, lasted_ms: int, now: int) -> None:
        """The coil of this slot has run into its limit."""
        self._events.add(COIL_LIMIT, slot, lasted_ms, now)
        if not self._doors.on(slot - 1):
            self.jammed.add(slot)
            self._events.add(JAM, slot, 0, now)

    def _door(self, slot: int, is_open: bool, now: int) -> None:
        if not is_open:
            self._events.add(DOOR, slot, DOOR_CLOSED, now)
            return
        commanded = slot == self._driven and now <= self._driven_until
        self.jammed.discard(slot)
        self._events.add(DOOR, slot, DOOR_OPENED if commanded else DOOR_FORCED, now)
        if 1 <= self._coil.output <= self.count:
            if not commanded:
                self._events.add(JAM, self._driven, 0, now)
            self._coil.off(now)
        if commanded:
            self._driven = 0
