"""Leavers of the directory: people whose last assignment has ended and who do not go on in the region.

Who has left is handed nothing. A day that is still to come is no leave yet.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from fleet.server.people.tables import people

CHUNK = 500


def leavers_among(connection: Connection, hsa_ids: Collection[str], today: str) -> dict[str, str]:
    """Those who have left, and on which day. `today`: ISO 8601."""
    names = sorted(set(hsa_ids))
    found: dict[str, str] = {}
    for start in range(0, len(names), CHUNK):
        chosen = and_(people.c.hsa_id.in_(names[start : start + CHUNK]), _gone(today))
        found |= {
            row.hsa_id: row.left for row in connection.execute(select(people.c.hsa_id, people.c.left).where(chosen))
        }
    return found


def has_left(hsa_id: ColumnElement[Any], today: str) -> ColumnElement[bool]:
    """The condition that the person of that column has left."""
    return exists().where(people.c.hsa_id == hsa_id, _gone(today))


def _gone(today: str) -> ColumnElement[bool]:
    return and_(people.c.left <= today, ~people.c.continued)
