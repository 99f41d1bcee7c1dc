"""Alarms that are kept: one row for each station and code, with how often and since when.

What can be computed from the rest (offline, device faults, expired orders) is no row: see `reading`. Codes are
stable; the argument says which, never what was in it.

>>> raise_alarm(connection, Alarm("entre-a", "quarantined", "not an event"), now)  # doctest: +SKIP
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, update

from fleet.server.store.tables import alarms

CHAIN_BROKEN = "chain_broken"
QUARANTINED = "quarantined"
CONFLICT = "conflict"
UNFIT = "unfit"
GUESSING = "guessing"
TOO_MANY_GAPS = "too_many_gaps"
RECEIPT_TWICE = "receipt_twice"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should look at."""

    station: str
    code: str
    argument: str


def raise_alarm(connection: Connection, alarm: Alarm, now: datetime) -> None:
    """Keep it, or count it once more."""
    same = (alarms.c.station == alarm.station) & (alarms.c.code == alarm.code)
    again = update(alarms).where(same).values(argument=alarm.argument, last=now, times=alarms.c.times + 1)
    if connection.execute(again).rowcount == 0:
        values = {"station": alarm.station, "code": alarm.code, "argument": alarm.argument}
        connection.execute(insert(alarms).values(**values, first=now, last=now, times=1))
