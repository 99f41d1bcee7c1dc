"""Deduplicated audit of person look-ups: a page that refreshes every few seconds is not a new look-up each time.

>>> looks, now = LookupDeduplication(), datetime(2026, 6, 1)
>>> looks.is_new("tove at O-1", now), looks.is_new("tove at O-1", now + timedelta(minutes=1))
(True, False)
"""

import threading
from collections.abc import Hashable
from datetime import datetime, timedelta

ONE_LOOK = timedelta(minutes=5)
_MOST = 10_000


class LookupDeduplication:
    """Recent looks in this process. Thread-safe. Those that it has no room for are told again, never left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Hashable, datetime] = {}

    def goes_on(self, look: Hashable, now: datetime) -> bool:
        """Return whether a look has begun and is not over."""
        begun = self._seen.get(look)
        return begun is not None and begun <= now < begun + ONE_LOOK

    def is_new(self, look: Hashable, now: datetime) -> bool:
        with self._lock:
            if self.goes_on(look, now):
                return False
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen[look] = now
        return True
