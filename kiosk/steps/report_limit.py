"""Rate limiting of cards that are reported by their number alone: so many in one visit, and then a person is asked.

A visit ends with a pause. Time is passed in, by the monotonic clock.

>>> limit = ReportLimit()
>>> [limit.allow(float(second)) for second in (0, 60, 120)], limit.allow(120 + PAUSE_S)
([True, True, False], True)
"""

MOST = 2
"""Cards by number in one visit (docs/rules.md, "Who may")."""
PAUSE_S = 600.0
"""Nobody reported anything for so long: the next one is another visit."""


class ReportLimit:
    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    def allow(self, now: float) -> bool:
        """Return whether one more may be reported; if so it is counted."""
        if self._count and now - self._last >= PAUSE_S:
            self._count = 0
        if self._count >= MOST:
            return False
        self._count, self._last = self._count + 1, now
        return True
