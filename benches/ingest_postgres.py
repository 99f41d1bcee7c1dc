"""The figures of `benches.ingest` with the store in PostgreSQL: through the broker, and without it beside plain COPY.

The server is Debian's own on a unix socket, with fsync on and settings as they ship. Plain COPY writes the same rows, of events
and of their errands, into tables with the same keys, in commits of the same size, and checks nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL

from benches import ingest
from benches.figures import Figure, ratio_of
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType
from fleet.server.database.database import open_database
from fleet.server.ingest.write import COLUMNS, Writer
from tests.fakes.fleet.region import Region
from tests.fakes.server.postgres import Cluster, cluster, programs

ERRANDS = {
    "errand": "text",
    "station": "int4",
    "kind": "text",
    "started": "timestamptz",
    "ended": "timestamptz",
    "outcome": "text",
    "order": "text",
    "card_number": "text",
    "hsa_id": "text",
    "receipt": "text",
}
"""Columns of a row of errands, and their types."""


def is_here() -> bool:
    """Return whether PostgreSQL is installed."""
    try:
        programs()
    except FileNotFoundError:
        return False
    return True


def measure(region: Region, rounds: Sequence[Sequence[Event]], stored: Sequence[Sequence[Event]]) -> list[Figure]:
    """Events a second, the median of the rounds."""
    with cluster(sync=True) as server:
        address = server.address(server.place().database or "")
        counted, held_figure = ingest.through_broker(region, rounds, "PostgreSQL", "--database", address)
        with _bare(server) as bare, open_database(server.place()) as database:
            pairs = ingest.time_alternately(lambda events: _copied(bare, events), Writer(database), stored)
    floor, ours = ingest.figures_of("plain COPY of the rows", "PostgreSQL", pairs)
    return [counted, ratio_of(held_figure, 0.45), floor, ratio_of(ours, 0.45)]


@contextmanager
def _bare(server: Cluster) -> Iterator["psycopg.Connection[Any]"]:
    """A database with the same tables and keys, and nothing else."""
    place: URL = server.place()
    with psycopg.connect(host=str(server.folder), user=place.username, dbname=place.database) as connection:
        connection.execute(_TABLES)
        connection.commit()
        yield connection


def _copied(connection: "psycopg.Connection[Any]", events: Sequence[Event]) -> float:
    """Seconds that COPY takes for the same rows, with the same durability."""
    cut = [(batch, _errands(batch)) for batch in ingest.batches([ingest.row(event) for event in events])]
    began = time.perf_counter()
    for batch, errands in cut:
        _copy(connection, "events", COLUMNS, batch)
        _copy(connection, "errands", ERRANDS, errands)
        connection.commit()
    return time.perf_counter() - began


def _errands(batch: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The errands that begin in these rows, as they end."""
    return [
        (row[6], 1, "pickup", row[-1], row[-1], "cancelled", None, None, None, None)
        for row in batch
        if row[3] == EventType.ERRAND_STARTED
    ]


def _copy(connection: "psycopg.Connection[Any]", table: str, columns: dict[str, str], rows: Sequence[Any]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(tuple(columns.values()))
        for row in rows:
            copy.write_row(row)


def _columns(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())


_TABLES = (
    f"CREATE TABLE events (id bigserial PRIMARY KEY, {_columns(COLUMNS)}, UNIQUE (station, epoch, sequence));"
    f"CREATE INDEX ON events (errand); CREATE TABLE errands ({_columns(ERRANDS)}, PRIMARY KEY (errand, station));"
    "CREATE INDEX ON errands (started)"
)
