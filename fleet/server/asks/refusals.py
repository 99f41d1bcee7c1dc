"""Audit of asks that are refused: counted for `/metrics`, one alarm for a station and hour, and a log that cannot be flooded.

Rules: only stations that the store knows get an alarm, since a broker that lies can make names up. A replay is counted and no
alarm: a broker may deliver twice what it was not told is done. All lines of the log together come at most every `LINE_EVERY_S`,
after the first `LINES_AT_ONCE`.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from fleet.messages.pacing import TokenBucket
from fleet.server.database.database import Database
from fleet.server.stations.alarms import TOO_MANY_ASKS, UNSIGNED_ASK, Alarm, AlarmRecorder
from fleet.server.stations.tables import stations

ALARM_EVERY = timedelta(hours=1)
LINES_AT_ONCE, LINE_EVERY_S = 20, 5.0
BELIEVED = "believed"
SPENT = "spent"
ALARMING = frozenset({"unsigned", "stranger", "other_station", "revoked", "not_valid", SPENT})
"""Somebody else spoke for the station, it spoke with what it may not use any more, or it asks without end."""
MOST_LOOKED_UP = 1_000
"""Names an hour that the store is asked for."""

_log = logging.getLogger(__name__)


class Refusals:
    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        counts: Counter[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`counts`: asks by what came of them, `BELIEVED` or the code of why not."""
        self._database, self._alarms, self._clock, self._monotonic = database, AlarmRecorder(database), clock, monotonic
        self._lines = TokenBucket(LINES_AT_ONCE, 1 / LINE_EVERY_S, monotonic())
        self._hour: datetime | None = None
        self._alarmed: set[str] = set()
        self.counts = counts

    async def note(self, station: str, reason: str) -> None:
        """One ask was refused. Never raises for the store."""
        self.counts[reason] += 1
        if self._lines.take(self._monotonic()):
            _log.warning("%s: an ask is refused (%s; %d of them so far)", station, reason, self.counts[reason])
        if reason in ALARMING and self._is_due(station):
            try:
                await asyncio.to_thread(self._alarm, station, reason)
            except SQLAlchemyError as error:
                self._alarmed.discard(station)
                _log.error("the alarm of an ask that was refused cannot be kept: %s", type(error).__name__)

    def _is_due(self, station: str) -> bool:
        now = self._clock()
        if self._hour is None or not self._hour <= now < self._hour + ALARM_EVERY:
            self._hour = now
            self._alarmed.clear()
        if station in self._alarmed or len(self._alarmed) >= MOST_LOOKED_UP:
            return False
        self._alarmed.add(station)
        return True

    def _alarm(self, station: str, reason: str) -> None:
        with self._database.reading.begin() as connection:
            row = connection.execute(select(stations.c.id).where(stations.c.name == station)).first()
        if row is not None:
            code = TOO_MANY_ASKS if reason == SPENT else UNSIGNED_ASK
            self._alarms.record(Alarm(station, code, reason), self._clock())
