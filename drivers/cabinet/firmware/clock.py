"""Milliseconds that never wrap, out of a counter that does. Pure."""


class Clock:
    """Call it at least once in half the counter's round."""

    def __init__(self, ticks, difference) -> None:  # type: ignore[no-untyped-def]
        """`ticks()` counts milliseconds and wraps; `difference(new, old)` knows how (MicroPython's ticks_diff)."""
        self._ticks = ticks
        self._difference = difference
        self._last = ticks()
        self._now = 0

    def __call__(self) -> int:
        """Milliseconds since it was made."""
        ticks = self._ticks()
        self._now += max(0, self._difference(ticks, self._last))
        self._last = ticks
        return self._now
