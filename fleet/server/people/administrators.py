"""ID administrators: roles, level, organisation scope and days, as the region lists them.

Rules: an import makes the list exactly the file's; a station is given those whose scope covers it and whose last day is not over;
who may attend of them is judged by `fleet.messages.attending`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select

from fleet.messages.link import Administrator
from fleet.server.people.tables import administrators
from fleet.server.platform.import_files import Imported
from fleet.server.platform.roles import Scope


@dataclass(frozen=True, slots=True)
class ListedAdministrator:
    """A row of the list. `scope`: names of stations, or beginnings of names followed by `*`."""

    administrator: Administrator
    scope: tuple[str, ...]

    def covers(self, station: str) -> bool:
        """Whether that station is of their organisation."""
        return Scope(frozenset(self.scope)).allows(station)


def replace_administrators(connection: Connection, people: Iterable[ListedAdministrator]) -> Imported:
    """Make the list exactly this one: who is not on it may no longer attend."""
    wanted = {one.administrator.hsa_id: one for one in people}
    before = {one.administrator.hsa_id: one for one in map(_listed, connection.execute(select(administrators)))}
    added = wanted.keys() - before.keys()
    removed = before.keys() - wanted.keys()
    changed = {hsa_id for hsa_id in wanted.keys() & before.keys() if wanted[hsa_id] != before[hsa_id]}
    for hsa_id in removed | changed:
        connection.execute(delete(administrators).where(administrators.c.hsa_id == hsa_id))
    for hsa_id in added | changed:
        connection.execute(insert(administrators).values(_values(wanted[hsa_id])))
    unchanged = len(wanted) - len(added) - len(changed)
    return Imported(len(added), len(changed), unchanged, len(removed))


def all_administrators(connection: Connection) -> list[ListedAdministrator]:
    """The whole list, by HSA-id."""
    return [_listed(row) for row in connection.execute(select(administrators).order_by(administrators.c.hsa_id))]


def administrators_after(
    connection: Connection, station: str, today: str, *, after: str, limit: int
) -> list[Administrator]:
    """Those of that station whose last day is not over, by HSA-id, from the one after `after`."""
    not_over = or_(administrators.c.valid_until.is_(None), administrators.c.valid_until >= today)
    query = select(administrators).where(administrators.c.hsa_id > after, not_over).order_by(administrators.c.hsa_id)
    listed = map(_listed, connection.execute(query))
    return list(islice((one.administrator for one in listed if one.covers(station)), limit))


def administrator_at(connection: Connection, station: str, hsa_id: str) -> Administrator | None:
    """The administrator with that HSA-id, where their scope covers the station."""
    row = connection.execute(select(administrators).where(administrators.c.hsa_id == hsa_id)).first()
    listed = None if row is None else _listed(row)
    return None if listed is None or not listed.covers(station) else listed.administrator


def _listed(row: Any) -> ListedAdministrator:
    person = Administrator(
        row.hsa_id, row.name, tuple(row.roles.split()), row.level, row.valid_from, row.valid_until
    )  # fmt: skip
    return ListedAdministrator(person, tuple(row.scope.split()))


def _values(listed: ListedAdministrator) -> dict[str, Any]:
    person = listed.administrator
    return {
        "hsa_id": person.hsa_id,
        "name": person.name,
        "roles": " ".join(person.roles),
        "level": person.level,
        "scope": " ".join(listed.scope),
        "valid_from": person.valid_from,
        "valid_until": person.valid_until,
    }
