"""Guard of leaves, one for every way by which people are said to have left: directory, file, interface.

Rules (docs/rules.md, "Guards"): leaves of more than a share of the people within 24 hours, whoever said them, or of more than
half of them at once, wait for a person, with an alarm; a source's first words are none. An ID administrator has left by a
person's word alone, so that nobody shuts a region out: until then, or until they are off the list, their leave waits. A leave
that comes earlier, or is no longer followed by another assignment, is one too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from fleet.server.files.import_files import ImportResult
from fleet.server.guards.model import DIRECTORY_LEAVERS
from fleet.server.guards.service import LEAST_SHARE, within_share
from fleet.server.people.merging import merge_words
from fleet.server.people.model import Fact, Facts, FactWord, PersonRow, Source
from fleet.server.people.service import facts_of, import_people, news_of, stored_words, with_words
from fleet.server.people.tables import administrators, people, person_facts
from fleet.server.stations.alarms import ADMINISTRATOR_LEFT, DIRECTORY_MANY, Alarm, raise_alarm
from fleet.server.stations.tables import alarms

DAY = timedelta(hours=24)
LEAVING: tuple[Fact, ...] = ("left", "continued")
_NEVER = "9999"
_TOO_MANY = f"{{}} leave: too many within a day; a person confirms {DIRECTORY_LEAVERS} first, on the page of deadlines"


class LeaveWaitsError(Exception):
    """Nothing was taken: a person is to confirm it first. The text says what and where."""


def leaving(
    connection: Connection, source: Source, reported: Mapping[str, Facts], now: datetime, *, takes_back: bool = False
) -> list[str]:
    """HSA-ids of those who would leave by these words, or leave earlier than was known."""
    about = sorted(hsa_id for hsa_id, facts in reported.items() if not facts.keys().isdisjoint(LEAVING))
    words, gone = stored_words(connection, about), []
    for hsa_id in about:
        news = news_of(words[hsa_id], source, reported[hsa_id], now, takes_back=takes_back)
        if _leaves(hsa_id, with_words(words[hsa_id], news)) < _leaves(hsa_id, words[hsa_id]):
            gone.append(hsa_id)
    return gone


def held_leaves(
    connection: Connection, gone: Sequence[str], now: datetime, *, by_person: bool = False
) -> tuple[set[str], set[str]]:
    """Return the leaves that wait: those of ID administrators, and all others where they are too many. Alarms tell of
    both; the caller commits them."""
    listed = set() if by_person else set(connection.execute(select(administrators.c.hsa_id)).scalars()) & set(gone)
    if listed:
        _tell(connection, " ".join(sorted(listed)), now)
    others = [hsa_id for hsa_id in gone if hsa_id not in listed]
    return listed, set() if _may_leave(connection, others, now) else set(others)


def guard_leaves(
    connection: Connection, reported: Mapping[str, Facts], now: datetime, *, by_person: bool, takes_back: bool = False
) -> str:
    """Why what an interface says of these people waits, in words; empty where it may be taken."""
    gone = leaving(connection, "import", reported, now, takes_back=takes_back)
    listed, many = held_leaves(connection, gone, now, by_person=by_person)
    if listed:
        return (
            f"{', '.join(sorted(listed))}: an ID administrator leaves by a person's word, or once they are off the list"
        )
    return _TOO_MANY.format(len(many)) if many else ""


def import_guarded(connection: Connection, rows: Sequence[PersonRow], now: datetime) -> ImportResult | str:
    """Take a file, without leaves of ID administrators; or nothing, and why, in words."""
    is_first = connection.execute(select(person_facts.c.fact).where(person_facts.c.source == "import")).first() is None
    gone = leaving(connection, "import", {row.hsa_id: facts_of(row) for row in rows}, now)
    listed, many = held_leaves(connection, gone, now)
    if many and not is_first:
        return _TOO_MANY.format(len(many))
    stays = [replace(row, left=None, continued=False) if row.hsa_id in listed else row for row in rows]
    return import_people(connection, stays, now)


def _leaves(hsa_id: str, words: Sequence[FactWord]) -> str:
    row = merge_words(hsa_id, words)
    return _NEVER if row.left is None or row.continued else row.left


def _tell(connection: Connection, hsa_id: str, now: datetime) -> None:
    """Once a day: the directory says it again at each look."""
    this = alarms.c.station == "", alarms.c.code == ADMINISTRATOR_LEFT
    recent = select(alarms.c.code).where(*this, alarms.c.argument == hsa_id, alarms.c.last > now - DAY)
    if connection.execute(recent).first() is None:
        raise_alarm(connection, Alarm("", ADMINISTRATOR_LEFT, hsa_id), now)


def _may_leave(connection: Connection, names: Sequence[str], now: datetime) -> bool:
    rows = connection.execute(select(func.count()).select_from(people)).scalar_one()
    due = len(set(names) | _left_of_late(connection, now))
    if len(names) > 1 and 2 * due > rows:
        due = max(due, LEAST_SHARE + 1)
    if not names or within_share(connection, DIRECTORY_LEAVERS, due, rows, now):
        return True
    raise_alarm(connection, Alarm("", DIRECTORY_MANY, f"left: {len(names)}"), now)
    return False


def _left_of_late(connection: Connection, now: datetime) -> set[str]:
    """Return the people lately said to have left, by whomever; what a source's first words brought is no change."""
    first = person_facts.alias("first")
    began = select(func.min(first.c.seen)).where(first.c.source == person_facts.c.source).scalar_subquery()
    leave = or_(
        and_(person_facts.c.fact == "left", person_facts.c.value.is_not(None)),
        and_(person_facts.c.fact == "continued", person_facts.c.value.is_(None)),
    )
    late = select(person_facts.c.hsa_id).where(leave, person_facts.c.seen > now - DAY, person_facts.c.seen > began)
    return set(connection.execute(late).scalars())
