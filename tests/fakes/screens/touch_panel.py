"""A made-up multi-touch panel behind Kivy's `mtdev` provider: what libmtdev would give it, in slots (protocol B).

Kivy's provider itself is the real one, with its thread. The kernel's rules are kept: a position that did not change is dropped.
"""

import queue
from dataclasses import dataclass
from types import SimpleNamespace

SYN, ABS, REPORT = 0, 3, 0
SLOT, X, Y, TRACKING = 0x2F, 0x35, 0x36, 0x39
GONE = -1


@dataclass(frozen=True, slots=True)
class Event:
    type: int
    code: int
    value: int


class MadeUpPanel:
    """One panel of `width` by `height` units; stands for `kivy.lib.mtdev.Device`."""

    def __init__(self, width: int, height: int) -> None:
        self._last = {X: width, Y: height}
        self._seen: dict[int, int] = {}
        self._frames: queue.Queue[list[Event] | None] = queue.Queue()
        self._pending: list[Event] = []
        self._fingers = 0
        self._plugged = True
        self.opened: list[str] = []

    def __call__(self, path: str) -> "MadeUpPanel":
        self.opened.append(path)
        return self

    def __bool__(self) -> bool:
        """The provider's thread reads for as long as this holds."""
        return self._plugged

    def get_abs(self, index: int) -> SimpleNamespace:
        """Limits of an axis: mtdev numbers them from 0, x and y as `MTDEV_ABS_POSITION_X` and `_Y`."""
        from kivy.lib import mtdev

        axis = {mtdev.MTDEV_ABS_POSITION_X: X, mtdev.MTDEV_ABS_POSITION_Y: Y}.get(index)
        return SimpleNamespace(minimum=0, maximum=self._last[axis] if axis else 255)

    def idle(self, timeout_ms: int) -> bool:
        """Wait for events; True where none came."""
        if not self._pending:
            try:
                frame = self._frames.get(timeout=timeout_ms / 1000)
            except queue.Empty:
                return True
            self._plugged = frame is not None
            self._pending = frame or []
        return False

    def get(self) -> Event | None:
        return self._pending.pop(0) if self._pending else None

    def close(self) -> None: ...

    def end(self) -> None:
        """Nobody reads it any more."""
        self._frames.put(None)

    def tap(self, x: int, y: int) -> None:
        """One finger down and up again, in the panel's own units from its upper left."""
        self._fingers += 1
        down = [Event(ABS, SLOT, 0), Event(ABS, TRACKING, self._fingers)]
        down += [Event(ABS, axis, value) for axis, value in ((X, x), (Y, y)) if self._seen.get(axis) != value]
        self._seen = {X: x, Y: y}
        self._frames.put([*down, Event(SYN, REPORT, 0)])
        self._frames.put([Event(ABS, TRACKING, GONE), Event(SYN, REPORT, 0)])
