"""The drop slot of the in-process cabinet: the mechanics, watched as the firmware watches them.

Rules: the flap locks by itself as soon as a watch has ended; the count is the watch's, not the bin's: a card that
reached the bin in another way lies in it uncounted, as in the real one.

>>> slot = VirtualDrop(holds=50, notify=lambda: None)
>>> slot.unlock()
>>> slot.drop_card("old")
>>> slot.outcome(), slot.binned
(Dropped(bin_count=1), ('old',))
"""

from collections.abc import Callable

from drivers.cabinet.drop import DropEvent, DropStage, DropWatch
from drivers.cabinet.port import DropOutcome, Dropped, NotDropped
from sim.cabinet.mechanics import DropSlotMechanics


class VirtualDrop(DropSlotMechanics):
    """One drop slot with its watch."""

    def __init__(self, holds: int, notify: Callable[[], None]) -> None:
        super().__init__(holds, notify)
        self._watch: DropWatch | None = None

    @property
    def watched(self) -> bool:
        """Whether a watch runs, or has ended and nobody has asked how."""
        return self._watch is not None

    @property
    def watch_ended(self) -> bool:
        """Whether nothing more can come of this watch (or there is none)."""
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
        """What has come of the watch, if it ends now."""
        fault = "nothing" if self._watch is None else self._watch.fault()
        return Dropped(self.count) if fault is None else NotDropped(fault)

    def sense(self, event: DropEvent) -> None:
        """One report of a sensor, as it comes from the hardware."""
        if self._watch is not None and not self._watch.ended:
            self._watch = self._watch.after(event)
            self.count += self._watch.stage is DropStage.COUNTED
            self.locked = self.locked or self._watch.ended
        self._notify()
