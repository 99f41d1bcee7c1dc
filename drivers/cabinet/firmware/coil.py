"""One coil at a time, never longer than its limit, and a rest after it (I7). Pure.

Rules: whoever asks, on whichever message, comes through here. The time counts from when the coil was switched on; a
clock that goes back ends it at once. A tenth of the limit is kept in hand for a loop that comes round late; the board
arms a timer of its own with the whole limit beside this, for a program that hangs.
"""

from drivers.cabinet.firmware.ports import Pins
from drivers.cabinet.messages import COIL_LIMIT_MS

REST_MS = 200
"""After a coil that opened its door."""
COOL_MS = 1000
"""After one that ran into its limit: at most a third of the time on, whatever the host asks."""


class Coil:
    """All coils of the cabinet, of which at most one is on."""

    def __init__(self, pins: Pins, limit_ms: int) -> None:
        """`limit_ms` only lowers the firmware's own."""
        self._pins = pins
        self.limit_ms = max(1, min(limit_ms, COIL_LIMIT_MS))
        self._switched_off_after_ms = self.limit_ms - self.limit_ms // 10
        self.output = 0
        """The one that is on: a slot's number or FLAP_COIL; 0 for none."""
        self._began = 0
        self._rested: int | None = None
        pins.release()

    def free(self, now: int) -> bool:
        """Return whether one may be switched on now."""
        return self.output == 0 and (self._rested is None or now >= self._rested)

    def on(self, output: int, now: int) -> None:
        """Switch one on. Raises ValueError where `free` is false."""
        if not self.free(now):
            raise ValueError("a coil is on or cools down")
        self.output, self._began = output, now
        self._pins.drive(output, self.limit_ms)

    def off(self, now: int, rest_ms: int = REST_MS) -> None:
        """Switch off what is on."""
        self._pins.release()
        if self.output:
            self.output, self._rested = 0, now + rest_ms

    def tick(self, now: int) -> "tuple[int, int] | None":
        """Once each turn of the loop: (output, ms that it was on) of a coil that has just run into its limit."""
        lasted = now - self._began
        if not self.output or 0 <= lasted < self._switched_off_after_ms:
            return None
        output = self.output
        self.off(now, COOL_MS)
        return output, max(0, lasted)
