"""Queries of stations and their chains, read at the start of a batch and written at its end.

Rules: on PostgreSQL the locks of the stations come first, so that what is read is what is written back. That a station was
heard is written once a second and not with every batch.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from fleet.server.database.bulk import Put, insert_for, is_postgres, stored_time
from fleet.server.database.database import StoredRowError
from fleet.server.database.postgres import Statement, in_one_trip, locking
from fleet.server.events.received_sequences import ReceivedSequences, gaps_from_text, gaps_to_text
from fleet.server.events.tables import chains
from fleet.server.stations.tables import stations

HEARD_EVERY = timedelta(seconds=1)

_HEARD = "UPDATE stations SET heard = {one} WHERE id {among} AND (heard IS NULL OR heard NOT BETWEEN {one} AND {one})"
_CHAINS = "SELECT station, epoch, highest, gaps, head, intact FROM chains WHERE station {among}"
_ON_POSTGRES = {"one": "%b", "among": "= ANY(%b::integer[])"}
_ON_SQLITE = {"one": "?", "among": "IN (SELECT value FROM json_each(?))"}


@dataclass(slots=True)
class Chain:
    """One chain while a batch is taken. `head`: hash of the event at the highest sequence, where it could be read."""

    held: ReceivedSequences
    head: str | None = None
    intact: bool = True

    def hold(self, sequence: int, hash_: str | None) -> None:
        """This one is held too."""
        if sequence > self.held.highest:
            self.head = hash_
        self.held = self.held.with_sequence(sequence)


Chains = dict[tuple[str, int], Chain]
"""By station's name and epoch."""


def open_chains(
    connection: Connection,
    names: set[str],
    known_numbers: Mapping[str, int],
    now: datetime,
    silent: Set[str] = frozenset(),
) -> tuple[dict[str, int], Chains]:
    """The keys of these stations, which have been heard now but for the `silent`, and what is held of them. Those that speak for
    the first time get a key. `known_numbers`: keys from before. Raises sqlalchemy.exc.DBAPIError, StoredRowError."""
    locks = locking(names) if is_postgres(connection) else []
    numbers = {name: known_numbers[name] for name in names & known_numbers.keys()}
    unknown = sorted(names - known_numbers.keys())
    if unknown:
        _run(connection, locks)
        numbers |= _introduced(connection, unknown)
        locks = []
    heard = sorted(number for name, number in numbers.items() if name not in silent)
    rows = _run(connection, [*locks, *_opening(connection, sorted(numbers.values()), heard, now)])[-1]
    by_number = {number: name for name, number in numbers.items()}
    return numbers, {(by_number[row[0]], row[1]): _read(by_number[row[0]], *row[1:]) for row in rows}


def _read(station: str, epoch: int, highest: int, gaps: str, head: str | None, intact: bool) -> Chain:
    try:
        return Chain(ReceivedSequences(highest, gaps_from_text(gaps)), head, bool(intact))
    except (msgspec.MsgspecError, TypeError) as error:
        raise StoredRowError(f"the chain of {station}, epoch {epoch}") from error


def chain_rows(chains_: Iterable[tuple[int, int, Chain]]) -> Put:
    """Writes chains back: (station's key, epoch, chain)."""
    rows = [
        {
            "station": station,
            "epoch": epoch,
            "highest": chain.held.highest,
            "gaps": gaps_to_text(chain.held),
            "head": chain.head,
            "intact": chain.intact,
        }
        for station, epoch, chain in chains_
    ]
    return Put(chains, rows, ("highest", "gaps", "head", "intact"))


def _introduced(connection: Connection, unknown: list[str]) -> dict[str, int]:
    rows = [{"name": name, "online": False} for name in unknown]
    connection.execute(insert_for(connection, stations).on_conflict_do_nothing(index_elements=["name"]), rows)
    stored = connection.execute(select(stations.c.name, stations.c.id).where(stations.c.name.in_(unknown)))
    return {row.name: row.id for row in stored}


def _opening(connection: Connection, numbers: list[int], heard: list[int], now: datetime) -> list[Statement]:
    if is_postgres(connection):
        update, chosen = _HEARD.format(**_ON_POSTGRES), _CHAINS.format(**_ON_POSTGRES)
        return [(update, (now, heard, now - HEARD_EVERY, now)), (chosen, (numbers,))]
    at, before = stored_time(now), stored_time(now - HEARD_EVERY)
    update, chosen = _HEARD.format(**_ON_SQLITE), _CHAINS.format(**_ON_SQLITE)
    return [(update, (at, _listed(heard), before, at)), (chosen, (_listed(numbers),))]


def _listed(numbers: list[int]) -> str:
    return msgspec.json.encode(numbers).decode()


def _run(connection: Connection, statements: Sequence[Statement]) -> list[list[Any]]:
    if not statements or is_postgres(connection):
        return in_one_trip(connection, statements) if statements else []
    results = [connection.exec_driver_sql(statement, tuple(values)) for statement, values in statements]
    return [list(result) if result.returns_rows else [] for result in results]
