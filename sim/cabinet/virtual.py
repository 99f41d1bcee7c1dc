"""The virtual cabinet: slots, drop slot and bin in the process, with a panel for a bench window and for tests.

Rules, as in the real one: a card is taken or put only through an open door; one door stands open at a time; a coil is
never on longer than its limit, whatever the caller does; the flap is locked except while a drop is watched; a card
counts only by flap, first sensor, second sensor, bin. Cards are opaque names, so that the world outside knows which
card lies where. All methods belong to one event loop.

>>> cabinet = VirtualCabinet(slots=2, cards={1: "card-of-asa"})
>>> cabinet.cards
{1: 'card-of-asa'}

Rules: the flap locks by itself as soon as a watch has ended; the count is the watch's, not the bin's: a card that
reached the bin in another way lies in it uncounted, as in the real one.

>>> slot = VirtualDrop(holds=50, notify=lambda: None)
>>> slot.unlock()
>>> slot.drop_card("old")
>>> slot.outcome(), slot.binned
(Dropped(bin_count=1), ('old',))
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Literal

from drivers.cabinet.drop import DropEvent, DropStage, DropWatch
from drivers.cabinet.port import (
    CabinetFinding,
    CabinetMute,
    CabinetReady,
    CabinetState,
    DropOutcome,
    Dropped,
    Findings,
    NotDropped,
    NotOpened,
    Opened,
    OpenOutcome,
    OpenUnknown,
    SlotFault,
    SlotReading,
)
from sim.cabinet.mechanics import BIN_HOLDS, SLOTS, CabinetMechanics, DropSlotMechanics, MechanicsError

COIL_LIMIT_S = 0.5
DOOR_OPENS_AFTER_S = 0.05
DROP_LIMIT_S = 60.0

__all__ = ["MechanicsError", "VirtualCabinet"]

Sleep = Callable[[float], Awaitable[None]]


class VirtualDrop(DropSlotMechanics):
    """One drop slot with its watch."""

    def __init__(self, holds: int, notify: Callable[[], None]) -> None:
        super().__init__(holds, notify)
        self._watch: DropWatch | None = None

    @property
    def watched(self) -> bool:
        """True while a watch runs, or has ended and nobody has asked how."""
        return self._watch is not None

    @property
    def watch_ended(self) -> bool:
        """True once nothing more can come of this watch, or where there is none."""
        return self._watch is None or self._watch.ended

    def unlock(self) -> None:
        """Unlock the flap and begin to watch."""
        self.locked = False
        self._watch = DropWatch()
        self._notify()

    def lock(self) -> None:
        """Lock the flap and end the watch."""
        self.locked = True
        self._watch = None
        self._notify()

    def outcome(self) -> DropOutcome:
        """Return what has come of the watch, if it ends now."""
        fault = "nothing" if self._watch is None else self._watch.fault()
        return Dropped(self.count) if fault is None else NotDropped(fault)

    def sense(self, event: DropEvent) -> None:
        """One report of a sensor, as it comes from the hardware."""
        if self._watch is not None and not self._watch.ended:
            self._watch = self._watch.after(event)
            self.count += self._watch.stage is DropStage.COUNTED
            self.locked = self.locked or self._watch.ended
        self._notify()


class VirtualCabinet(CabinetMechanics):
    """Implements `drivers.cabinet.port.Cabinet`, and has the panel."""

    drop: VirtualDrop

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
        super().__init__(slots, cards=cards, drop=VirtualDrop(bin_holds, self._notify), on_change=on_change)
        self.name = name
        self.virtual = True
        self.firmware: str | None = None
        """It has no board."""
        self.longest_coil_s = 0.0
        """The longest time that a coil has been on."""
        self.sounds = 0
        """How many tones it was told to give."""
        self._mute = False
        self._answer_lost = False
        self._stuck: set[int] = set()
        """Slots that did not open when they were last asked to."""
        self._drop_limit_s = drop_limit_s
        self._clock = clock
        self._sleep = sleep
        self._coil = asyncio.Lock()
        self._changed = asyncio.Event()

    # The port

    def start(self) -> None: ...

    async def close(self) -> None: ...

    async def state(self) -> CabinetState:
        """The state of all sensors, or why there is none."""
        if self._mute:
            return CabinetMute()
        slots = tuple(self.seen(number) for number in range(1, self.slot_count + 1))
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
    ) -> SlotReading:
        """Wait until the slot's sensors say so. Raises ValueError for a slot that is not there."""
        if not 1 <= number <= self.slot_count:
            raise ValueError(f"there is no slot {number}")

        def reached() -> bool:
            slot = self.seen(number)
            return not self._mute and card in (None, slot.card) and door in (None, slot.door)

        while not reached():
            await self._changed.wait()
        return self.seen(number)

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
        if self.drop.full and not self.drop.watched:
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

    async def clear_bin(self) -> bool:
        """Forget how many cards were counted into the bin."""
        if not self._mute:
            self.drop.count = 0
            self._notify()
        return not self._mute

    def sound(self) -> None:
        """Counted, since nothing here can be heard."""
        if not self._mute:
            self.sounds += 1

    async def self_test(self) -> Findings | None:
        """Return what stands open, and what did not open."""
        if self._mute:
            return None
        wrong = {CabinetFinding.DOOR_OPEN: self._open is not None, CabinetFinding.JAMMED: bool(self._stuck)}
        return frozenset(finding for finding, is_found in wrong.items() if is_found)

    # The panel: faults; the hands are the body's

    def set_mute(self, mute: bool = True) -> None:
        """The cabinet stops answering and locks its flap, or answers again."""
        self._mute = mute
        if mute:
            self.drop.lock()
        self._notify()

    def lose_next_answer(self) -> None:
        """The next opening is carried out, but its answer never reaches the station."""
        self._answer_lost = True

    # The inside

    async def _drive(self, number: int) -> None:
        if number in self._jammed:
            self._stuck.add(number)
            await self._sleep(COIL_LIMIT_S)
            return
        self._stuck.discard(number)
        await self._sleep(DOOR_OPENS_AFTER_S)
        self.spring(number)

    @contextlib.contextmanager
    def _coil_on(self) -> Iterator[None]:
        began = self._clock()
        try:
            yield
        finally:
            self.longest_coil_s = max(self.longest_coil_s, self._clock() - began)

    def _lose_answer(self) -> bool:
        lost, self._answer_lost = self._answer_lost, False
        return lost or self._mute

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        super()._notify()
