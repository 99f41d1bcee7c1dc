"""Clock that a leap does not move: it goes by the machine's clock while that is even, by the monotonic one after a leap.

So what is received, signed and told to stations keeps its true date while a person is asked. Steps of less than six hours are
followed: time synchronization makes them.

>>> from datetime import UTC
>>> shown, passed = [datetime(2026, 6, 1, tzinfo=UTC)], [0.0]
>>> clock = SteadyClock(lambda: shown[0], lambda: passed[0])
>>> shown[0], passed[0] = datetime(2036, 6, 1, tzinfo=UTC), 60.0
>>> clock().isoformat(), clock.off.days
('2026-06-01T00:01:00+00:00', 3652)
>>> clock.accept()
>>> clock().year
2036
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from fleet.server.clock.clock_check import LEAP


class SteadyClock:
    """For all threads of a process. `shown` is the machine's clock, `monotonic` counts seconds."""

    def __init__(self, shown: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._monotonic = shown, monotonic
        self._lock = threading.Lock()
        self._at, self._counted = shown(), monotonic()

    def __call__(self) -> datetime:
        with self._lock:
            shown, counted = self._shown(), self._monotonic()
            expected = self._at + timedelta(seconds=counted - self._counted)
            now = expected if abs(shown - expected) > LEAP else shown
            self._at, self._counted = now, counted
            return now

    @property
    def shown(self) -> datetime:
        """Time that the machine's clock shows."""
        return self._shown()

    @property
    def off(self) -> timedelta:
        """Lead of the machine's clock over this one; next to nothing but after a leap."""
        now = self()
        return self._shown() - now

    def hold(self, at: datetime) -> None:
        """Go on from there: the machine's clock cannot be right."""
        with self._lock:
            self._at, self._counted = at, self._monotonic()

    def accept(self) -> None:
        """Go by the machine's clock from now on: somebody has confirmed it."""
        with self._lock:
            self._at, self._counted = self._shown(), self._monotonic()
