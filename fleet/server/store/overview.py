"""The station list and the figures of the overview, from one snapshot.

Alarms here are those that are kept and those that follow from how things are: offline, device faults, orders past
their day.

>>> start_of_day(datetime(2026, 6, 1, 12, tzinfo=UTC)).tzinfo is UTC
True
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, select

from fleet.messages.link import StationState
from fleet.server.readings import StationRow, Summary
from fleet.server.store.held import Held, gaps_from_text
from fleet.server.store.tables import alarms, chains, errands, orders, quarantine, stations

OFFLINE = "offline"
DEVICE_FAULT = "device_fault"
OUT_OF_SERVICE = "out_of_service"
ORDER_EXPIRED = "order_expired"
ORDER_MISPLACED = "order_misplaced"
MOST_EXPIRED = 100
"""Orders past their day that are named one by one; the list of orders shows all."""

Alarm = tuple[str, str, str]


def start_of_day(now: datetime) -> datetime:
    """Local midnight before `now`, in UTC."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def local_day(now: datetime) -> str:
    """The local day of `now`, ISO 8601."""
    return now.astimezone().date().isoformat()


def summary(connection: Connection, now: datetime) -> Summary:
    """All figures."""
    rows = station_rows(connection, now)
    today = select(errands.c.started, errands.c.kind, errands.c.outcome, errands.c.ended)
    begun = list(connection.execute(today.where(errands.c.started >= start_of_day(now))))
    waits = and_(orders.c.state == "waiting", orders.c.last_day >= local_day(now))
    return Summary(
        stations=len(rows),
        stations_online=sum(row.online for row in rows),
        errands_today=len(begun),
        errands_by_hour=_by_hour(begun),
        errands_by_kind=tuple(Counter(row.kind for row in begun).most_common()),
        orders_waiting=connection.execute(select(func.count()).select_from(orders).where(waits)).scalar_one(),
        alarms=tuple(_alarms(connection, rows, now)),
    )


def station_rows(connection: Connection, now: datetime, name: str | None = None) -> list[StationRow]:
    """All stations by name, or the one of that name."""
    query = select(stations).order_by(stations.c.name)
    if name is not None:
        query = query.where(stations.c.name == name)
    held = _chains(connection)
    since = errands.c.started >= start_of_day(now)
    begun = _counts(connection, select(errands.c.station, func.count()).where(since).group_by(errands.c.station))
    spoilt = _counts(connection, select(quarantine.c.station, func.count()).group_by(quarantine.c.station))
    return [_station_row(row, held[row.id], begun[row.id], spoilt[row.id]) for row in connection.execute(query)]


def _station_row(row: Any, epochs: list[tuple[Held, bool]], errands_today: int, quarantined: int) -> StationRow:
    state = None if row.state is None else msgspec.json.decode(row.state, type=StationState)
    return StationRow(
        name=row.name,
        title=state.title if state else row.name,
        online=row.online,
        state=state,
        heard=row.heard,
        errands_today=errands_today,
        held_through=epochs[-1][0].through if epochs else 0,
        missing=sum(held.missing for held, _ in epochs),
        chain_ok=all(intact for _, intact in epochs) if epochs else None,
        quarantined=quarantined,
    )


def _chains(connection: Connection) -> defaultdict[int, list[tuple[Held, bool]]]:
    """What is held of each station, epoch by epoch."""
    found: defaultdict[int, list[tuple[Held, bool]]] = defaultdict(list)
    for row in connection.execute(select(chains).order_by(chains.c.station, chains.c.epoch)):
        found[row.station].append((Held(row.highest, gaps_from_text(row.gaps)), row.intact))
    return found


def _counts(connection: Connection, query: Any) -> Counter[int]:
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def _by_hour(begun: list[Any]) -> tuple[tuple[int, int, int, int], ...]:
    """(local hour, done, cancelled or timed out, failed) of errands that have ended."""
    hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    places = {"done": 0, "cancelled": 1, "timed_out": 1}
    for row in begun:
        if row.ended is not None:
            hours[row.started.astimezone().hour][places.get(row.outcome, 2)] += 1
    return tuple((hour, *figures) for hour, figures in sorted(hours.items()))  # type: ignore[misc]


def _alarms(connection: Connection, rows: list[StationRow], now: datetime) -> Iterator[Alarm]:
    for row in connection.execute(select(alarms).order_by(alarms.c.last.desc())):
        yield row.station, row.code, row.argument
    for station in rows:
        yield from _station_alarms(station)
    past = and_(orders.c.state == "waiting", orders.c.last_day < local_day(now))
    expired = select(orders.c.station, orders.c.order).where(past).order_by(orders.c.last_day).limit(MOST_EXPIRED)
    for row in connection.execute(expired):
        yield row.station, ORDER_EXPIRED, row.order
    misplaced = select(orders.c.station, orders.c.order).where(orders.c.state == "misplaced").order_by(orders.c.changed)
    for row in connection.execute(misplaced.limit(MOST_EXPIRED)):
        yield row.station, ORDER_MISPLACED, row.order


def _station_alarms(station: StationRow) -> Iterator[Alarm]:
    if not station.online:
        yield station.name, OFFLINE, ""
        return
    if station.state is None:
        return
    if station.state.out_of_service is not None:
        yield station.name, OUT_OF_SERVICE, station.state.out_of_service
    for device in station.state.devices:
        if not device.ok:
            yield station.name, DEVICE_FAULT, device.name
