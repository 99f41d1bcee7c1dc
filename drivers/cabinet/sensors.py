"""Parser of the board's STATE message. Pure.

>>> Sensors(slots=(), bin_count=0, flags=messages.FLAG_BIN_FULL).bin_full
True
"""

from dataclasses import dataclass
from typing import Literal

from drivers.cabinet import messages
from drivers.cabinet.port import CabinetReady, SlotReading
from drivers.cabinet.protocol import Message, slots_of


@dataclass(frozen=True, slots=True)
class Sensors:
    """All sensors at one moment. `flags` are the bits of `messages`."""

    slots: tuple[SlotReading, ...]
    bin_count: int
    flags: int
    jammed: frozenset[int] = frozenset()

    @property
    def bin_full(self) -> bool:
        """True while the bin takes no more."""
        return bool(self.flags & messages.FLAG_BIN_FULL)

    @property
    def tampered(self) -> bool:
        """True while the cabinet's own case is open: then everything stays locked."""
        return bool(self.flags & messages.FLAG_TAMPER)

    def slot(self, number: int) -> SlotReading:
        """One slot. Raises IndexError for one that is not there."""
        return self.slots[number - 1]

    def ready(self) -> CabinetReady:
        """As the station sees it."""
        return CabinetReady(self.slots, self.bin_count, self.bin_full)


def parse_state(message: Message, slots: int, features: int) -> Sensors:
    """A STATE of a board with so many slots. Raises KeyError for another message."""
    opened, cards = slots_of(message.octets("doors_open")), slots_of(message.octets("cards"))
    seen = bool(features & messages.HAS_CARD_SENSORS)

    def card(number: int) -> Literal["present", "empty", "unknown"]:
        return ("present" if number in cards else "empty") if seen else "unknown"

    return Sensors(
        tuple(SlotReading(n, card(n), "open" if n in opened else "closed") for n in range(1, slots + 1)),
        message.number("bin_count"),
        message.number("flags"),
        frozenset(slots_of(message.octets("jammed"))),
    )
