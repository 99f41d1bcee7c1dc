"""Daily retention job of `serve`: expired data goes, and again what the ledger names where an old copy was restored.

Rules: once a day by the server's clock, which is passed in; at the first look after a start too. A database that is away is tried
again at the next look. Several servers on one store may each do it: what is gone already is not counted again. Nothing goes
while the clock is not believed (`fleet.server.platform.clock_check`), nor where more is over than a day's share: then an alarm
asks a person.

>>> is_due(None, date(2026, 6, 1))
True
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from fleet.server.deadlines.queries import last_clock_reading
from fleet.server.platform.clock_check import check_clock
from fleet.server.platform.database.database import READ_FAULTS, Database
from fleet.server.retention.ledger import LedgerError
from fleet.server.retention.person_erasure import replay
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.retention_run import RetentionRun, excess, run
from fleet.server.retention.settings import RetentionSettings
from fleet.server.stations.alarms import RETENTION_MANY, Alarm, AlarmRecorder

LOOK_EVERY_S = 300.0

_log = logging.getLogger(__name__)


def is_due(last: date | None, today: date) -> bool:
    """Whether a run is owed. A clock that went back owes none before the day after."""
    return last is None or today > last


@dataclass(slots=True)
class RetentionService:
    database: Database
    settings: RetentionSettings
    pseudonyms: Pseudonyms
    book: Path
    clock: Callable[[], datetime]
    last: date | None = None

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
            believed = check_clock(last_clock_reading(connection), job.now).believed
        if not believed:
            _log.info("retention waits: the server's clock has leapt, or is not known for a day yet")
            return False
        over = excess(job)
        if over is None:
            return True
        due, most = over
        _log.error("retention waits for a person: %d rows are over their time, at most %d go in a day", due, most)
        AlarmRecorder(self.database).record(Alarm("", RETENTION_MANY, str(due)), job.now)
        self.last = job.now.date()
        return False
