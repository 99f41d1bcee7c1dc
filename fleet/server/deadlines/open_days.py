"""Days on which stations received visitors: nobody is held to a deadline on days on which they could not do what it asks for.

Rules: only `receipt_unsigned` asks for something that is done at a station. At each look, the day is noted for every station that
has handed out a card whose receipt is owed and that receives visitors. A day on which the server did not look is none. A receipt
can be signed at any station: for one that is retired, the day is noted where any other receives visitors.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy import Connection, RowMapping, delete, select

from fleet.messages.link import StationState, decode
from fleet.server.database.bulk import insert_new
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.settings import Code, DeadlineRule
from fleet.server.deadlines.tables import open_days
from fleet.server.orders.model import UNSIGNED
from fleet.server.orders.tables import orders
from fleet.server.stations.model import contact_of, does_receive_visitors
from fleet.server.stations.tables import IN_FLEET, stations

KEPT = timedelta(days=400)


def note_open_stations(connection: Connection, today: date, now: datetime) -> None:
    """Note that this is a day on which these stations are open, and forget those of more than a year ago."""
    owing = select(orders.c.station).where(orders.c.state.in_(UNSIGNED))
    theirs = select(stations).where(stations.c.name.in_(owing))
    here = connection.execute(theirs.where(IN_FLEET, stations.c.online)).mappings().all()
    noted = [row["name"] for row in here if _receives_visitors(row, now)]
    retired = connection.execute(theirs.where(~IN_FLEET)).mappings().all()
    if retired and _any_receives_visitors(connection, now):
        noted += [row["name"] for row in retired]
    for name in noted:
        insert_new(connection, open_days, {"station": name, "day": today.isoformat()})
    connection.execute(delete(open_days).where(open_days.c.day < (today - KEPT).isoformat()))


def without_the_time(
    connection: Connection, code: Code, rule: DeadlineRule, deadlines: Collection[Deadline]
) -> frozenset[str]:
    """The subjects of those deadlines since whose beginning there were fewer open days than the rule gives."""
    if code != "receipt_unsigned" or not deadlines:
        return frozenset()
    since = min(deadline.since for deadline in deadlines).isoformat()
    here = open_days.c.station.in_(sorted({deadline.station for deadline in deadlines}))
    rows = connection.execute(select(open_days).where(here, open_days.c.day >= since)).all()
    return frozenset(
        deadline.subject
        for deadline in deadlines
        if sum(row.station == deadline.station and row.day >= deadline.since.isoformat() for row in rows) < rule.days
    )


def _any_receives_visitors(connection: Connection, now: datetime) -> bool:
    present = connection.execute(select(stations).where(IN_FLEET, stations.c.online)).mappings()
    return any(_receives_visitors(row, now) for row in present)


def _receives_visitors(row: RowMapping, now: datetime) -> bool:
    if row["state"] is None:
        return False
    try:
        state = decode(StationState, row["state"].encode())
    except msgspec.MsgspecError:
        return False
    contact = contact_of(online=row["online"], heard=row["heard"], now=now)
    return does_receive_visitors(contact, state, retired=row["retired"] is not None)
