"""The virtual cabinet: slots, drop slot and bin in the process, with a panel for a bench window and for tests.

Rules, as in the real one: a card is taken or put only through an open door; one door stands open at a time; a coil is
never on longer than its limit, whatever the caller does; the flap is locked except while a drop is watched; a card
counts only by flap, first sensor, second sensor, bin. Cards are opaque names, so that the world outside knows which
card lies where. All methods belong to one event loop.

>>> cabinet = VirtualCabinet(slots=2, cards={1: "card-of-asa"})
>>> cabinet.cards
{1: 'card-of-asa'}
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal

from drivers.cabinet.port import (
    CabinetMute,
    CabinetReady,
    CabinetState,
    DropOutcome,
    NotDropped,
    NotOpened,
    Opened,
    OpenOutcome,
    OpenUnknown,
    Slot,
    SlotFault,
)
from drivers.cabinet.virtual_drop import PanelError, VirtualDrop

SLOTS = 24
COIL_LIMIT_S = 0.5
DOOR_OPENS_AFTER_S = 0.05
DROP_LIMIT_S = 60.0
BIN_HOLDS = 50

__all__ = ["PanelError", "VirtualCabinet"]

Sleep = Callable[[float], Awaitable[None]]


class VirtualCabinet:
    """Implements `drivers.cabinet.port.Cabinet`, and has the panel."""

    def __init__(
        self,
        slots: int = SLOTS,
        *,
        cards: Mapping[int, str] | None = None,
        name: str = "virtual cabinet",
        bin_holds: int = BIN_HOLDS,
        drop_limit_s: float = DROP_LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """`cards` lie in the slots from the start. `clock` and `sleep` count seconds of the same time."""
        self.name = name
        self.virtual = True
        self.slot_count = slots
        self.longest_coil_s = 0.0
        """The longest time that a coil has been on."""
        self._cards = dict(cards or {})
        self._open: int | None = None
        self._jammed: frozenset[int] = frozenset()
        self._mute = False
        self._answer_lost = False
        self._drop_limit_s = drop_limit_s
        self._clock = clock
        self._sleep = sleep
        self._on_change = on_change or (lambda: None)
        self._coil = asyncio.Lock()
        self._changed = asyncio.Event()
        self.drop = VirtualDrop(bin_holds, self._notify)
        """The drop slot and its bin: hands reach it by `drop_card`, `hold_flap`, `fish_card`, `empty_bin`."""

    # The port

    async def state(self) -> CabinetState:
        """All sensors now."""
        if self._mute:
            return CabinetMute()
        slots = tuple(self._slot(number) for number in range(1, self.slot_count + 1))
        return CabinetReady(slots, self.drop.count, self.drop.full)

    async def open_slot(self, number: int) -> OpenOutcome:
        """Drive one lock until its door is open, or for COIL_LIMIT_S."""
        if self._mute:
            return NotOpened(SlotFault.MUTE)
        if not 1 <= number <= self.slot_count:
            return NotOpened(SlotFault.NO_SUCH_SLOT)
        async with self._coil:
            if self._open not in (None, number):
                return NotOpened(SlotFault.OTHER_OPEN)
            if self._open is None:
                with self._coil_on():
                    await self._drive(number)
        if self._lose_answer():
            return OpenUnknown()
        return Opened() if self._open == number else NotOpened(SlotFault.JAMMED)

    async def wait_slot(
        self, number: int, *, card: Literal["present", "empty"] | None, door: Literal["open", "closed"] | None
    ) -> Slot:
        """Wait until the slot's sensors say so. Raises ValueError for a slot that is not there."""
        if not 1 <= number <= self.slot_count:
            raise ValueError(f"there is no slot {number}")

        def reached() -> bool:
            slot = self._slot(number)
            return not self._mute and card in (None, slot.card) and door in (None, slot.door)

        while not reached():
            await self._changed.wait()
        return self._slot(number)

    async def open_drop(self) -> OpenOutcome:
        """Unlock the flap; a full bin keeps it locked."""
        if self._mute:
            return NotOpened(SlotFault.MUTE)
        if self.drop.full:
            return NotOpened(SlotFault.BIN_FULL)
        self.drop.unlock()
        return OpenUnknown() if self._lose_answer() else Opened()

    async def wait_drop(self) -> DropOutcome:
        """Wait until a card has passed into the bin, or for the drop's time limit; then lock the flap."""
        if self.drop.full:
            return NotDropped("full")
        limit = asyncio.ensure_future(self._sleep(self._drop_limit_s))
        try:
            while not (self._mute or self.drop.watch_ended or limit.done()):
                change = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({limit, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
            return NotDropped("mute") if self._mute else self.drop.outcome()
        finally:
            limit.cancel()
            self.drop.lock()

    # The panel: hands, and faults

    @property
    def cards(self) -> dict[int, str]:
        """Which card lies in which slot."""
        return dict(self._cards)

    @property
    def open_slot_number(self) -> int | None:
        """The slot whose door stands open."""
        return self._open

    @property
    def jammed(self) -> frozenset[int]:
        """The slots whose doors do not move."""
        return self._jammed

    def open_door(self, slot: int) -> None:
        """Open a slot's door with the service key; the station sees it by its sensor alone. Raises PanelError."""
        if not 1 <= slot <= self.slot_count:
            raise PanelError(f"there is no slot {slot}")
        if slot in self._jammed:
            raise PanelError(f"the door of slot {slot} is jammed")
        if self._open not in (None, slot):
            raise PanelError(f"slot {self._open} stands open")
        self._open = slot
        self._notify()

    def take_card(self, slot: int) -> str:
        """Take the card out of an open slot. Raises PanelError."""
        self._need_open(slot)
        if slot not in self._cards:
            raise PanelError(f"slot {slot} is empty")
        token = self._cards.pop(slot)
        self._notify()
        return token

    def put_card(self, slot: int, token: str) -> None:
        """Put a card into an open slot. Raises PanelError."""
        self._need_open(slot)
        if slot in self._cards:
            raise PanelError(f"slot {slot} holds a card")
        self._cards[slot] = token
        self._notify()

    def close_door(self, slot: int) -> None:
        """Close the open door of a slot; one that is closed stays so."""
        if self._open == slot:
            self._open = None
            self._notify()

    def set_jammed(self, slot: int, jammed: bool = True) -> None:
        """The door of this slot does not move, whatever its coil does."""
        self._jammed = self._jammed | {slot} if jammed else self._jammed - {slot}

    def set_mute(self, mute: bool = True) -> None:
        """The cabinet stops answering and locks its flap, or answers again."""
        self._mute = mute
        if mute:
            self.drop.lock()
        self._notify()

    def lose_next_answer(self) -> None:
        """The next opening is carried out, but its answer never reaches the station."""
        self._answer_lost = True

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

    # The inside

    def _slot(self, number: int) -> Slot:
        return Slot(
            number, "present" if number in self._cards else "empty", "open" if self._open == number else "closed"
        )

    async def _drive(self, number: int) -> None:
        if number in self._jammed:
            await self._sleep(COIL_LIMIT_S)
            return
        await self._sleep(DOOR_OPENS_AFTER_S)
        self._open = number
        self._notify()

    @contextlib.contextmanager
    def _coil_on(self) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self.longest_coil_s = max(self.longest_coil_s, self._clock() - began)

    def _need_open(self, slot: int) -> None:
        if self._open != slot:
            raise PanelError(f"the door of slot {slot} is closed")

    def _lose_answer(self) -> bool:
        lost, self._answer_lost = self._answer_lost, False
        return lost or self._mute

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._on_change()
