"""Query of the station list: all stations as values for pages, from one snapshot.

Rule: a station of which nothing new is stored, and that has not fallen silent since, is the same value as when it was last read;
of ten thousand few have said something since.

>>> known = StationRowCache()
"""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, column, func, select, true

from fleet.messages.link import StationState
from fleet.server.clock.local_days import start_of_day
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.errands.tables import errands
from fleet.server.events.received_sequences import ReceivedSequences, gaps_from_text
from fleet.server.events.tables import chains, quarantine
from fleet.server.stations.model import Contact, Retirement, StationRow, contact_of
from fleet.server.stations.tables import IN_FLEET, stations


class _Chains(NamedTuple):
    """All chains of one station. `intact` is None before the first event."""

    through: int = 0
    missing: int = 0
    intact: bool | None = None


_Stored = tuple[str, Contact, str | None, datetime | None, _Chains, int, int, Retirement | None]
"""Of one station: name, the contact with it, its state's text, when it was heard, chains, today's errands, what is set aside, and
whether it is retired."""

_NOTHING = _Chains()
_COLUMNS = [
    stations.c[name] for name in ("id", "name", "online", "state", "heard", "retired", "retired_by", "retired_why")
]
_decoder = msgspec.json.Decoder(StationState)


class StationRowCache:
    """Stations as they were last read. For many threads."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[_Stored, StationRow]] = {}

    def row(self, stored: _Stored) -> StationRow:
        """Return the station's row, made anew only where the store has changed."""
        before = self._rows.get(stored[0])
        if before is not None and before[0] == stored:
            return before[1]
        state = before[1].state if before is not None and before[0][2] == stored[2] else _read(stored[2])
        made = _made(stored, state)
        self._rows[stored[0]] = stored, made
        return made


def _read(text: str | None) -> StationState | None:
    return None if text is None else _decoder.decode(text)


def _made(stored: _Stored, state: StationState | None) -> StationRow:
    name, contact, _, heard, chain, errands_today, quarantined, retired = stored
    return StationRow(
        name, state.title if state else name, contact, state, heard, errands_today,
        chain.through, chain.missing, chain.intact, quarantined, retired,
    )  # fmt: skip


def station_rows(
    connection: Connection,
    now: datetime,
    row_cache: StationRowCache,
    name: str | None = None,
    seen: StationCondition = all_stations,
    *,
    retired: bool = False,
) -> list[StationRow]:
    """All stations of the fleet by name, or those that are `retired`; or the one of that name, retired or not."""
    query = select(*_COLUMNS).where(seen(stations.c.name)).order_by(stations.c.name)
    of_one: ColumnElement[bool] = true()
    if name is None:
        query = query.where(~IN_FLEET if retired else IN_FLEET)
        if retired:
            of_one = column("station").in_(select(stations.c.id).where(~IN_FLEET))
    else:
        query = query.where(stations.c.name == name)
        of_one = select(stations.c.id).where(stations.c.name == name).scalar_subquery() == column("station")
    chains_by_station = _chains(connection, of_one)
    begun = _counts(connection, errands, errands.c.started >= start_of_day(now), of_one)
    spoilt = _counts(connection, quarantine, of_one)
    return [
        row_cache.row(
            (
                name,
                contact_of(online=online, heard=heard, now=now),
                text,
                heard,
                chains_by_station.get(number, _NOTHING),
                begun.get(number, 0),
                spoilt.get(number, 0),
                None if since is None else Retirement(since, by, why),
            )
        )
        for number, name, online, text, heard, since, by, why in connection.execute(query).all()
    ]


def _chains(connection: Connection, of_one: ColumnElement[bool]) -> dict[int, _Chains]:
    """Return the chains of each station, over its epochs; `through` is the newest one's."""
    chains_by_station: dict[int, _Chains] = {}
    columns = select(chains.c.station, chains.c.highest, chains.c.gaps, chains.c.intact).where(of_one)
    for station, highest, gaps, intact in connection.execute(columns.order_by(chains.c.station, chains.c.epoch)):
        sequences, before = ReceivedSequences(highest, gaps_from_text(gaps)), chains_by_station.get(station, _NOTHING)
        chains_by_station[station] = _Chains(
            sequences.through, before.missing + sequences.missing, intact and before.intact is not False
        )
    return chains_by_station


def _counts(connection: Connection, table: Table, *which: ColumnElement[bool]) -> Counter[int]:
    """Return the number of rows of each station."""
    query = select(table.c.station, func.count()).where(*which).group_by(table.c.station)
    return Counter({row[0]: row[1] for row in connection.execute(query)})
