"""The mechanics of a virtual cabinet: doors, cards, flap and bin, and the hands that reach them. No rule of the firmware.

Rules: a card is taken or put only through an open door; a jammed door does not move; the flap gives way only while it is
unlocked. What locks and counts is above: the in-process cabinet, or the real firmware over its pins. Cards are opaque names, so
that the world outside knows which card lies where.

>>> body = CabinetMechanics(slots=2, cards={1: "card-of-asa"})
>>> body.spring(1)
>>> body.take_card(1)
'card-of-asa'
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from drivers.cabinet.drop import DropEvent
from drivers.cabinet.port import SlotReading

SLOTS = 24
BIN_HOLDS = 50


class MechanicsError(Exception):
    """Raised for what a hand cannot do now: the door is closed, the place is taken, there is no card."""


class CabinetMechanics:
    """Slots with doors, and a drop slot with its bin. `on_change` is called after each change."""

    def __init__(
        self,
        slots: int = SLOTS,
        *,
        cards: Mapping[int, str] | None = None,
        drop: "DropSlotMechanics | None" = None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """`cards` lie in the slots from the start."""
        self.slot_count = slots
        self.drop = drop or DropSlotMechanics(BIN_HOLDS, self._notify)
        """The drop slot and its bin: hands reach it by `drop_card`, `hold_flap`, `fish_card`, `empty_bin`."""
        self._cards = dict(cards or {})
        self._open: int | None = None
        self._jammed: frozenset[int] = frozenset()
        self.on_change = on_change or (lambda: None)

    @property
    def cards(self) -> dict[int, str]:
        """Card in each slot that has one."""
        return dict(self._cards)

    @property
    def open_slot_number(self) -> int | None:
        """The slot whose door stands open."""
        return self._open

    @property
    def jammed(self) -> frozenset[int]:
        """The slots whose doors do not move."""
        return self._jammed

    def seen(self, number: int) -> SlotReading:
        """One slot as its sensors see it."""
        return SlotReading(
            number, "present" if number in self._cards else "empty", "open" if self._open == number else "closed"
        )

    def spring(self, slot: int) -> None:
        """The coil has drawn the bolt: the door springs open, unless it is jammed."""
        if slot not in self._jammed and self._open != slot:
            self._open = slot
            self._moved("door", slot, True)

    def open_door(self, slot: int) -> None:
        """Open a slot's door with the service key; the station sees it by its sensor alone. Raises MechanicsError."""
        if not 1 <= slot <= self.slot_count:
            raise MechanicsError(f"there is no slot {slot}")
        if slot in self._jammed:
            raise MechanicsError(f"the door of slot {slot} is jammed")
        if self._open not in (None, slot):
            raise MechanicsError(f"slot {self._open} stands open")
        self._open = slot
        self._moved("door", slot, True)

    def take_card(self, slot: int) -> str:
        """Take the card out of an open slot. Raises MechanicsError."""
        self._need_open(slot)
        if slot not in self._cards:
            raise MechanicsError(f"slot {slot} is empty")
        token = self._cards.pop(slot)
        self._moved("card", slot, False)
        return token

    def put_card(self, slot: int, token: str) -> None:
        """Put a card into an open slot. Raises MechanicsError."""
        self._need_open(slot)
        if slot in self._cards:
            raise MechanicsError(f"slot {slot} holds a card")
        self._cards[slot] = token
        self._moved("card", slot, True)

    def close_door(self, slot: int) -> None:
        """Close the open door of a slot; one that is closed stays so."""
        if self._open == slot:
            self._open = None
            self._moved("door", slot, False)

    def set_jammed(self, slot: int, jammed: bool = True) -> None:
        """The door of this slot does not move, whatever its coil does."""
        self._jammed = self._jammed | {slot} if jammed else self._jammed - {slot}
        self._moved("jam", slot, jammed)

    def snapshot(self) -> dict[str, Any]:
        """The lasting state as JSON-able data: where the cards are, which door is open, what is jammed."""
        return {
            "cards": {str(slot): token for slot, token in self._cards.items()},
            "open": self._open,
            "jammed": sorted(self._jammed),
            "drop": self.drop.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave. Raises KeyError, TypeError or ValueError for other data."""
        self._cards = {int(slot): str(token) for slot, token in state["cards"].items()}
        self._open = None if state["open"] is None else int(state["open"])
        self._jammed = frozenset(int(slot) for slot in state["jammed"])
        self.drop.restore(state["drop"])
        self._notify()

    def _need_open(self, slot: int) -> None:
        if self._open != slot:
            raise MechanicsError(f"the door of slot {slot} is closed")

    def _moved(self, part: Literal["door", "card", "jam"], slot: int, on: bool) -> None:
        """A door has opened, a card has come, a door is stuck: or, where `on` is false, the opposite."""
        self._notify()

    def _notify(self) -> None:
        self.on_change()


class DropSlotMechanics:
    """One drop slot and its bin. `notify` is called after each change."""

    def __init__(self, holds: int, notify: Callable[[], None]) -> None:
        self.locked = True
        self.count = 0
        """Cards counted into the bin since it was emptied."""
        self._holds = holds
        self._notify = notify
        self._bin: list[str] = []
        self._in_drop: str | None = None
        self._held = False

    @property
    def full(self) -> bool:
        """True while the bin takes no more."""
        return len(self._bin) >= self._holds

    @property
    def binned(self) -> tuple[str, ...]:
        """The cards that lie in the bin, first dropped first."""
        return tuple(self._bin)

    @property
    def at_flap(self) -> str | None:
        """The card that a held flap keeps at the first sensor."""
        return self._in_drop

    def sense(self, event: DropEvent) -> None:
        """One report of a sensor, as it comes from the hardware."""
        self._notify()

    def drop_card(self, token: str) -> None:
        """Push a card through the flap; it falls into the bin, unless the flap is held. Raises MechanicsError."""
        if self.locked:
            raise MechanicsError("the flap is locked")
        if self._in_drop is not None:
            raise MechanicsError("another card lies in the drop slot")
        self._in_drop = token
        self.sense(DropEvent.FLAP)
        self.sense(DropEvent.FIRST)
        self._fall()

    def hold_flap(self, is_held: bool = True) -> None:
        """Hold the flap open, so that a card stays at the first sensor, or let go of it."""
        self._held = is_held
        self._fall()

    def fish_card(self) -> str:
        """Pull back the card that a held flap keeps at the first sensor. Raises MechanicsError."""
        if self._in_drop is None:
            raise MechanicsError("no card lies in the drop slot")
        token, self._in_drop = self._in_drop, None
        self.sense(DropEvent.FIRST)
        return token

    def reach_in(self) -> None:
        """Reach through the flap for the cards: the second sensor sees a hand before the first does. Raises MechanicsError."""
        if self.locked:
            raise MechanicsError("the flap is locked")
        self.sense(DropEvent.FLAP)
        self.sense(DropEvent.SECOND)

    def empty_bin(self) -> tuple[str, ...]:
        """Take all cards out of the bin, which sets its count to nought."""
        cards_out, self._bin, self.count = tuple(self._bin), [], 0
        self._notify()
        return cards_out

    def snapshot(self) -> dict[str, Any]:
        """The lasting state as JSON-able data."""
        return {"bin": list(self._bin), "count": self.count, "in_drop": self._in_drop}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave. Raises KeyError, TypeError or ValueError for other data."""
        self._bin = [str(token) for token in state["bin"]]
        self.count = int(state["count"])
        self._in_drop = None if state["in_drop"] is None else str(state["in_drop"])

    def _fall(self) -> None:
        if self._in_drop is None or self._held:
            return
        token, self._in_drop = self._in_drop, None
        self.sense(DropEvent.SECOND)
        self._bin.append(token)
        self.sense(DropEvent.BIN)
