"""Query of the overview's figures, from one snapshot.

Alarms here are those that are kept and those that follow from how things are: offline, device faults, orders past
their day.

>>> start_of_day(datetime(2026, 6, 1, 12, tzinfo=UTC)).tzinfo is UTC
True
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    and_,
    cast,
    extract,
    func,
    select,
)

from fleet.messages.vocabulary import ErrandOutcome
from fleet.server.clock.local_days import local_day, start_of_day
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.deadlines.settings import ALARMS
from fleet.server.errands.tables import errands
from fleet.server.orders.tables import orders
from fleet.server.readings.model import Summary
from fleet.server.stations.model import Contact, StationRow
from fleet.server.stations.tables import RETIRED_NAMES, alarms, stations

QUARTER_S = 900
"""No time zone is off by less."""
DEVICE_FAULT = "device_fault"
OUT_OF_SERVICE = "out_of_service"
ORDER_EXPIRED = "order_expired"
ORDER_MISPLACED = "order_misplaced"
MOST_EXPIRED = 100
"""Orders past their day that are named one by one; the list of orders shows all."""

Alarm = tuple[str, str, str]


def summary(
    connection: Connection, now: datetime, rows: Sequence[StationRow], seen: StationCondition = all_stations
) -> Summary:
    """All figures. `rows`: all stations."""
    begun = _begun(connection, now, seen)
    waits = and_(seen(orders.c.station), orders.c.state == "waiting", orders.c.last_day >= local_day(now))
    return Summary(
        stations=len(rows),
        stations_online=sum(row.online for row in rows),
        stations_silent=sum(row.contact is Contact.SILENT for row in rows),
        stations_receiving=sum(row.receives_visitors for row in rows),
        errands_today=sum(row.many for row in begun),
        errands_by_hour=_by_hour(begun),
        errands_by_kind=tuple(_by_kind(begun).most_common()),
        orders_waiting=connection.execute(select(func.count()).select_from(orders).where(waits)).scalar_one(),
        alarms=tuple(_alarms(connection, rows, now, seen)),
    )


class _Begun(NamedTuple):
    """Errands that are alike: begun in the same quarter of an hour, since 1970."""

    quarter: int
    kind: str
    outcome: str | None
    has_ended: bool
    many: int


def _begun(connection: Connection, now: datetime, seen: StationCondition) -> list[_Begun]:
    """Today's errands, counted by the database: there may be a million."""
    started = errands.c.started
    if connection.dialect.name == "postgresql":
        quarter: ColumnElement[int] = cast(func.floor(extract("epoch", started) / QUARTER_S), BigInteger)
    else:
        quarter = cast(func.strftime("%s", started), Integer) // QUARTER_S
    alike = (quarter, errands.c.kind, errands.c.outcome, errands.c.ended.is_not(None))
    labelled = [each.label(f"c{number}") for number, each in enumerate(alike)]
    query = select(*labelled, func.count()).join(stations, stations.c.id == errands.c.station)
    today = query.where(seen(stations.c.name), started >= start_of_day(now))
    return [_Begun._make(row) for row in connection.execute(today.group_by(*labelled).order_by(labelled[0]))]


def _by_kind(begun: Sequence[_Begun]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for row in begun:
        kinds[row.kind] += row.many
    return kinds


def _by_hour(begun: Sequence[_Begun]) -> tuple[tuple[int, int, int, int], ...]:
    """(local hour, done, cancelled or timed out, failed) of errands that have ended."""
    hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    places: dict[str, int] = {ErrandOutcome.DONE: 0, ErrandOutcome.CANCELLED: 1, ErrandOutcome.TIMED_OUT: 1}
    for row in begun:
        if row.has_ended:
            hour = datetime.fromtimestamp(row.quarter * QUARTER_S, UTC).astimezone().hour
            hours[hour][places.get(row.outcome or "", 2)] += row.many
    return tuple((hour, *figures) for hour, figures in sorted(hours.items()))  # type: ignore[misc]


def _alarms(
    connection: Connection, rows: Sequence[StationRow], now: datetime, seen: StationCondition
) -> Iterator[Alarm]:
    kept = select(alarms).where(
        seen(alarms.c.station), alarms.c.code.not_in(ALARMS), alarms.c.station.not_in(RETIRED_NAMES)
    )
    for row in connection.execute(kept.order_by(alarms.c.last.desc())):
        yield row.station, row.code, row.argument
    for station in rows:
        yield from _station_alarms(station)
    past = and_(seen(orders.c.station), orders.c.state == "waiting", orders.c.last_day < local_day(now))
    expired = select(orders.c.station, orders.c.order).where(past).order_by(orders.c.last_day).limit(MOST_EXPIRED)
    for row in connection.execute(expired):
        yield row.station, ORDER_EXPIRED, row.order
    lies_wrong = and_(seen(orders.c.station), orders.c.state == "misplaced")
    misplaced = select(orders.c.station, orders.c.order).where(lies_wrong).order_by(orders.c.changed)
    for row in connection.execute(misplaced.limit(MOST_EXPIRED)):
        yield row.station, ORDER_MISPLACED, row.order


def _station_alarms(station: StationRow) -> Iterator[Alarm]:
    if not station.online:
        if station.heard is not None:  # else it was added by name, and is still to be set up
            yield station.name, station.contact, ""
        return
    if station.state is None:
        return
    if station.state.out_of_service is not None:
        yield station.name, OUT_OF_SERVICE, station.state.out_of_service
    for device in station.state.devices:
        if not device.ok:
            yield station.name, DEVICE_FAULT, device.name
