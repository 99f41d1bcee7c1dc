"""Integrity check of the store: whether the database itself finds it sound, at the start and every night.

Rules: SQLite reads the whole file (`quick_check`: every page, what is on it, and that it is on no list twice). PostgreSQL checks
every B-tree and table where the extension `amcheck` is there and may be used; where not, nothing is checked, and the log says so.
What was found stays until the program starts again: a damaged store is restored, and does not heal. While it is known to be
damaged nothing more is stored: stations keep what the server does not acknowledge.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from fleet.server.clock.time_zones import HERE
from fleet.server.database.bulk import is_postgres
from fleet.server.database.database import READ_FAULTS, Database

LOOK_EVERY_S = 300.0
NIGHT_HOUR = 2
"""Local time from which the nightly check is due."""
FRESH = timedelta(hours=1)
"""So long a check is believed by who asks before something is set aside."""
MOST_NAMED = 20
DAMAGED = "damaged"

_INDEXES = (
    "SELECT c.oid, c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am a ON a.oid = c.relam"
    " WHERE a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace AND i.indisvalid ORDER BY c.relname"
)
_TABLES = (
    "SELECT c.oid, c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
    " ORDER BY c.relname"
)

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class NotCheckedError(Exception):
    """This database has no way to be checked, or not for this user. The text says what to do."""


def problems_of(database: Database) -> list[str]:
    """List the faults that the database finds in itself, at most `MOST_NAMED`. Raises NotCheckedError, and OperationalError
    where it is away."""
    try:
        with database.reading.begin() as connection:
            if is_postgres(connection):
                return list(_found_by_amcheck(connection))[:MOST_NAMED]
            rows = connection.exec_driver_sql(f"PRAGMA quick_check({MOST_NAMED})").scalars()
            return [str(row) for row in rows if row != "ok"]
    except OperationalError:
        raise
    except (DBAPIError, UnicodeDecodeError) as error:  # so damaged that it cannot even be looked through
        return [str(error.orig if isinstance(error, DBAPIError) else error)]


def _found_by_amcheck(connection: Connection) -> Iterator[str]:
    installed = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
    if not connection.exec_driver_sql(installed).scalar():
        raise NotCheckedError("PostgreSQL checks itself with the extension amcheck: CREATE EXTENSION amcheck")
    for query, check in (
        (_INDEXES, "SELECT bt_index_check(%s::int8::oid::regclass)"),
        (_TABLES, "SELECT msg FROM verify_heapam(%s::int8::oid::regclass)"),
    ):
        for oid, name in connection.exec_driver_sql(query).all():
            try:
                with connection.begin_nested():
                    problems = connection.exec_driver_sql(check, (oid,)).scalars().all()
            except ProgrammingError as error:
                raise NotCheckedError(f"this user may not use amcheck: {error.orig}") from error
            except DBAPIError as error:
                problems = [str(error.orig).splitlines()[0]]
            yield from (f"{name}: {word}" for word in problems if word)


class DatabaseCheck:
    """The last check, and the next. `look` blocks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._looked: datetime | None = None
        self._night: date | None = None
        self.problems: tuple[str, ...] = ()

    @property
    def trouble(self) -> str | None:
        """Why nothing more may be stored, in a word. For `health`."""
        return DAMAGED if self.problems else None

    async def run(self) -> None:
        """Every night, until cancelled. A database that is away is looked at again later."""
        while True:
            if self.is_due(self._clock()):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Check now. Never raises for the store."""
        now = self._clock()
        try:
            problems = problems_of(self._database)
        except NotCheckedError as error:
            _log.warning("the store is not checked: %s", error)
            problems = []
        except READ_FAULTS as error:
            _log.error("the store cannot be checked just now: %s", type(error).__name__)
            return
        for problem in problems:
            _log.error("the store is damaged: %s", problem)
        self.problems = self.problems or tuple(problems)
        self._looked, self._night = now, _night(now)

    def is_sound(self) -> bool:
        """Return whether the last check found nothing; one that is older than an hour is made again."""
        if self._looked is None or abs(self._clock() - self._looked) > FRESH:
            self.look()
        return self.trouble is None

    def is_due(self, now: datetime) -> bool:
        """Return whether this night's check has not been made yet."""
        return self._night is None or _night(now) > self._night


def _night(now: datetime) -> date:
    """The day whose night it is: it begins at `NIGHT_HOUR`."""
    return (now.astimezone(HERE) - timedelta(hours=NIGHT_HOUR)).date()
