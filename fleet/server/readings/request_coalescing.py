"""Request coalescing: the list of all stations, read once for all who ask at the same time.

Rule: nobody gets a list whose reading began before the question, so that a page never misses the change that it was told of.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from fleet.server.platform.local_days import start_of_day
from fleet.server.stations.model import StationRow


class SharedStationList:
    def __init__(
        self, read: Callable[[datetime], Sequence[StationRow]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._day: datetime | None = None
        self._rows: Sequence[StationRow] = ()

    def rows(self, now: datetime) -> Sequence[StationRow]:
        """All stations with the errands of that day. Raises what reading raises."""
        asked, day = self._monotonic(), start_of_day(now)
        with self._lock:
            began = self._monotonic()
            if self._began < asked or self._day != day:
                self._rows = self._read(now)
                self._began, self._day = began, day
            return self._rows
