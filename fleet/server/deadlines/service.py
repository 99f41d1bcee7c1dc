"""Deadline service for pages and programs, over the store."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from fleet.server.clock.clock_check import ClockReading
from fleet.server.database.database import Database
from fleet.server.database.station_scope import StationCondition, all_stations, stations_like
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.due_dates import local, phase
from fleet.server.deadlines.model import BoardEntry, Deadline, DeadlineActionRow, Lane
from fleet.server.deadlines.open_days import without_the_time
from fleet.server.deadlines.queries import ActionKey
from fleet.server.deadlines.settings import Code, DeadlineSettings
from fleet.server.guards.service import last_clock_reading
from fleet.server.live_feed.topics import Topic, changes_with


class DeadlineService:
    """Deadlines as pages and the API read them. Each call sees one snapshot."""

    def __init__(
        self,
        database: Database,
        settings: DeadlineSettings,
        clock: Callable[[], datetime],
        seen: StationCondition = all_stations,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._seen = seen

    def within(self, patterns: frozenset[str]) -> "DeadlineService":
        return DeadlineService(self._database, self._settings, self._clock, stations_like(patterns))

    @changes_with(Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS)
    def lanes(self, *, limit: int = 5) -> Sequence[Lane]:
        """Every rule that holds, with its first deadlines."""
        with self._database.reading.begin() as connection:
            return [self._lane(connection, code, "", limit, 0) for code in self._settings.codes]

    @changes_with(Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS)
    def lane(self, code: Code, *, station: str = "", limit: int = 100, offset: int = 0) -> Lane:
        """One rule. Raises KeyError where it does not hold."""
        if code not in self._settings.codes:
            raise KeyError(code)
        with self._database.reading.begin() as connection:
            return self._lane(connection, code, station, limit, offset)

    @changes_with(Topic.DEADLINES)
    def clock(self) -> ClockReading | None:
        """Read when the job last looked; None before its first time."""
        with self._database.reading.begin() as connection:
            return last_clock_reading(connection)

    @changes_with()
    def believed(self) -> bool:
        """Return whether the clock may be believed now."""
        clock = self.clock()
        return clock is not None and clock.is_believed(self._clock())

    def _lane(self, connection: Connection, code: Code, station: str, limit: int, offset: int) -> Lane:
        rule, today = self._settings.rule[code], local(self._clock())
        deadlines, total = deadlining.list_deadlines(
            connection, code, rule, today, station=station, seen=self._seen, limit=limit, offset=offset
        )
        recorded = deadlining.recorded_actions(connection, code, [deadline.subject for deadline in deadlines])
        waiting = without_the_time(connection, code, rule, deadlines)
        shown = tuple(self._shown(deadline, recorded, deadline.subject in waiting) for deadline in deadlines)
        return Lane(code, self._settings.act_of(code), rule.days, rule.months, total, shown)

    def _shown(
        self, deadline: Deadline, recorded: dict[ActionKey, DeadlineActionRow], short_of_days: bool
    ) -> BoardEntry:
        rule, due = self._settings.rule[deadline.code], deadline.due.isoformat()
        stands = phase(rule, deadline.due, local(self._clock()))
        act = self._settings.act_of(deadline.code)
        waits = short_of_days and stands == "over" and act != "remind"
        warned = recorded.get((deadline.subject, due, "warned"))
        return BoardEntry(
            deadline,
            stands,
            act,
            warned.at if warned else None,
            recorded.get((deadline.subject, due, "done")),
            waits,
        )
