"""Watch on the server's clock, a loop of each process: looks every minute, keeps what it saw, holds the date after a leap.

Rules: at the start the store is the witness. A clock behind it, or more than 30 days ahead (no server is off for so long
unnoticed), is not gone by at all: dates go on from the store's newest until a person confirms. A clock that is ahead by less may
be that of a server that was off: dates follow it, and batches wait.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from fleet.server.clock.clock_check import LEAP, ClockCheck
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.database.database import Database
from fleet.server.guards.service import last_clock_reading, newest_date, observe_clock

LOOK_EVERY_S = 60.0
PLAUSIBLE_OFF = timedelta(days=30)

_log = logging.getLogger(__name__)


class ClockWatch:
    """One for a process. `clock` is what the process goes by; where it is no `SteadyClock`, leaps are seen in the store alone."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._steady = clock if isinstance(clock, SteadyClock) else None
        self._has_leapt = False
        self._lock = threading.Lock()

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except SQLAlchemyError as error:
                _log.error("the clock cannot be compared with the store just now: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    def begin(self) -> ClockCheck:
        """The first look of a process, before anything is dated. Raises SQLAlchemyError."""
        with self._database.reading.begin() as connection:
            last, newest = last_clock_reading(connection), newest_date(connection)
        before = max((moment for moment in (last.seen if last else None, newest) if moment is not None), default=None)
        if self._steady is not None and before is not None:
            ahead = self._clock() - before
            if ahead < -LEAP or ahead > PLAUSIBLE_OFF:
                self._steady.hold(before)
        return self.look()

    def look(self) -> ClockCheck:
        """Compare, and keep it. A clock that somebody has confirmed since is gone by again. Raises SQLAlchemyError."""
        with self._lock, self._database.writing.begin() as connection:
            if self._has_leapt and self._steady is not None:
                last = last_clock_reading(connection)
                if last is not None and last.leapt is None:
                    self._steady.accept()
                    self._has_leapt = False
            off = self._steady.off if self._steady is not None else timedelta()
            look = observe_clock(connection, self._clock(), off)
            self._has_leapt = self._has_leapt or abs(off) > LEAP
        if look.leapt:
            _log.error("the server's clock has leapt: what cannot be undone waits until a person confirms it")
        return look

    def trouble(self) -> str | None:
        """For `health`: a word where the clock waits for a person."""
        with self._database.reading.begin() as connection:
            last = last_clock_reading(connection)
        return "leapt" if last is not None and last.leapt is not None else None
