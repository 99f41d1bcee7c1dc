"""Check of the read models: made anew from the events, beside the store, and compared row by row. It changes nothing.

Rules: the events are played into a scratch database (SQLite's temporary file, gone when it is closed; no more of it in memory
than its cache), and the store's own rows are copied beside; the database itself finds what differs. So memory is bounded whatever
the store holds, and both databases are checked alike. The caller's connection shows one moment: a server may go on beside.
The verdict on a checkpoint follows from no event; an order that a rebuild would leave alone is not compared.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    MetaData,
    NullPool,
    Row,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.checkpoints.tables import checkpoints
from fleet.server.errands.tables import errands, receipts
from fleet.server.events.model import Difference, Fault
from fleet.server.events.tables import events
from fleet.server.ingest.rebuild import begun_orders, event_pages, play
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import stations

MOST = 1_000
"""Differing rows of one table that are named."""
CHUNK = 500
_CHAIN_KEY = ("epoch", "sequence")

Pause = Callable[[], object]
"""Called after each page of events: so that others of the process have their turn."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """A table of which these columns are made anew. `key`: those that name a row, without the station's."""

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]


def _compared(table: Table, *key: str, without: Sequence[str] = ()) -> _Compared:
    return _Compared(table, key, tuple(str(column.name) for column in table.columns if column.name not in without))


_ORDER_COLUMNS = ("order", "card_number", "station", "state", "slot", "changed", "delivery")
_ERRANDS = (_compared(errands, "errand"), _compared(receipts, "number"))
_ALL = (
    *_ERRANDS,
    _compared(bins),
    _compared(bin_cards, *_CHAIN_KEY),
    _compared(reserve_cards, "slot"),
    _compared(checkpoints, *_CHAIN_KEY, without=("verdict",)),
    _Compared(orders, ("order",), ("order", "station", "state", "slot", "changed")),
)


_BEGUN = "begun"
"""In the scratch database: this order is played again."""


def _tables(schema: str | None) -> dict[str, Table]:
    """The compared tables as the scratch database has them: without references, and with what `play` looks up."""
    made = {}
    for compared in _ALL:
        table = compared.table
        names = _ORDER_COLUMNS if table is orders else compared.columns if schema else table.columns.keys()
        columns: list[Column[Any]] = [
            Column(name, table.c[name].type, primary_key=table.c[name].primary_key, autoincrement=False)
            for name in names
        ]
        if table is orders:
            columns.append(Column(_BEGUN, Boolean, nullable=False, default=False))
        made[table.name] = Table(table.name, MetaData(), *columns, schema=schema)
        if schema is None and "card_number" in made[table.name].c:
            Index(f"ix_{table.name}_card_number", made[table.name].c.card_number)
    return made


_MADE, _STORED = _tables(None), _tables("stored")


def _temporary() -> sqlite3.Connection:
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.execute("ATTACH '' AS stored")
    for name in ("main", "stored"):
        connection.execute(f"PRAGMA {name}.journal_mode=OFF")
    return connection


_ENGINE = create_engine("sqlite://", creator=_temporary, poolclass=NullPool)
"""Each connection is a database of its own, gone with it."""


@contextmanager
def _scratch() -> Iterator[Connection]:
    """A connection to a database that nobody else sees, with both sets of tables, empty."""
    with _ENGINE.connect() as connection:
        for statement in _definitions():
            connection.exec_driver_sql(statement)
        yield connection


@cache
def _definitions() -> tuple[str, ...]:
    tables = (*_MADE.values(), *_STORED.values())
    indexes = [index for table in tables for index in table.indexes]
    return (
        *(str(CreateTable(table).compile(_ENGINE)) for table in tables),
        *(str(CreateIndex(index).compile(_ENGINE)) for index in indexes),
    )


def check_projections(connection: Connection, pause: Pause = lambda: None) -> Iterator[Difference]:
    """All read models. Raises sqlalchemy.exc.SQLAlchemyError."""
    names = _names(connection)
    with _scratch() as scratch:
        _copy(connection, select(*(orders.c[name] for name in _ORDER_COLUMNS)), scratch, _MADE[orders.name])
        starts = _put_back(scratch, begun_orders(connection))
        for page in event_pages(connection):
            play(scratch, page, names, starts)
            pause()
        for compared in _ALL:
            rows = select(*(compared.table.c[name] for name in compared.columns))
            _copy(connection, rows, scratch, _STORED[compared.table.name])
            yield from _differences(scratch, compared, names)


def check_errands(
    connection: Connection, errand_ids: Sequence[str], pause: Pause = lambda: None
) -> Iterator[Difference]:
    """The rows of these errands and of their receipts alone. Raises sqlalchemy.exc.SQLAlchemyError."""
    names = _names(connection)
    for start in range(0, len(errand_ids), CHUNK):
        chunk = errand_ids[start : start + CHUNK]
        with _scratch() as scratch:
            for page in event_pages(connection, events.c.errand.in_(chunk)):
                play(scratch, page, names, {})
                pause()
            for compared in _ERRANDS:
                rows = _theirs(connection, scratch, compared.table, chunk)
                _copy(connection, rows, scratch, _STORED[compared.table.name])
                yield from _differences(scratch, compared, names)


def _theirs(connection: Connection, scratch: Connection, table: Table, chunk: Sequence[str]) -> Select[Any]:
    """Rows of these errands; of receipts also who has the number: it is the first that tells of it who keeps it."""
    if table is not receipts:
        return select(table).where(table.c.errand.in_(chunk))
    made = _MADE[receipts.name]
    numbers = list(scratch.execute(select(made.c.number)).scalars())
    kept = select(receipts.c.number).where(receipts.c.number.in_(numbers), receipts.c.errand.not_in(chunk))
    others = list(connection.execute(kept).scalars())
    scratch.execute(made.delete().where(made.c.number.in_(others)))
    return select(table).where(table.c.errand.in_(chunk))


def _names(connection: Connection) -> dict[int, str]:
    return {row.id: row.name for row in connection.execute(select(stations.c.id, stations.c.name))}


def _put_back(scratch: Connection, begun: Sequence[Row[Any]]) -> dict[str, int]:
    """Orders as they began. Gives the event after which each moves again."""
    made = _MADE[orders.name]
    back = update(made).where(made.c.order == bindparam("this"))
    back = back.values(state=bindparam("began"), slot=bindparam("lay"), changed=bindparam("at"), begun=True)
    rows = [{"this": row.order, "began": row.state, "lay": row.slot, "at": row.changed} for row in begun]
    if rows:
        scratch.execute(back, rows)
    return {row.order: row.after for row in begun}


def _copy(connection: Connection, query: Select[Any], scratch: Connection, into: Table) -> None:
    rows = connection.execute(query, execution_options={"yield_per": CHUNK})
    for some in rows.mappings().partitions():
        scratch.execute(insert(into), [dict(row) for row in some])


def _differences(scratch: Connection, compared: _Compared, names: Mapping[int, str]) -> Iterator[Difference]:
    made, stored = _MADE[compared.table.name], _STORED[compared.table.name]
    for row in _only_in(scratch, compared, made, stored):
        other = _same_row(scratch, stored, row)
        if other is None:
            yield _difference("missing", compared, row, names)
            continue
        for name in compared.columns:
            if row[name] != other[name]:
                actual, expected = (_text(each[name]) for each in (other, row))
                yield _difference("differs", compared, row, names, name, actual, expected)
    for row in _only_in(scratch, compared, stored, made):
        if _same_row(scratch, made, row) is None:
            yield _difference("extra", compared, row, names)


def _only_in(scratch: Connection, compared: _Compared, here: Table, there: Table) -> list[RowMapping]:
    """Rows of one that the other has not so, by their keys."""
    left, right = (select(*(table.c[name] for name in compared.columns)) for table in (here, there))
    if _BEGUN in here.c:
        left = left.where(here.c[_BEGUN])
    only_here = left.except_(right).subquery()
    query = select(only_here).order_by(*(only_here.c[column.name] for column in here.primary_key)).limit(MOST)
    return list(scratch.execute(query).mappings())


def _same_row(scratch: Connection, table: Table, row: RowMapping) -> RowMapping | None:
    same = and_(*(column == row[column.name] for column in table.primary_key))
    return scratch.execute(select(table).where(same)).mappings().first()


def _difference(
    fault: Fault,
    compared: _Compared,
    row: RowMapping,
    names: Mapping[int, str],
    column: str = "",
    stored: str | None = None,
    expected: str | None = None,
) -> Difference:
    station_key = row["station"]
    station = names.get(station_key, str(station_key)) if isinstance(station_key, int) else station_key
    key = ":".join(str(row[name]) for name in compared.key)
    return Difference(fault, station, str(compared.table.name), key, column, stored, expected)


def _text(value: object) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
