"""Virtual cards without PC/SC: a backend over `VirtualSlot`s, for the bench, the demo and the tests.

The same rules as a real reader: one connection at a time, a card upside down is mute, and a connection belongs to one
insertion: when the card leaves, every later command is `CardGoneError`, even when the same card is back.

>>> backend = InProcessBackend([VirtualSlot("Bench 0")])
>>> backend.look("Bench 0").presence
<Presence.EMPTY: 'empty'>
"""

import time
from collections.abc import Iterable
from typing import Literal

from drivers.reader.errors import CardBusyError, CardGoneError, MuteCardError, NoCardError, NoReaderError
from drivers.reader.port import NO_READER, Look, Presence
from sim.reader.slot import CardTornError, PluggableCard, VirtualSlot

LOOK_AGAIN_S = 0.05
"""While the reader is not plugged in."""


class InProcessConnection:
    """Exclusive access to one insertion of one virtual card."""

    def __init__(self, backend: "InProcessBackend", slot: VirtualSlot, card: PluggableCard) -> None:
        self._backend = backend
        self._slot = slot
        self.card = card
        self._generation = slot.generation
        self._open = True
        self._torn = False
        self.atr: bytes = card.power_on()
        self.protocol: Literal["T=0", "T=1"] = card.protocol

    def transmit(self, apdu: bytes) -> bytes:
        """One command, one response. Raises CardGoneError where this insertion is over or is torn."""
        with self._slot.changed:
            if not self._open or self._slot.generation != self._generation:
                raise CardGoneError("the card left", reader=self._slot.name)
        try:
            answer = self.card.transmit(apdu)
        except CardTornError:
            self._torn = True
            raise CardGoneError("the card left in the middle", reader=self._slot.name) from None
        with self._slot.changed:
            if self._slot.generation != self._generation:
                raise CardGoneError("the card left in the middle", reader=self._slot.name)
        return answer

    def still_in(self) -> bool:
        with self._slot.changed:
            return self._open and not self._torn and self._slot.generation == self._generation

    def close(self) -> None:
        """Take the card's power and let it go."""
        with self._slot.changed:
            if self._open and self._slot.generation == self._generation:
                self.card.power_off()
            self._open = False
        self._backend.let_go(self._slot.name, self)


class InProcessBackend:
    """Readers that are virtual slots. Slots may be added while it runs (a reader plugged in)."""

    def __init__(self, slots: Iterable[VirtualSlot]) -> None:
        self._slots = {slot.name: slot for slot in slots}
        self.connections: dict[str, InProcessConnection] = {}
        self._cancels: dict[str, int] = {}
        self._cancelled_early: set[str] = set()
        """Readers whose next wait is cancelled, since it may be the one that was meant."""

    def readers(self) -> tuple[str, ...]:
        return tuple(self._slots)

    def usb_address(self, reader: str) -> tuple[int, int] | None:
        """A virtual reader is on no USB."""
        return None

    def connect(self, reader: str) -> InProcessConnection:
        """Raises NoReaderError, NoCardError, MuteCardError, CardBusyError."""
        slot = self._slot(reader)
        with slot.changed:
            if slot.card is None:
                raise NoCardError("the reader is empty", reader=reader)
            if slot.upside_down:
                raise MuteCardError("the card does not answer", reader=reader)
            if reader in self.connections:
                raise CardBusyError("the card is in use", reader=reader)
            connection = self._connection(slot, slot.card)
            self.connections[reader] = connection
            return connection

    def _connection(self, slot: VirtualSlot, card: PluggableCard) -> InProcessConnection:
        """A new connection; a reader with more to it gives one with more to it."""
        return InProcessConnection(self, slot, card)

    def let_go(self, reader: str, connection: InProcessConnection) -> None:
        """Release the card of a connection that was closed."""
        if self.connections.get(reader) is connection:
            del self.connections[reader]

    def look(self, reader: str) -> Look:
        """Return what is in the slot now, with the slot's count of cards that went in or out."""
        slot = self._slots.get(reader)
        if slot is None:
            return NO_READER
        with slot.changed:
            if slot.card is None:
                return Look(Presence.EMPTY, slot.generation)
            return Look(Presence.MUTE if slot.upside_down else Presence.PRESENT, slot.generation)

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        """Block until the slot differs from `last`, or the time is out, or `cancel` is called."""
        slot = self._slots.get(reader)
        if slot is None:
            if last == NO_READER:
                time.sleep(min(timeout_s, LOOK_AGAIN_S))
            return NO_READER
        deadline = time.monotonic() + timeout_s
        with slot.changed:
            cancels = self._cancels.get(reader, 0)
            if reader in self._cancelled_early:
                self._cancelled_early.discard(reader)
                return last
            while self.look(reader) == last:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                slot.changed.wait(left)
                if self._cancels.get(reader, 0) != cancels:
                    return last  # nobody listens any more: what happened meanwhile is for the next one to hear
            return self.look(reader)

    def unplug(self, reader: str) -> None:
        """Take the reader's cable out; whoever waits for it finds it gone."""
        slot = self._slots.pop(reader, None)
        if slot is not None:
            with slot.changed:
                slot.generation += 1
                slot.changed.notify_all()

    def plug(self, slot: VirtualSlot) -> None:
        """Plug a reader in: a new one, or one that was taken out, with what is in it."""
        self._slots[slot.name] = slot

    def cancel(self, reader: str) -> None:
        """Wake whoever waits for a change of that reader."""
        slot = self._slots.get(reader)
        if slot is not None:
            with slot.changed:
                self._cancels[reader] = self._cancels.get(reader, 0) + 1
                self._cancelled_early.add(reader)
                slot.changed.notify_all()

    def _slot(self, reader: str) -> VirtualSlot:
        try:
            return self._slots[reader]
        except KeyError:
            raise NoReaderError("no such reader", reader=reader) from None
