"""PostgreSQL dialect: connecting, COPY, several statements in one round trip, and locks for ingests that write side by side.

Rules: an ordinary write transaction has the store to itself, as on SQLite. Ingests share it among each other, and each holds
the locks of the stations in its batch, so that one chain is written by one at a time. All locks end with the transaction.
A commit is durable (`synchronous_commit` is never off); where the server itself does not sync, a warning says so.
"""

import logging
import select
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg.copy import LibpqWriter
from psycopg.types.string import BytesBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from fleet.server.database.overlap import do_overlapped

CONNECT_TIMEOUT_S = 10
STORE_LOCK = 7_308_001
"""Key of the lock on the whole store, among the advisory locks of the database."""
STATION_LOCKS = 7_308
"""First key of the locks of stations; the second is a hash of the name. Two names with one hash only wait for each other."""

_ALWAYS_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_log = logging.getLogger(__name__)

Statement = tuple[str, Sequence[Any]]
"""SQL of ours with the driver's own marks, and what is bound to them."""


def postgres_engine(url: URL) -> Engine:
    """An engine on that database. The execution option `writing` of a transaction is `alone`, and then it begins with the lock on
    the store; or `shared`, and then its first statements are those of `locking`."""
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "kortkiosk-fleet"}
    arguments = {name: value for name, value in defaults.items() if name not in url.query}
    # What is read after a lock was waited for must be what its holder wrote: the level is ours, whatever the database's is.
    engine = create_engine(url, pool_pre_ping=True, connect_args=arguments, isolation_level="READ COMMITTED")

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_ALWAYS_DURABLE)
            cursor.execute("SET TIME ZONE 'UTC'")
        connection.commit()
        # Else COPY asks a dumper for the driver's own Binary, which is written in Python, for each of our bytes.
        connection.adapters.register_dumper(bytes, BytesBinaryDumper)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing") == "alone":
            in_one_trip(connection, [(f"SELECT pg_advisory_xact_lock({STORE_LOCK})", ())])  # BEGIN goes with it

    return engine


def is_read_only(fault: Exception) -> bool:
    """Return whether PostgreSQL takes nothing because it is read-only: a standby, or set so. That is no damage."""
    return isinstance(fault, DBAPIError) and isinstance(fault.orig, psycopg.errors.ReadOnlySqlTransaction)


def warn_unless_synced(connection: Connection) -> None:
    """Say so where this server would lose commits in a power cut."""
    if connection.exec_driver_sql("SHOW fsync").scalar() != "on":
        _log.warning("PostgreSQL runs with fsync off: a power cut may lose or damage what it holds")


def locking(names: Iterable[str]) -> list[Statement]:
    """Wait until nobody has the store to itself or writes the chains of these stations, and keep it so until the transaction
    ends."""
    keys = sorted({zlib.crc32(name.encode()) - 2**31 for name in names})
    return [
        (f"SELECT pg_advisory_xact_lock_shared({STORE_LOCK})", ()),
        ("SELECT pg_advisory_xact_lock(%b::integer, key) FROM unnest(%b::integer[]) AS key", (STATION_LOCKS, keys)),
    ]


def in_one_trip(
    connection: Connection,
    statements: Sequence[Statement],
    *,
    last: bool = False,
) -> list[list[tuple[Any, ...]]]:
    """Run them in their order and wait for the server once. Gives the rows of each. After the `last` of a transaction the commit
    goes with them. Between sending and waiting is what `overlap` has to do. Raises sqlalchemy.exc.DBAPIError."""
    driver: Any = connection.connection.driver_connection
    with _translated(connection, statements[0][0]):
        with driver.pipeline():
            cursors = [driver.execute(statement, values, prepare=True) for statement, values in statements]
            if last:
                driver.execute("COMMIT", prepare=False)
            do_overlapped(connection)
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def copy_rows(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """COPY rows into the table, in the transaction of `connection`. When all is sent and before the server is waited for, is what
    `overlap` has to do. Raises sqlalchemy.exc.DBAPIError."""
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    cursor = driver.cursor()
    with (
        _translated(connection, statement),
        cursor,
        cursor.copy(statement, writer=_Rows(cursor, partial(do_overlapped, connection))) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


class _Rows(LibpqWriter):
    """Ends a COPY in two parts. In binary form the server stores the last thousand rows only when it has heard that no more come:
    what is to be done while it works has to be done after that word."""

    def __init__(self, cursor: "psycopg.Cursor[Any]", meanwhile: Callable[[], None]) -> None:
        super().__init__(cursor)
        self._line = cursor.connection.pgconn
        self._meanwhile = meanwhile

    def finish(self, exc: BaseException | None = None) -> None:
        """Say so, do something else, and hear what came of it. Raises psycopg.Error."""
        if exc is not None:
            super().finish(exc)
            return
        line = self._line
        while line.put_copy_end() == 0:
            self._wait(select.POLLOUT)
        while line.flush():
            self._wait(select.POLLOUT)
        try:
            self._meanwhile()
        finally:
            result = self._result()
        if result is None or result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result) if result else psycopg.OperationalError("COPY has no result")

    def _result(self) -> "psycopg.pq.abc.PGresult | None":
        line = self._line
        while line.is_busy():
            self._wait(select.POLLIN)
            line.consume_input()
        first = result = line.get_result()
        while result is not None:
            result = line.get_result()
        return first

    def _wait(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._line.socket, events)
        poll.poll()


@contextmanager
def _translated(connection: Connection, statement: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy's own, where it is spoken to directly."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error
