"""Periodic job of deadlines: carries out what is due, every few minutes; a loop of the server.

Rules: one transaction for a look, alone at the store; an action has a durable key, so that two processes, a restart or a clock
that goes back do nothing twice. While the clock is not believed nothing happens at all (`fleet.server.guards`). A rule whose
actions within 24 hours would be more than a share of its rows does none until a person allows it; it acts at most `most_a_day`
times within 24 hours: what is more waits for the next day, and an alert asks somebody to look. At most 200 actions of a rule in
one look.
Nobody is held to what could not be done: an owed receipt waits while its station was open on fewer days than the rule gives.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.deadlines import actions as acting
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.due_dates import local, phase
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.open_days import note_open_stations, without_the_time
from fleet.server.deadlines.settings import Code, DeadlineRule, DeadlineSettings
from fleet.server.guards.model import deadline_batch
from fleet.server.guards.service import clock_is_believed, within_share
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import DEADLINES_MANY, Alarm, raise_alarm

EVERY_S = 300.0
MOST_AT_ONCE = 200
DAY = timedelta(hours=24)
TOPICS = frozenset({Topic.DEADLINES, Topic.ORDERS, Topic.REQUESTS})

_log = logging.getLogger(__name__)


class DeadlineJob:
    """One for a server. `look` blocks, and is called in a thread."""

    def __init__(
        self, database: Database, settings: DeadlineSettings, changes: Changes, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._settings = settings
        self._changes = changes
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                if await asyncio.to_thread(self.look):
                    self._changes.publish(TOPICS)
            except READ_FAULTS as error:
                _log.error("deadlines cannot be looked at just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def look(self) -> int:
        """Do what is due, and say how many actions that were. Raises SQLAlchemyError."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            if not clock_is_believed(connection, now):
                return 0
            note_open_stations(connection, local(now), now)
            return sum(self._judge(connection, code, now) for code in self._settings.codes)

    def _judge(self, connection: Connection, code: Code, now: datetime) -> int:
        rule, today = self._settings.rule[code], local(now)
        deadlines = deadlining.list_near(connection, code, rule, today)
        recorded = deadlining.recorded_actions(connection, code, [deadline.subject for deadline in deadlines])
        fresh = [
            deadline for deadline in deadlines if (deadline.subject, deadline.due.isoformat(), "done") not in recorded
        ]
        soon = [
            deadline
            for deadline in fresh
            if phase(rule, deadline.due, today) == "near"
            and (deadline.subject, deadline.due.isoformat(), "warned") not in recorded
        ]
        warned = sum(acting.warn(connection, deadline, now) for deadline in soon[:MOST_AT_ONCE])
        return warned + self._act(connection, code, _answerable(connection, code, rule, _over(fresh, today)), now)

    def _act(self, connection: Connection, code: Code, over: list[Deadline], now: datetime) -> int:
        rule, action = self._settings.rule[code], self._settings.act_of(code)
        room = MOST_AT_ONCE
        if action != "remind":
            done = deadlining.count_actions_since(connection, code, now - DAY)
            left = rule.most_a_day - done
            rows = deadlining.count_subjects(connection, code, rule, local(now))
            if over and not within_share(connection, deadline_batch(code), done + len(over), done + rows, now):
                raise_alarm(connection, Alarm("", DEADLINES_MANY, f"{code}: {len(over)}"), now)
                return 0
            if len(over) > left:
                raise_alarm(connection, Alarm("", DEADLINES_MANY, f"{code}: {len(over)}"), now)
            room = min(room, max(0, left))
        return sum(acting.act(connection, deadline, action, self._settings.by, now) for deadline in over[:room])


def _answerable(connection: Connection, code: Code, rule: DeadlineRule, over: list[Deadline]) -> list[Deadline]:
    """Return the deadlines that their people had the time to meet; the others wait."""
    waiting = without_the_time(connection, code, rule, over)
    return [deadline for deadline in over if deadline.subject not in waiting]


def _over(deadlines: Iterable[Deadline], today: date) -> list[Deadline]:
    """Return the deadlines whose last day is past, the oldest first."""
    return sorted(
        (deadline for deadline in deadlines if today > deadline.due),
        key=lambda deadline: (deadline.due, deadline.subject),
    )
