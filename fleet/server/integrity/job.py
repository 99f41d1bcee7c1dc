"""Nightly check of the store: what came since the night before, and once a week all of it; the result is kept and told.

Rules: once a day by the local clock, which is passed in, from `FROM_HOUR` on; a clock that leaps makes it look once more, or a
day later, and does no harm. After a night with differences the next one looks at all of it, until a whole check finds none. It
rests after each page of events, so that whoever shares the process hardly feels it; it ends with the server. A database that is
away is tried again at the next look.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fleet.server.clock.time_zones import HERE
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.integrity.model import LastCheck
from fleet.server.integrity.queries import keep_check, last_check, last_watermarks
from fleet.server.integrity.service import StoreCheck, check_store
from fleet.server.stations.alarms import STORE_DIFFERS, Alarm, raise_alarm

LOOK_EVERY_S = 300.0
FROM_HOUR = 2
WHOLE_EVERY = timedelta(days=7)
REST_S = 0.02
"""After a page of events, which takes about as long."""
MOST_IN_ALARM, MOST_IN_LOG = 3, 50

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The server ends."""


def is_due(last: LastCheck | None, now: datetime) -> bool:
    """Return whether a check is due. `now` is the local time."""
    return now.hour >= FROM_HOUR and (last is None or last.at.astimezone(now.tzinfo).date() != now.date())


def is_whole(last: LastCheck | None, now: datetime) -> bool:
    """Return whether the whole store has to be checked."""
    return last is None or last.whole_at is None or last.count > 0 or abs(now - last.whole_at) >= WHOLE_EVERY


@dataclass(slots=True)
class NightlyCheck:
    database: Database
    clock: Callable[[], datetime]
    rest_s: float = REST_S
    _ends: threading.Event = field(default_factory=threading.Event)

    async def run(self) -> None:
        """Until cancelled. May be run again."""
        self._ends.clear()
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                await asyncio.to_thread(self.look)
        finally:
            self.end()

    def end(self) -> None:
        """A check that runs in another thread stops at its next rest."""
        self._ends.set()

    def look(self) -> StoreCheck | None:
        """Check if it is due. None where nothing was owed, the store is away, or the server ends."""
        now = self.clock()
        try:
            with self.database.reading.begin() as connection:
                last = last_check(connection)
                watermarks = None if is_whole(last, now) else last_watermarks(connection)
            if not is_due(last, now.astimezone(HERE)):
                return None
            check = check_store(self.database, watermarks, pause=self._rest)
            self._keep(check, now, last)
        except READ_FAULTS as error:
            _log.error("the store could not be checked, and is tried again: %s", type(error).__name__)
            return None
        except _EndedError:
            return None
        return check

    def _rest(self) -> None:
        if self._ends.wait(self.rest_s):
            raise _EndedError

    def _keep(self, check: StoreCheck, now: datetime, last: LastCheck | None) -> None:
        with self.database.writing.begin() as connection:
            keep_check(connection, check, now, last)
            if check.count:
                raise_alarm(connection, Alarm("", STORE_DIFFERS, _summary(check)), now)
        kind = "all of it" if check.whole else "what is new"
        _log.info("the store was checked (%s): %d events, %d differences", kind, check.events, check.count)
        for difference in check.differences[:MOST_IN_LOG]:
            _log.error("the store differs: %s", difference)


def _summary(check: StoreCheck) -> str:
    """The first few and how many more: the whole list is in the log, and had by `verify-store`."""
    listed = "; ".join(map(str, check.differences[:MOST_IN_ALARM]))
    return listed if check.count <= MOST_IN_ALARM else f"{listed}; +{check.count - MOST_IN_ALARM}"
