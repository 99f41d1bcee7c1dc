"""What only PostgreSQL does: how it is connected, COPY, several statements in one round trip, and locks that let several ingests
write side by side.

Rules: an ordinary write transaction has the store to itself, as on SQLite. Ingests share it among each other, and each holds
the locks of the stations in its batch, so that one chain is written by one at a time. All locks end with the transaction.
A commit is durable (`synchronous_commit` is never off); where the server itself does not sync, a warning says so.

>>> engine = postgres_engine(make_url("postgresql+psycopg://fleet@db.example/fleet"))  # doctest: +SKIP
"""

import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

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

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing") == "alone":
            in_one_trip(connection, [(f"SELECT pg_advisory_xact_lock({STORE_LOCK})", ())])  # BEGIN goes with it

    return engine


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
    connection: Connection, statements: Sequence[Statement], *, last: bool = False
) -> list[list[tuple[Any, ...]]]:
    """Run them in their order and wait for the server once. Gives the rows of each. After the `last` of a transaction the commit
    goes with them. Raises sqlalchemy.exc.DBAPIError."""
    driver: Any = connection.connection.driver_connection
    with _translated(connection, statements[0][0]):
        with driver.pipeline():
            cursors = [driver.execute(statement, values, prepare=True) for statement, values in statements]
            if last:
                driver.execute("COMMIT", prepare=False)
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """COPY rows into the table, in the transaction of `connection`. Raises sqlalchemy.exc.DBAPIError."""
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    with _translated(connection, statement), driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


@contextmanager
def _translated(connection: Connection, statement: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy's own, where it is spoken to directly."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error
