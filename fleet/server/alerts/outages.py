"""Outages: alerts of many stations that began together, kept as one alert with its members; and who is told of a new alert.

Rules: an alert with the code of an open outage, begun within a window of its begin, joins it; as many stations as the
settings say, with one code and begun within a window, become one. People are told of an outage in place of its members, a
window after it was found, so that one message has them all; an alert that may turn out to be part of one waits as long, but for
those that are urgent. A
member closes alone, and the outage with its last one. Its members stay alerts: for who may see some stations only, and for
the page of a station.
"""

import uuid
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from fleet.server.alerts.notices import CLOSED, OPENED, queue_notices
from fleet.server.alerts.rules import LATCHED, URGENT
from fleet.server.alerts.settings import AlertSettings
from fleet.server.alerts.tables import alerts, notices
from fleet.server.stations.tables import IN_FLEET, stations

ROWS = 500
"""So many keys in a statement."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An open alert that may be part of an outage."""

    id: int
    station: str
    first: datetime


def announce(connection: Connection, code: str, numbers: Sequence[int], settings: AlertSettings, now: datetime) -> None:
    """Tell people of these alerts, which are new; where they are part of an outage, of that alone."""
    window = timedelta(seconds=settings.outage.window_s)
    if not _may_be_outage(connection, code, settings):
        _tell(connection, numbers, code, settings, now, now)
        return
    alone = _join(connection, code, _members(connection, numbers), window)
    if alone:
        begun = [member.first for member in alone]
        near = _candidates(connection, code, min(begun) - window, max(begun) + window)
        for members in _clusters(near, window, settings.outage.stations):
            _begin(connection, code, members, settings, now)
            alone = _without(alone, members)
    _tell(connection, [member.id for member in alone], code, settings, now, _due(code, settings, now))


def reopen(connection: Connection, members: Sequence[int]) -> None:
    """Open the outages that these alerts are part of, as they are so again."""
    again = outages_of(connection, members)
    if again:
        reopened = {"closed": None, "times": alerts.c.times + 1}
        connection.execute(update(alerts).where(alerts.c.id.in_(again), alerts.c.closed.is_not(None)).values(reopened))


def outages_of(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """The outages that these alerts are part of."""
    return {
        outage
        for some in _portions(numbers)
        for outage in connection.execute(select(alerts.c.outage).where(alerts.c.id.in_(some))).scalars()
        if outage is not None
    }


def settle(connection: Connection, settings: AlertSettings, now: datetime, grown: Set[int] = frozenset()) -> None:
    """Count the members of open outages; close those that are over. `grown`: of whose end nobody is told, as worse took its
    place."""
    query = select(alerts.c.id).where(alerts.c.stations.is_not(None), alerts.c.closed.is_(None))
    for number in connection.execute(query).scalars().all():
        mine = select(func.count(alerts.c.station.distinct())).where(alerts.c.outage == number)
        all_of_it = connection.execute(mine).scalar_one()
        still = connection.execute(mine.where(alerts.c.closed.is_(None))).scalar_one()
        counts = {"stations": all_of_it, "still": still, "detail": str(all_of_it)}
        connection.execute(update(alerts).where(alerts.c.id == number).values(counts))
        if not still:
            close(connection, [number], settings, now, tell=number not in grown)


def close(
    connection: Connection, numbers: Sequence[int], settings: AlertSettings, now: datetime, *, tell: bool = True
) -> None:
    """Close these alerts. Who was told that one began is told that it is over; a message that still waits for its window is not
    sent."""
    for some in _portions(numbers):
        connection.execute(update(alerts).where(alerts.c.id.in_(some)).values(closed=now))
        waits = and_(notices.c.alert.in_(some), notices.c.due > now, notices.c.tries == 0)
        connection.execute(delete(notices).where(waits))
        if tell:
            queue_notices(connection, _notified_channels(connection, some, settings), CLOSED, now, now)


def _notified_channels(
    connection: Connection, numbers: Sequence[int], settings: AlertSettings
) -> list[tuple[int, str]]:
    """Return pairs of alert and channel: the channel, which is still there, was told of the alert, or is about to be."""
    names = [channel.name for channel in settings.channels]
    query = select(notices.c.alert, notices.c.channel).where(notices.c.alert.in_(numbers)).distinct()
    rows = [(row.alert, row.channel) for row in connection.execute(query) if row.channel in names]
    return sorted(rows, key=lambda pair: (pair[0], names.index(pair[1])))


def _may_be_outage(connection: Connection, code: str, settings: AlertSettings) -> bool:
    least = settings.outage.stations
    return least > 0 and code not in LATCHED and _count_stations(connection) >= least


def _count_stations(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(stations).where(IN_FLEET)).scalar_one()


def _members(connection: Connection, numbers: Sequence[int]) -> list[_Member]:
    query = select(alerts.c.id, alerts.c.station, alerts.c.first).order_by(alerts.c.first)
    members = [
        _Member(row.id, row.station, row.first)
        for some in _portions(numbers)
        for row in connection.execute(query.where(alerts.c.id.in_(some), alerts.c.station != ""))
    ]
    return sorted(members, key=lambda member: member.first)


def _candidates(connection: Connection, code: str, since: datetime, until: datetime) -> list[_Member]:
    """Open alerts of stations, begun between these times, that people may see and that are part of no outage."""
    query = select(alerts.c.id, alerts.c.station, alerts.c.first).where(
        alerts.c.code == code, alerts.c.station != "", alerts.c.closed.is_(None), alerts.c.silent.is_(False),
        alerts.c.outage.is_(None), alerts.c.first.between(since, until),
    )  # fmt: skip
    rows = connection.execute(query.order_by(alerts.c.first, alerts.c.id))
    return [_Member(row.id, row.station, row.first) for row in rows]


def _join(connection: Connection, code: str, fresh: Sequence[_Member], window: timedelta) -> list[_Member]:
    """Put them to the open outages that they are part of; gives the others."""
    query = select(alerts.c.id, alerts.c.first).where(alerts.c.stations.is_not(None), alerts.c.code == code)
    for outage in connection.execute(query.where(alerts.c.closed.is_(None))).all():
        mine = [member for member in fresh if abs(member.first - outage.first) <= window]
        _put(connection, outage.id, mine)
        fresh = _without(fresh, mine)
    return list(fresh)


def _clusters(near: Sequence[_Member], window: timedelta, least: int) -> Iterator[list[_Member]]:
    """Yield the groups that began within a window of each other, at `least` stations or more. `near`: in order of their begin."""
    start = end = 0
    while start < len(near):
        while end < len(near) and near[end].first - near[start].first <= window:
            end += 1
        members = list(near[start:end])
        if len({member.station for member in members}) >= least:
            yield members
            start = end
        else:
            start += 1


def _begin(
    connection: Connection, code: str, members: Sequence[_Member], settings: AlertSettings, now: datetime
) -> None:
    severity, first = settings.rule[code].severity, members[0].first
    values = {
        "station": "", "code": code, "subject": str(uuid.uuid4()), "severity": severity, "detail": str(len(members)),
        "first": first, "last": first, "times": 1, "silent": False, "stations": len(members), "still": len(members),
    }  # fmt: skip
    key = connection.execute(insert(alerts).values(values)).inserted_primary_key
    assert key is not None
    _put(connection, key[0], members)
    _tell(connection, [key[0]], code, settings, now, _due(code, settings, now))


def _due(code: str, settings: AlertSettings, now: datetime) -> datetime:
    return now if code in URGENT else now + timedelta(seconds=settings.outage.window_s)


def _put(connection: Connection, outage: int, members: Sequence[_Member]) -> None:
    for some in _portions([member.id for member in members]):
        connection.execute(update(alerts).where(alerts.c.id.in_(some)).values(outage=outage))
        connection.execute(delete(notices).where(notices.c.alert.in_(some), notices.c.sent.is_(None)))


def _tell(
    connection: Connection, numbers: Sequence[int], code: str, settings: AlertSettings, now: datetime, due: datetime
) -> None:
    names = settings.told_of(settings.rule[code].severity)
    queue_notices(connection, [(number, name) for number in numbers for name in names], OPENED, now, due)


def _without(members: Sequence[_Member], others: Sequence[_Member]) -> list[_Member]:
    gone = set(others)
    return [member for member in members if member not in gone]


def _portions(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + ROWS] for at in range(0, len(numbers), ROWS))
