"""Queries of people: the directory, and ID administrators as the region lists them."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select

from fleet.messages.link import Administrator
from fleet.server.database.station_scope import normalize_search
from fleet.server.files.import_files import ImportResult
from fleet.server.people.model import ListedAdministrator, PersonRow
from fleet.server.people.service import has_left, person_row, stored_people
from fleet.server.people.tables import administrators, people, person_certificates


def replace_administrators(
    connection: Connection, people: Iterable[ListedAdministrator], now: datetime | None = None
) -> ImportResult:
    """Make the list exactly this one: who is not on it may no longer attend. `now`: since when who is new is listed."""
    after = {person.administrator.hsa_id: person for person in people}
    before = {person.administrator.hsa_id: person for person in all_administrators(connection)}
    added = after.keys() - before.keys()
    removed = before.keys() - after.keys()
    changed = {hsa_id for hsa_id in after.keys() & before.keys() if after[hsa_id] != before[hsa_id]}
    for hsa_id in removed:
        remove_administrator(connection, hsa_id)
    for hsa_id in added | changed:
        put_administrator(connection, after[hsa_id], now)
    unchanged = len(after) - len(added) - len(changed)
    return ImportResult(len(added), len(changed), unchanged, len(removed))


def put_administrator(connection: Connection, listed: ListedAdministrator, now: datetime | None = None) -> None:
    """Put them on the list, or change their row; the others stay. `now`: since when who is new is listed."""
    here = administrators.c.hsa_id == listed.administrator.hsa_id
    row = connection.execute(select(administrators.c.level, administrators.c.since).where(here)).first()
    since = now if row is None or row.level < listed.administrator.level else row.since
    remove_administrator(connection, listed.administrator.hsa_id)
    connection.execute(insert(administrators).values(_values(listed) | {"since": since}))


def listed_since(connection: Connection, hsa_id: str, level: int, today: str) -> datetime | None:
    """Since when somebody is on the list at that level or above, on a day (ISO 8601) on which the row counts; None where they
    are not. Who was listed by an earlier version has been for long."""
    counts = (
        administrators.c.hsa_id == hsa_id,
        administrators.c.level >= level,
        or_(administrators.c.valid_from.is_(None), administrators.c.valid_from <= today),
        or_(administrators.c.valid_until.is_(None), administrators.c.valid_until >= today),
        ~has_left(administrators.c.hsa_id, today),
    )
    row = connection.execute(select(administrators.c.since).where(*counts)).first()
    return None if row is None else row.since or datetime.min.replace(tzinfo=UTC)


def remove_administrator(connection: Connection, hsa_id: str) -> None:
    """Take a person off the list: who is not on it may no longer attend."""
    connection.execute(delete(administrators).where(administrators.c.hsa_id == hsa_id))


def all_administrators(connection: Connection) -> list[ListedAdministrator]:
    """The whole list, by HSA-id."""
    return [_listed(row) for row in connection.execute(select(administrators).order_by(administrators.c.hsa_id))]


def administrators_after(
    connection: Connection, station: str, today: str, *, after: str, limit: int
) -> list[Administrator]:
    """Return the administrators of that station whose last day is not over and who have not left, by HSA-id, from the
    one after `after`."""
    not_over = or_(administrators.c.valid_until.is_(None), administrators.c.valid_until >= today)
    here = and_(administrators.c.hsa_id > after, not_over, ~has_left(administrators.c.hsa_id, today))
    query = select(administrators).where(here).order_by(administrators.c.hsa_id)
    listed = map(_listed, connection.execute(query))
    return list(islice((person.administrator for person in listed if person.covers(station)), limit))


def is_listed(connection: Connection, hsa_id: str) -> bool:
    """Return whether that HSA-id is on the list of ID administrators, for whichever stations."""
    return (
        connection.execute(select(administrators.c.hsa_id).where(administrators.c.hsa_id == hsa_id)).first() is not None
    )


def administrator_at(
    connection: Connection, station: str, hsa_id: str, holders: Collection[str] = ()
) -> Administrator | None:
    """The administrator with that HSA-id, where their scope covers the station, and one of these holders where any are given."""
    row = connection.execute(select(administrators).where(administrators.c.hsa_id == hsa_id)).first()
    listed = None if row is None else _listed(row)
    return None if listed is None or not listed.covers(station, holders) else listed.administrator


def last_certificates(connection: Connection, first: str, last: str) -> list[tuple[str, str, str]]:
    """HSA-id, digest and last day of each person's certificate that lasts longest, where it ends within those days (ISO 8601)."""
    longest = (
        select(person_certificates.c.hsa_id, func.max(person_certificates.c.last_day).label("last_day"))
        .group_by(person_certificates.c.hsa_id)
        .having(func.max(person_certificates.c.last_day).between(first, last))
        .subquery()
    )
    same = and_(person_certificates.c.hsa_id == longest.c.hsa_id, person_certificates.c.last_day == longest.c.last_day)
    query = select(longest.c.hsa_id, func.min(person_certificates.c.digest).label("digest"), longest.c.last_day).join(
        person_certificates, same
    )
    rows = connection.execute(query.group_by(longest.c.hsa_id, longest.c.last_day).order_by(longest.c.last_day))
    return [(row.hsa_id, row.digest, row.last_day) for row in rows]


def _listed(row: Any) -> ListedAdministrator:
    person = Administrator(
        row.hsa_id, row.name, tuple(row.roles.split()), row.level, row.valid_from, row.valid_until
    )  # fmt: skip
    return ListedAdministrator(person, tuple(row.scope.split()), row.decision or "")


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
        "decision": listed.decision,
    }


def find_person(connection: Connection, hsa_id: str) -> PersonRow | None:
    return stored_people(connection, [hsa_id]).get(hsa_id)


def find_people(
    connection: Connection, *, search: str = "", limit: int = 100, offset: int = 0
) -> tuple[list[PersonRow], int]:
    """People by HSA-id whose name or HSA-id has that in it, and how many there are."""
    fragment = normalize_search(search)
    fits = or_(*(column.icontains(fragment, autoescape=True) for column in (people.c.hsa_id, people.c.name)))
    total = connection.execute(select(func.count()).select_from(people).where(fits)).scalar_one()
    rows = connection.execute(select(people).where(fits).order_by(people.c.hsa_id).limit(limit).offset(offset))
    return [person_row(row) for row in rows], total
