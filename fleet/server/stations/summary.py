"""The figures of the overview, from one snapshot.

Alarms here are those that are kept and those that follow from how things are: offline, device faults, orders past
their day.

>>> start_of_day(datetime(2026, 6, 1, 12, tzinfo=UTC)).tzinfo is UTC
True
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    and_,
    cast,
    extract,
    false,
    func,
    or_,
    select,
    true,
)

from fleet.messages.vocabulary import ErrandOutcome
from fleet.server.deadlines.settings import ALARMS
from fleet.server.platform.database.tables import alarms, errands, orders, stations
from fleet.server.stations.model import StationRow, Summary

QUARTER_S = 900
"""No time zone is off by less."""
OFFLINE = "offline"
DEVICE_FAULT = "device_fault"
OUT_OF_SERVICE = "out_of_service"
ORDER_EXPIRED = "order_expired"
ORDER_MISPLACED = "order_misplaced"
MOST_EXPIRED = 100
"""Orders past their day that are named one by one; the list of orders shows all."""

Alarm = tuple[str, str, str]
Inside = Callable[[Any], ColumnElement[bool]]
"""From a column with station names to the condition that the reader may see them."""


def everywhere(_column: Any) -> ColumnElement[bool]:
    """All stations."""
    return true()


def inside(patterns: frozenset[str]) -> Inside:
    """Stations by name, or by beginning of name and `*`."""

    def condition(column: Any) -> ColumnElement[bool]:
        beginnings = (column.startswith(one[:-1], autoescape=True) for one in sorted(patterns) if one.endswith("*"))
        names = sorted(one for one in patterns if not one.endswith("*"))
        return or_(false(), *([column.in_(names)] if names else []), *beginnings)

    return everywhere if "*" in patterns else condition


def visible(patterns: frozenset[str]) -> Callable[[str], bool]:
    """The same of a name."""
    names = frozenset(one for one in patterns if not one.endswith("*"))
    beginnings = tuple(one[:-1] for one in patterns if one.endswith("*"))
    return lambda name: name in names or name.startswith(beginnings)


def composed(typed: str) -> str:
    """What somebody looks for, as names are stored: some keyboards send a letter and its ring apart (Unicode, NFC)."""
    return unicodedata.normalize("NFC", typed.strip())


def start_of_day(now: datetime) -> datetime:
    """Local midnight before `now`, in UTC."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def bounds_of_day(day: date) -> tuple[datetime, datetime]:
    """Local midnight that begins that day and the one that ends it, in UTC. The last day that can be named ends with itself."""
    ends = day if day == date.max else day + timedelta(days=1)
    first, last = (_midnight(one) for one in (day, ends))
    return first, last


def _midnight(day: date) -> datetime:
    try:
        return datetime.combine(day, time.min).astimezone().astimezone(UTC)
    except (OverflowError, ValueError):  # a day at the edge of the calendar has no other zone's time
        return datetime.combine(day, time.min, UTC)


def local_day(now: datetime) -> str:
    """The local day of `now`, ISO 8601."""
    return now.astimezone().date().isoformat()


def summary(connection: Connection, now: datetime, rows: Sequence[StationRow], seen: Inside = everywhere) -> Summary:
    """All figures. `rows`: all stations."""
    begun = _begun(connection, now, seen)
    waits = and_(seen(orders.c.station), orders.c.state == "waiting", orders.c.last_day >= local_day(now))
    return Summary(
        stations=len(rows),
        stations_online=sum(row.online for row in rows),
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


def _begun(connection: Connection, now: datetime, seen: Inside) -> list[_Begun]:
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


def _alarms(connection: Connection, rows: Sequence[StationRow], now: datetime, seen: Inside) -> Iterator[Alarm]:
    kept = select(alarms).where(seen(alarms.c.station), alarms.c.code.not_in(ALARMS))
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
        yield station.name, OFFLINE, ""
        return
    if station.state is None:
        return
    if station.state.out_of_service is not None:
        yield station.name, OUT_OF_SERVICE, station.state.out_of_service
    for device in station.state.devices:
        if not device.ok:
            yield station.name, DEVICE_FAULT, device.name
