"""Bulk upsert: rows that are inserted or updated, whichever fits, in one statement for many of them.

Rules: of rows with one key there is at most one in a call; keys in one order, so that two writers never wait for each other in a
circle. The statement is written here and given to the driver as it is, because most of the time of a batch would else go into
making it: by executemany on SQLite; on PostgreSQL with an array for each column, and all statements of a call in one round trip.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, literal
from sqlalchemy.dialects import postgresql, sqlite

from fleet.server.database.postgres import in_one_trip
from fleet.server.database.schema import UtcDateTime

Row = Mapping[str, Any]

_POSTGRESQL: Any = postgresql
_POSTGRESQL = _POSTGRESQL.dialect()


class Put(NamedTuple):
    """Insert the rows; where the key is held, set `columns` and add `adding` to what is there. With `newer` only where the row's
    value of that column is not below what is there."""

    table: Table
    rows: Sequence[Row]
    columns: Sequence[str]
    adding: Sequence[str] = ()
    newer: str = ""


def insert_for(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, in the words of this database."""
    return postgresql.insert(table) if is_postgres(connection) else sqlite.insert(table)


def insert_new(connection: Connection, table: Table, row: Row) -> bool:
    """Insert the row where its key is not held; whether it was new. (A count of rows is not had of an INSERT on PostgreSQL.)"""
    statement = insert_for(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(literal(1))).first() is not None


def is_postgres(connection: Connection) -> bool:
    """Return whether this is PostgreSQL; else it is SQLite."""
    return connection.dialect.name == "postgresql"


def put_all(connection: Connection, puts: Iterable[Put], *, last: bool = False) -> None:
    """All of them in their order. With `last` the transaction needs nothing more, and may be committed with them.
    Raises sqlalchemy.exc.DBAPIError."""
    filled = [put for put in puts if put.rows]
    if filled and is_postgres(connection):
        in_one_trip(connection, [_with_arrays(put) for put in filled], last=last)
        return
    for batch in filled:
        names = tuple(batch.rows[0])
        readers = [_reader(batch.table, name) for name in names]
        values = [tuple([read(row) for read in readers]) for row in _in_order(batch)]
        connection.exec_driver_sql(_statement(*_shape(batch, names), on_postgres=False), values)


def stored_time(value: datetime | None) -> str | None:
    """A time as SQLite holds it, in the form of SQLAlchemy."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _with_arrays(put: Put) -> tuple[str, tuple[list[Any], ...]]:
    """Without columns that no row says and that stay as they are: they are null without being written."""
    rows = _in_order(put)
    arrays = {name: [row[name] for row in rows] for name in rows[0]}
    names = tuple(
        name
        for name, values in arrays.items()
        if values[0] is not None or name in put.columns or values.count(None) != len(values)
    )
    return _statement(*_shape(put, names), on_postgres=True), tuple(arrays[name] for name in names)


def _in_order(put: Put) -> Sequence[Row]:
    return sorted(put.rows, key=itemgetter(*_key(put.table))) if len(put.rows) > 1 else put.rows


def _shape(put: Put, names: tuple[str, ...]) -> tuple[Table, tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    return put.table, names, tuple(put.columns), tuple(put.adding), put.newer


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _reader(table: Table, name: str) -> Callable[[Row], Any]:
    if isinstance(table.c[name].type, UtcDateTime):
        return lambda row: stored_time(row[name])
    return itemgetter(name)


@lru_cache(maxsize=256)
def _statement(
    table: Table,
    names: tuple[str, ...],
    columns: tuple[str, ...],
    adding: tuple[str, ...],
    newer: str,
    *,
    on_postgres: bool,
) -> str:
    # Every name is one of our own tables'; values are bound.
    sets = [f'"{name}" = excluded."{name}"' for name in columns]
    sets += [f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' for name in adding]
    then = f"DO UPDATE SET {', '.join(sets)}" if sets else "DO NOTHING"
    where = f' WHERE "{table.name}"."{newer}" <= excluded."{newer}"' if newer else ""
    listed = ", ".join(f'"{name}"' for name in names)
    key = ", ".join(f'"{name}"' for name in _key(table))
    if on_postgres:
        # %b: binary, which costs the driver a sixth of what text does.
        arrays = ", ".join(f"%b::{table.c[name].type.compile(_POSTGRESQL)}[]" for name in names)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608
    else:
        source = f"VALUES ({', '.join('?' for _ in names)})"
    return f'INSERT INTO "{table.name}" ({listed}) {source} ON CONFLICT ({key}) {then}{where}'
