"""Daily retention job of `serve`: expired data goes, and again what the ledger names where an old copy was restored.

Rules: once a day by the server's clock, which is passed in; at the first look after a start too. A database that is away is tried
again at the next look. Several servers on one store may each do it: what is gone already is not counted again. Nothing goes
while the clock is not believed, nor where more is over than a day's share: then an alarm asks a person (`fleet.server.guards`).

>>> is_due(None, date(2026, 6, 1))
True
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.guards.model import RETENTION
from fleet.server.guards.service import clock_is_believed, waits_for_person, within_share
from fleet.server.retention.ledger import LedgerError
from fleet.server.retention.person_erasure import replay
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.retention_run import RetentionRun, count_due, run
from fleet.server.retention.settings import RetentionSettings
from fleet.server.stations.alarms import RETENTION_MANY, Alarm, raise_alarm

LOOK_EVERY_S = 300.0

_log = logging.getLogger(__name__)


def is_due(last: date | None, today: date) -> bool:
    """Return whether a run is due. After a clock went back, none is due before the day after."""
    return last is None or today > last


@dataclass(slots=True)
class RetentionService:
    database: Database
    settings: RetentionSettings
    pseudonyms: Pseudonyms
    book: Path
    clock: Callable[[], datetime]
    last: date | None = None
    asked: date | None = None
    """The day on which a person was asked last: counting all again every few minutes would find nothing else."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def look(self) -> dict[str, int] | None:
        """Run if it is due. Gives what was erased; None where nothing was owed, or the store is away."""
        now = self.clock()
        if not is_due(self.last, now.date()):
            return None
        job = RetentionRun(self.database, self.settings, self.pseudonyms, now)
        try:
            if not self._may_erase(job):
                return None
            again = replay(job, self.book)
            counts = {**run(job), "again": again}
        except (*READ_FAULTS, LedgerError) as error:
            _log.error("retention could not run, and is tried again: %s", error)
            return None
        self.last = now.date()
        _log.info("retention: %s", ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing")
        return counts

    def _may_erase(self, job: RetentionRun) -> bool:
        with self.database.reading.begin() as connection:
            believed = clock_is_believed(connection, job.now)
            awaits_person = self.asked == job.now.date() and waits_for_person(connection, RETENTION, job.now)
        if not believed:
            _log.info("retention waits: the server's clock has leapt, or is not known for a day yet")
        if awaits_person or not believed:
            return False
        due, rows = count_due(job)
        with self.database.writing.begin() as connection:
            if within_share(connection, RETENTION, due, rows, job.now):
                return True
            raise_alarm(connection, Alarm("", RETENTION_MANY, str(due)), job.now)
        _log.error("retention waits for a person: %d of %d rows are over their time", due, rows)
        self.asked = job.now.date()
        return False
