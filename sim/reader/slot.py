"""Slot of an in-process card reader: where a virtual card is put in and pulled out.

The bench (and a test) inserts and removes; the in-process backend connects and waits. The two meet here,
over the few things that a contact reader knows: is there a card, does it answer, is it the same insertion.

Rules: `changed` guards every attribute; `generation` grows by one on each insert and each remove, so a
connection that remembers its generation can tell that *its* card left, even when the same card is back.

>>> slot = VirtualSlot("Bench 0")
>>> slot.card is None, slot.generation
(True, 0)
"""

import threading
from typing import Literal, Protocol


class CardTornError(Exception):
    """The contact broke during an exchange: whoever sent the command cannot know whether the card did it."""


class PluggableCard(Protocol):
    """Card as a reader needs it (`sim.reader.cards.VirtualCard` is one)."""

    atr: bytes
    """Answer to reset, ISO/IEC 7816-3 clause 8."""
    protocol: Literal["T=0", "T=1"]

    def power_on(self) -> bytes:
        """Cold reset: nothing is selected, no code is verified. Gives the ATR."""

    def power_off(self) -> None:
        """Take the power away. Counters and codes are kept, security status is lost."""

    def reset(self) -> bytes:
        """Warm reset, with the effects of `power_on`. Gives the ATR."""

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command APDU for one response APDU. Raises CardTornError where the contact broke."""


class VirtualSlot:
    """One virtual contact reader with room for one card."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed = threading.Condition()
        self.card: PluggableCard | None = None
        self.upside_down = False
        self.generation = 0

    def insert(self, card: PluggableCard, *, upside_down: bool = False) -> None:
        """Put a card in; upside down it is seen but never answers. Raises ValueError where one is in."""
        with self.changed:
            if self.card is not None:
                raise ValueError(f"{self.name} already holds a card")
            self.card = card
            self.upside_down = upside_down
            self._count()

    def remove(self) -> PluggableCard | None:
        """Pull the card out, and give it; None where the slot was empty. A card that leaves has no power."""
        with self.changed:
            card, self.card = self.card, None
            self.upside_down = False
            if card is not None:
                card.power_off()
                self._count()
            return card

    def _count(self) -> None:
        self.generation += 1
        self.changed.notify_all()
