"""Guard of every batch that cannot be undone, over the store, in the caller's transaction.

Rules: a batch acts only while the clock is believed, and on at most a share of its rows within 24 hours; what is more stops it
whole, with an alarm, until a person allows that number for a day. Confirming the clock sets right what was dated ahead of it
meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.clock.clock_check import SETTLES, ClockCheck, ClockReading, check_clock
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import Database
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.guards.model import CLOCK, BatchName, BatchStop, GuardState
from fleet.server.guards.tables import batch_stops, server_clock
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.stations.alarms import CLOCK_LEAPT, Alarm, raise_alarm

SHARE, LEAST_SHARE = 0.02, 20
"""Of a batch's rows, in a day without a person; and how many may go in any case."""
ALLOWED = timedelta(hours=24)
CONFIRMED = "guard.confirm"
DATED = (events, quarantine, conflicts)
"""What is received, and kept by its date."""


def share_of(rows: int) -> int:
    """Return how many of so many rows a batch may touch in a day without a person."""
    return max(LEAST_SHARE, int(rows * SHARE))


def last_clock_reading(connection: Connection) -> ClockReading | None:
    """The clock as it was last looked at."""
    row = connection.execute(select(server_clock)).first()
    return None if row is None else ClockReading(row.seen, row.steady, row.leapt)


def newest_date(connection: Connection) -> datetime | None:
    """Return when the newest event of the store was received, by the clock of then: a witness beside the last look."""
    newest: datetime | None = connection.execute(
        select(events.c.received).order_by(events.c.id.desc()).limit(1)
    ).scalar()
    return newest


def observe_clock(connection: Connection, now: datetime, off: timedelta = timedelta()) -> ClockCheck:
    """Look at the clock, keep the look, and raise an alarm where it has leapt. `off`: see `check_clock`."""
    last = last_clock_reading(connection)
    look = check_clock(last, now, newest_date(connection), off)
    store_clock_reading(connection, look.clock)
    if look.leapt and (last is None or last.leapt is None):
        raise_alarm(connection, Alarm("", CLOCK_LEAPT, (now + off).isoformat(timespec="minutes")), now)
    return look


def clock_is_believed(connection: Connection, now: datetime) -> bool:
    """Return whether a batch may act by the clock."""
    last = last_clock_reading(connection)
    return last is not None and last.is_believed(now)


def within_share(connection: Connection, batch: BatchName, due: int, rows: int, now: datetime) -> bool:
    """Return whether `due` of the batch's `rows` may go within a day; where not, the batch waits for a person from now on."""
    most = share_of(rows)
    if due <= most or due <= _allowed(connection, batch, now):
        return True
    stop = {"batch": batch, "due": due, "most": most, "found": now, "until": None}
    put_all(connection, [Put(batch_stops, [stop], ("due", "most", "found", "until"))])
    return False


def waits_for_person(connection: Connection, batch: BatchName, now: datetime) -> bool:
    """Return whether the batch was stopped and nobody has allowed it since."""
    stop = _stop(connection, batch)
    return stop is not None and (stop.until is None or stop.until < now)


def guard_state(connection: Connection, now: datetime) -> GuardState:
    """The clock, and what waits or was allowed within a day."""
    rows = connection.execute(select(batch_stops).order_by(batch_stops.c.batch))
    stops = tuple(BatchStop(row.batch, row.due, row.most, row.found, row.until) for row in rows)
    return GuardState(
        last_clock_reading(connection), now, tuple(stop for stop in stops if stop.until is None or stop.until >= now)
    )


def confirm(connection: Connection, name: str, shown: datetime, actor: tuple[str, str]) -> bool:
    """Say that the clock is right, or that the batch may go on for a day. False where nothing of that name waits.

    `shown`: what the machine's clock shows. `actor`: account and address, for the audit.
    """
    done = _confirm_clock(connection, shown) if name == CLOCK else _allow(connection, name, shown)
    if done:
        append(connection, shown, *actor, AuditEvent(CONFIRMED, name))
    return done


def _confirm_clock(connection: Connection, shown: datetime) -> bool:
    last = last_clock_reading(connection)
    if last is None or last.leapt is None:
        return False
    store_clock_reading(connection, ClockReading(shown, shown - SETTLES))
    for table in DATED:
        connection.execute(update(table).where(table.c.received > shown).values(received=shown))
    return True


def _allow(connection: Connection, name: str, now: datetime) -> bool:
    this = (batch_stops.c.batch == name, batch_stops.c.until.is_(None))
    return bool(connection.execute(update(batch_stops).where(*this).values(until=now + ALLOWED)).rowcount)


def _allowed(connection: Connection, batch: str, now: datetime) -> int:
    stop = _stop(connection, batch)
    return 0 if stop is None or stop.until is None or stop.until < now else stop.due


def _stop(connection: Connection, batch: str) -> BatchStop | None:
    row = connection.execute(select(batch_stops).where(batch_stops.c.batch == batch)).first()
    return None if row is None else BatchStop(row.batch, row.due, row.most, row.found, row.until)


def store_clock_reading(connection: Connection, clock: ClockReading) -> None:
    """Keep the look."""
    values: dict[str, Any] = {"seen": clock.seen, "steady": clock.steady, "leapt": clock.leapt}
    if not connection.execute(update(server_clock).values(values)).rowcount:
        connection.execute(insert(server_clock).values(one=1, **values))


class GuardService:
    """Guards for pages and programs. From any thread. `clock`: what the process goes by."""

    def __init__(self, database: Database, changes: Changes, clock: Callable[[], datetime]) -> None:
        self._database, self._changes, self._clock = database, changes, clock

    @changes_with(Topic.DEADLINES)
    def state(self) -> GuardState:
        """All that waits for a person, or was allowed within a day."""
        with self._database.reading.begin() as connection:
            return replace(guard_state(connection, self._clock()), shown=shown_by(self._clock))

    def confirm(self, name: str, actor: tuple[str, str]) -> bool:
        """Say that the machine's clock is right, or that the batch may go on. False where nothing of that name waits."""
        with self._database.writing.begin() as connection:
            done = confirm(connection, name, shown_by(self._clock), actor)
        self._changes.publish(frozenset({Topic.DEADLINES}))
        return done


def shown_by(clock: Callable[[], datetime]) -> datetime:
    """Return the time that the machine's clock shows, whatever clock the process goes by."""
    return clock.shown if isinstance(clock, SteadyClock) else clock()
