"""People as the directory tells of them: who has left, and whose name has changed.

Rules: an import changes those whom it names and nobody else, all of them or none; a protected identity has no name here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from fleet.server.people.tables import people
from fleet.server.platform.database.bulk import Put, put_all
from fleet.server.platform.database.station_scope import composed
from fleet.server.platform.import_files import Imported

CHUNK = 500


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person. Days are ISO 8601. `left`: the last assignment ended; `continued`: another one in the region follows, and the
    card may be kept."""

    hsa_id: str
    name: str | None
    protected: bool = False
    left: str | None = None
    continued: bool = False
    name_changed: str | None = None


def import_people(connection: Connection, rows: Sequence[PersonRow], now: datetime) -> Imported:
    """Take all of them."""
    known = _known(connection, [row.hsa_id for row in rows])
    changed = [row for row in rows if known.get(row.hsa_id) != row]
    values = [{**asdict(row), "changed": now} for row in changed]
    put_all(connection, [Put(people, values, [column.name for column in people.c if not column.primary_key])])
    added = sum(row.hsa_id not in known for row in rows)
    return Imported(added, len(changed) - added, len(rows) - len(changed))


def person(connection: Connection, hsa_id: str) -> PersonRow | None:
    """That person."""
    return _known(connection, [hsa_id]).get(hsa_id)


def listed(
    connection: Connection, *, search: str = "", limit: int = 100, offset: int = 0
) -> tuple[list[PersonRow], int]:
    """People by HSA-id whose name or HSA-id has that in it, and how many there are."""
    wanted = composed(search)
    fits = or_(*(column.icontains(wanted, autoescape=True) for column in (people.c.hsa_id, people.c.name)))
    total = connection.execute(select(func.count()).select_from(people).where(fits)).scalar_one()
    rows = connection.execute(select(people).where(fits).order_by(people.c.hsa_id).limit(limit).offset(offset))
    return [_row(row) for row in rows], total


def _known(connection: Connection, names: Sequence[str]) -> dict[str, PersonRow]:
    found: dict[str, PersonRow] = {}
    for start in range(0, len(names), CHUNK):
        chosen = select(people).where(people.c.hsa_id.in_(names[start : start + CHUNK]))
        found |= {row.hsa_id: _row(row) for row in connection.execute(chosen)}
    return found


def _row(row: Any) -> PersonRow:
    return PersonRow(**{name: row._mapping[name] for name in PersonRow.__dataclass_fields__})
