"""Attempt counters in PostgreSQL, where several servers answer stations: each has its verifier, and all one count.

Rules: a schema of its own, `verifier`, which no other process of the server touches; one try is counted at a time. The address
comes in the environment, because it may hold a password and arguments are seen by everyone on the machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from fleet.server.database.postgres import postgres_engine
from fleet.server.verifier.attempt_counters import SCHEMA, Execute

LOCK = 7_308_003
"""Among the advisory locks of the database."""


class PostgresAttemptStore:
    """Implements `Tries`. Raises sqlalchemy.exc.SQLAlchemyError where it cannot be written."""

    def __init__(self, url: URL) -> None:
        self._engine = postgres_engine(url)
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS verifier")
            connection.exec_driver_sql("SET LOCAL search_path TO verifier")
            for statement in SCHEMA:
                connection.exec_driver_sql(statement)

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """One at a time, over all processes."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            connection.exec_driver_sql("SET LOCAL search_path TO verifier")
            yield lambda query, *values: connection.exec_driver_sql(query.replace("?", "%s"), values)

    def close(self) -> None:
        self._engine.dispose()
