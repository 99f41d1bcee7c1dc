"""LISTEN/NOTIFY and advisory locks of PostgreSQL: messages to all listening processes, and the lock of the leader.

Rules: each long wait has a connection of its own, which goes back to no pool. A lock ends with its session, however that ends.
"""

from collections.abc import Generator
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

LEADER_LOCK = 7_308_002
"""Among the advisory locks of the database, beside those of `fleet.server.database.postgres`."""


def notify(engine: Engine, channel: str, word: str) -> None:
    """Tell all that listen. Raises sqlalchemy.exc.DBAPIError."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_notify(:channel, :word)"), {"channel": channel, "word": word})


def listen(engine: Engine, channel: str, every_s: float) -> Generator[str | None]:
    """Words as they come, and None after so long without one, until it is closed. Raises sqlalchemy.exc.DBAPIError."""
    with _own_connection(engine) as connection:
        connection.exec_driver_sql(f'LISTEN "{channel}"')
        driver: Any = connection.connection.dbapi_connection
        failure: type[Exception] = connection.dialect.loaded_dbapi.Error
        while True:
            try:
                for word in driver.notifies(timeout=every_s):
                    yield word.payload
            except failure as error:
                raise DBAPIError.instance("LISTEN", None, error, failure, dialect=connection.dialect) from error
            yield None


class Leadership:
    """The lock of the leader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def taken(cls, engine: Engine) -> "Leadership | None":
        """The lock, where nobody else has it. Raises sqlalchemy.exc.DBAPIError."""
        connection = _own_connection(engine)
        try:
            if connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({LEADER_LOCK})").scalar():
                return cls(connection)
        except DBAPIError:
            connection.close()
            raise
        connection.close()
        return None

    def is_held(self) -> bool:
        """Return whether the session is still there."""
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            return False
        return True

    def release(self) -> None:
        self._connection.close()


def _own_connection(engine: Engine) -> Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection
