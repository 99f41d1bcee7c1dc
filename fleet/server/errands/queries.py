"""Queries of errands: filter, sort order, and rows as values.

>>> "errands" in str(errand_rows())
True
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from fleet.server.clock import local_days
from fleet.server.errands.model import GOING_ON, ErrandQuery, ErrandRow
from fleet.server.errands.tables import errands
from fleet.server.stations.tables import stations


def errand_rows() -> Select[Any]:
    """Errands with the names of their stations."""
    return select(errands, stations.c.name).join(stations, stations.c.id == errands.c.station)


def matches_query(sought: ErrandQuery, now: datetime) -> ColumnElement[bool]:
    """Return the condition under which an errand matches."""
    if sought.day is None:
        conditions = [errands.c.started >= local_days.start_of_day(now)]
    else:
        began, ended = local_days.bounds_of_day(sought.day)
        conditions = [errands.c.started >= began, errands.c.started < ended]
    if sought.station is not None:
        conditions.append(stations.c.name == sought.station)
    if sought.kind:
        conditions.append(errands.c.kind == sought.kind)
    if sought.outcome:
        conditions.append(
            errands.c.ended.is_(None) if sought.outcome == GOING_ON else errands.c.outcome == sought.outcome
        )
    return and_(*conditions)


def comes_after(last: ErrandRow) -> ColumnElement[bool]:
    """In the order newest first, and by name where two began at the same time."""
    started = errands.c.started
    return and_(started <= last.started, or_(started < last.started, errands.c.errand > last.errand))


def errand_row(row: Any) -> ErrandRow:
    """Of a row of `errand_rows`."""
    return ErrandRow(
        errand=row.errand,
        station=row.name,
        kind=row.kind,
        started=row.started.astimezone(UTC),
        ended=row.ended,
        outcome=row.outcome,
        order=row.order,
        card_number=row.card_number,
        hsa_id=row.hsa_id,
        receipt=row.receipt,
    )
