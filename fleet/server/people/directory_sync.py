"""Synchronization of people with the region's directory: read every few minutes, taken in one transaction.

Rules (docs/rules.md, "Guards"): an empty answer is a fault and changes nothing. Who was there and is not any more has left on the
day when that was seen, where the settings say so. Leaves are guarded (`leaving`), and so are new names: more than a share of the
people within 24 hours, or more than half of them, wait for a person, with an alarm; the rest is taken. By a clock that is not
believed nothing is dated.
Who left so long ago that retention has forgotten them is not brought back, where nobody else knows them. Optimistic locking:
whose words changed between reading and writing (forgotten meanwhile, say) waits for the next look.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select

from fleet.messages.leavers import leaver_digest
from fleet.server.clock.local_days import local_day
from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.guards.model import DIRECTORY_NAMES
from fleet.server.guards.service import LEAST_SHARE, clock_is_believed, within_share
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.people.directory_settings import LdapSettings
from fleet.server.people.leaving import DAY, LEAVING, held_leaves, leaving
from fleet.server.people.merging import YES
from fleet.server.people.model import DirectoryAwayError, DirectoryPage, Fact, Facts, PeopleSource, Source
from fleet.server.people.service import (
    known_certificates,
    record_certificates,
    record_facts,
    stored_people,
    stored_words,
)
from fleet.server.people.tables import directory_syncs, person_facts
from fleet.server.stations.alarms import DIRECTORY_MANY, Alarm, raise_alarm

LDAP: Source = "ldap"
NAMING: tuple[Fact, ...] = ("name", "name_changed")
AGAIN_S = 60.0
"""So soon again where the directory did not answer."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Result of one look at the directory."""

    people: int
    changed: int
    waiting: int = 0
    """Leaves and names that wait for a person."""


class DirectorySync:
    """One for a server. `look` blocks, and is called in a thread."""

    def __init__(
        self,
        database: Database,
        source: PeopleSource,
        settings: LdapSettings,
        changes: Changes,
        clock: Callable[[], datetime],
        kept: timedelta | None = None,
    ) -> None:
        """`kept`: so long after their last day people are known (retention); None: for ever."""
        self._database, self._source, self._settings = database, source, settings
        self._changes, self._clock, self._kept = changes, clock, kept

    async def run(self) -> None:
        """Until cancelled. May be run again."""
        every_s = self._settings.every_minutes * 60.0
        while True:
            done = await asyncio.to_thread(self.look)
            if done is not None and done.changed:
                self._changes.publish(frozenset({Topic.DEADLINES, Topic.ORDERS}))
            await asyncio.sleep(every_s if done is not None else min(every_s, AGAIN_S))

    def look(self) -> SyncResult | None:
        """Read the directory and take what it says; None where that could not be done, which is kept for the alert."""
        try:
            page = read_people(self._source)
            with self._database.reading.begin() as connection:
                former, digests = _known(connection), known_certificates(connection)
                page = without_forgotten(connection, page, self._forgotten_until())
            certificates = _new_certificates(page, digests)
            with self._database.writing.begin() as connection:
                done = take_page(connection, page, former, self._settings, self._clock())
                there = stored_people(connection, [hsa_id for hsa_id, _ in certificates])
                for hsa_id, theirs in certificates:
                    if hsa_id in there:
                        record_certificates(connection, hsa_id, theirs)
                _note(connection, self._clock(), people=done.people)
        except DirectoryAwayError as error:
            _log.error("people of the directory stay as they were: %s", error)
            self._note_failed(str(error))
            return None
        except READ_FAULTS as error:
            _log.error("people of the directory cannot be stored just now: %s", type(error).__name__)
            return None
        if page.unreadable:
            _log.warning("entries of the directory whose values cannot be read: %d", page.unreadable)
        return done

    def _forgotten_until(self) -> str:
        """Return the day (ISO 8601) before which somebody left who is forgotten; empty where nobody is."""
        return "" if self._kept is None else (self._clock() - self._kept).date().isoformat()

    def _note_failed(self, why: str) -> None:
        try:
            with self._database.writing.begin() as connection:
                _note(connection, self._clock(), error=why)
        except READ_FAULTS as error:
            _log.error("that the directory is away is not kept: %s", type(error).__name__)


def read_people(source: PeopleSource) -> DirectoryPage:
    """Everybody in the directory; nobody at all is a fault. Raises DirectoryAwayError."""
    page = source.people()
    if not page.people:
        raise DirectoryAwayError("the search finds nobody: see base and filter")
    return page


def without_forgotten(connection: Connection, page: DirectoryPage, until: str) -> DirectoryPage:
    """Without those who left before that day (ISO 8601) for good, and whom nobody here knows."""
    old = [hsa_id for hsa_id, facts in page.people.items() if (facts.get("left") or until) < until]
    gone = {hsa_id for hsa_id in old if page.people[hsa_id].get("continued") != YES}
    gone -= stored_people(connection, sorted(gone)).keys()
    return replace(
        page,
        people={hsa_id: facts for hsa_id, facts in page.people.items() if hsa_id not in gone},
        certificates={hsa_id: theirs for hsa_id, theirs in page.certificates.items() if hsa_id not in gone},
    )


def take_page(
    connection: Connection, page: DirectoryPage, former: Mapping[str, Facts], settings: LdapSettings, now: datetime
) -> SyncResult:
    """Take what it says of everybody, but for leaves and names that wait for a person. `former`: what it said before."""
    believed, today = clock_is_believed(connection, now), local_day(now)
    reported: dict[str, dict[Fact, str | None]] = {hsa_id: dict(facts) for hsa_id, facts in page.people.items()}
    if settings.attributes.left is None:  # who is there is back
        for facts in reported.values():
            facts["left"] = None
    gone = [hsa_id for hsa_id in former if hsa_id not in reported] if settings.missing == "left" else []
    reported |= {hsa_id: {"left": former[hsa_id].get("left") or today} for hsa_id in gone}
    renamed = [hsa_id for hsa_id, facts in reported.items() if _is_renamed(former.get(hsa_id, {}), facts)]
    dated = settings.attributes.name_changed is not None
    if not dated:
        for hsa_id in renamed:
            reported[hsa_id]["name_changed"] = today
    moved = {hsa_id: facts for hsa_id, facts in reported.items() if _moves(former.get(hsa_id, {}), facts)}
    fresh = leaving(connection, LDAP, moved, now) if former else []
    waiting = 0
    for names, by_clock, held_back, held_of in (
        (fresh, set(fresh) & set(gone), LEAVING, _held_leaves),
        (renamed, set() if dated else set(renamed), NAMING, partial(_held_names, rows=len(former))),
    ):
        early = [] if believed else sorted(by_clock)
        withheld = held_of(connection, [hsa_id for hsa_id in names if hsa_id not in early], now)
        _leave_out(reported, (*early, *withheld), held_back)
        waiting += len(early) + len(withheld)
    changed = record_facts(connection, LDAP, _as_read(connection, _news(reported, former), former), now)
    return SyncResult(len(page.people), len(changed), waiting)


def directory_trouble(database: Database) -> str | None:
    """Why the directory was not read at the last try; None where it was, or where none is read."""
    query = select(directory_syncs.c.error).where(directory_syncs.c.source == LDAP)
    with database.reading.begin() as connection:
        error: str | None = connection.execute(query).scalar()
    return error


def _news(reported: Mapping[str, Facts], former: Mapping[str, Facts]) -> dict[str, Facts]:
    """Return the facts that differ from before: those of most people do not, and the store is written for the others alone."""
    fresh = {
        hsa_id: {fact: value for fact, value in facts.items() if value != former.get(hsa_id, {}).get(fact)}
        for hsa_id, facts in reported.items()
    }
    return {hsa_id: facts for hsa_id, facts in fresh.items() if facts}


def _as_read(connection: Connection, fresh: Mapping[str, Facts], former: Mapping[str, Facts]) -> dict[str, Facts]:
    """Without those of whom the store has other words of the directory by now: a difference to what was read says nothing of
    them."""
    stored = stored_words(connection, sorted(fresh))
    now_known = {
        hsa_id: {word.fact: word.value for word in words if word.source == LDAP} for hsa_id, words in stored.items()
    }
    return {hsa_id: facts for hsa_id, facts in fresh.items() if now_known[hsa_id] == former.get(hsa_id, {})}


def _new_certificates(page: DirectoryPage, digests: Set[str]) -> list[tuple[str, list[bytes]]]:
    every = (
        (hsa_id, [der for der in ders if leaver_digest(der) not in digests])
        for hsa_id, ders in page.certificates.items()
    )
    return [(hsa_id, ders) for hsa_id, ders in every if ders]


def _moves(before: Facts, facts: Facts) -> bool:
    return any(before.get(fact) != facts.get(fact) for fact in LEAVING)


def _held_leaves(connection: Connection, names: Sequence[str], now: datetime) -> set[str]:
    return set().union(*held_leaves(connection, names, now))


def _held_names(connection: Connection, names: Sequence[str], now: datetime, *, rows: int) -> set[str]:
    """All of them where so many may not have another name by themselves: a person is asked."""
    due = len(names) + _renamed_of_late(connection, now)
    if 2 * due > rows:
        due = max(due, LEAST_SHARE + 1)
    if not names or within_share(connection, DIRECTORY_NAMES, due, rows, now):
        return set()
    raise_alarm(connection, Alarm("", DIRECTORY_MANY, f"name: {len(names)}"), now)
    return set(names)


def _leave_out(reported: Mapping[str, dict[Fact, str | None]], names: Iterable[str], facts: Iterable[Fact]) -> None:
    """Remove these facts of these people from what is said: what waits is told again by the next look."""
    for hsa_id in names:
        for fact in facts:
            reported[hsa_id].pop(fact, None)


def _renamed_of_late(connection: Connection, now: datetime) -> int:
    """Return the number of people lately said to have another name; what the first look brought is no change."""
    of_ldap = person_facts.c.source == LDAP
    first = select(func.min(person_facts.c.seen)).where(of_ldap).scalar_subquery()
    query = select(func.count()).select_from(person_facts).where(of_ldap, person_facts.c.fact == "name_changed")
    lately = query.where(
        person_facts.c.seen > now - DAY, person_facts.c.seen > first, person_facts.c.value.is_not(None)
    )
    return int(connection.execute(lately).scalar_one())


def _known(connection: Connection) -> Mapping[str, Facts]:
    """Return the facts that the directory has said so far, by HSA-id."""
    facts: dict[str, dict[Fact, str | None]] = {}
    rows = connection.execute(select(person_facts).where(person_facts.c.source == LDAP))
    for row in rows:
        facts.setdefault(row.hsa_id, {})[row.fact] = row.value
    return facts


def _is_renamed(before: Facts, facts: Facts) -> bool:
    was, now = before.get("name"), facts.get("name")
    return was is not None and now is not None and was != now


def _note(connection: Connection, now: datetime, *, people: int | None = None, error: str | None = None) -> None:
    values: dict[str, Any] = {"source": LDAP, "tried": now, "error": error, "done": None, "people": 0}
    columns = ["tried", "error"]
    if people is not None:
        values |= {"done": now, "people": people}
        columns += ["done", "people"]
    put_all(connection, [Put(directory_syncs, [values], columns)])
