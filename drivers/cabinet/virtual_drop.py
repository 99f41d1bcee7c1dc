"""The drop slot of the virtual cabinet: flap, two sensors and bin, and the hands that reach it.

Rules: the flap locks by itself as soon as a watch has ended; the count is the watch's, not the bin's: a card that
reached the bin in another way lies in it uncounted, as in the real one.

>>> slot = VirtualDrop(holds=50, notify=lambda: None)
>>> slot.unlock()
>>> slot.drop_card("old")
>>> slot.outcome(), slot.binned
(Dropped(bin_count=1), ('old',))
"""

from collections.abc import Callable, Mapping
from typing import Any

from drivers.cabinet.drop import DropEvent, DropWatch, Stage
from drivers.cabinet.port import DropOutcome, Dropped, NotDropped


class PanelError(Exception):
    """A hand cannot do that now: the door is closed, the place is taken, there is no card."""


class VirtualDrop:
    """One drop slot and its bin. `notify` is called after each change."""

    def __init__(self, holds: int, notify: Callable[[], None]) -> None:
        self._holds = holds
        self._notify = notify
        self._bin: list[str] = []
        self._in_drop: str | None = None
        self._held = False
        self._watch: DropWatch | None = None
        self.locked = True
        self.count = 0
        """Cards counted into the bin since it was emptied."""

    # The cabinet

    @property
    def full(self) -> bool:
        """Whether the bin takes no more."""
        return len(self._bin) >= self._holds

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
            self.count += self._watch.stage is Stage.COUNTED
            self.locked = self.locked or self._watch.ended
        self._notify()

    # Hands

    @property
    def binned(self) -> tuple[str, ...]:
        """The cards that lie in the bin, first dropped first."""
        return tuple(self._bin)

    @property
    def at_flap(self) -> str | None:
        """The card that a held flap keeps at the first sensor."""
        return self._in_drop

    def drop_card(self, token: str) -> None:
        """Push a card through the flap; it falls into the bin, unless the flap is held. Raises PanelError."""
        if self.locked:
            raise PanelError("the flap is locked")
        if self._in_drop is not None:
            raise PanelError("another card lies in the drop slot")
        self._in_drop = token
        self.sense(DropEvent.FLAP)
        self.sense(DropEvent.FIRST)
        self._fall()

    def hold_flap(self, held: bool = True) -> None:
        """Hold the flap open, so that a card stays at the first sensor, or let go of it."""
        self._held = held
        self._fall()

    def fish_card(self) -> str:
        """Pull back the card that a held flap keeps at the first sensor. Raises PanelError."""
        if self._in_drop is None:
            raise PanelError("no card lies in the drop slot")
        token, self._in_drop = self._in_drop, None
        self.sense(DropEvent.FIRST)
        return token

    def empty_bin(self) -> tuple[str, ...]:
        """Take all cards out of the bin, which sets its count to nought."""
        taken, self._bin, self.count = tuple(self._bin), [], 0
        self._notify()
        return taken

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
