"""Background check of the station's file at start: SQLite's own integrity check, and every kept event against its chain.

Rules: it reads over a connection of its own, so that the first screen and errands wait for nothing. An index that does not fit
its tables is made anew from them; any other damage of the file is the problem `store_damaged`. An event that is not what was
sealed, that is gone from between others, or that does not follow the one before, is the problem `events`, and the fleet is told
by an event of its own, once for each; what the server does not hold of them goes out as damaged (`fleet.agent.outbox`). An
outcome that an event tells and the journal's own row does not is `store_damaged` too: by the rows an errand is gone on with.
"""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fleet.agent import outbox
from fleet.agent.outbox import START, KeptEvent, Place
from fleet.agent.store import SQLITE_READ_ERRORS, StoreError
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType, Outcome
from kiosk.station.journal import Journal

log = logging.getLogger(__name__)

PAGE = 200
_OUTCOMES = (EventType.EFFECT_DONE, EventType.EFFECT_UNKNOWN)
MOST_FAULTS = 20
_OF_AN_INDEX = ("missing from index", "wrong # of entries in index", "non-unique entry in index")
"""How the lines of `PRAGMA integrity_check` speak of an index that does not fit its table."""


@dataclass(frozen=True, slots=True)
class FileFindings:
    """Faults of a file. `events`: where damaged events stand; `faults`: of the rest, in SQLite's words."""

    events: tuple[Place, ...] = ()
    indexes: bool = False
    """Whether an index does not fit its table."""
    faults: tuple[str, ...] = ()


def check_file(path: Path, station: str) -> FileFindings:
    """Read all of it. Never raises for what is in the file."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as cx:
            cx.execute("BEGIN")  # one moment of the file: errands go on meanwhile
            lines = [str(row[0]) for row in cx.execute(f"PRAGMA integrity_check({MOST_FAULTS})")]
            of_indexes = [line for line in lines if any(words in line for words in _OF_AN_INDEX)]
            faults = tuple(line for line in lines if line != "ok" and line not in of_indexes)
            if faults:
                return FileFindings(faults=faults)
            damaged = tuple(_damaged_places(cx, station))
            return FileFindings(damaged, bool(of_indexes), tuple(_untrue_rows(cx, station)))
    except SQLITE_READ_ERRORS as error:
        return FileFindings(faults=(type(error).__name__,))


async def check_at_start(path: Path, station: str, journal: Journal, report: Callable[[str, str], None]) -> None:
    """Check the file in a thread, mend its indexes, and say what was found."""
    findings = await asyncio.to_thread(check_file, path, station)
    try:
        if findings.indexes:
            log.warning("an index of the station's file does not fit its table, and is made anew")
            await journal.transact(lambda cx: cx.execute("REINDEX"))
        if findings.faults:
            raise StoreError(path, "damaged", findings.faults[0])
        if findings.events:
            report("events", _in_words(findings.events))
        await journal.transact(lambda cx: _tell(cx, station, journal, findings))
    except StoreError as error:
        report(error.problem, str(error))
    except sqlite3.IntegrityError as error:
        report("store_damaged", str(StoreError(path, "damaged", str(error))))


def _tell(cx: sqlite3.Connection, station: str, journal: Journal, findings: FileFindings) -> None:
    new = outbox.note_damaged(cx, station, findings.events)
    if new or findings.indexes:
        first = "{}:{}".format(*findings.events[0]) if findings.events else ""
        content = {"count": new, "first": first, "indexes": findings.indexes}
        journal.event(cx, EventType.EVENTS_DAMAGED, None, content)


def _in_words(places: tuple[Place, ...]) -> str:
    first = "{}:{}".format(*places[0])
    return (
        f"{len(places)} events in the station's file are damaged, the first is {first}: change its memory card, and look at what"
        " the fleet has set aside of this station"
    )


def _damaged_places(cx: sqlite3.Connection, station: str) -> Iterator[Place]:
    before: KeptEvent | None = None
    for event in _kept(cx, station):
        between = range(0)
        if before is not None and before.epoch == event.epoch:
            between = range(before.sequence + 1, event.sequence)
            yield from ((event.epoch, gone) for gone in between[:PAGE])
        if not isinstance(event, Event) or not (between or _follows(event, before)):
            yield event.epoch, event.sequence
        before = event


def _untrue_rows(cx: sqlite3.Connection, station: str) -> Iterator[str]:
    """Outcomes in events that are not in the rows that were written in the same transactions. Whole events alone prove it."""
    events: Counter[tuple[str, str, str]] = Counter()
    for event in _kept(cx, station):
        if isinstance(event, Event) and event.type in (*_OUTCOMES, EventType.ERRAND_ENDED):
            content = event.content()
            outcome = content.get("outcome", Outcome.UNKNOWN)
            events[str(content.get("errand")), str(content.get("effect", content.get("kind"))), str(outcome)] += 1
    query = (
        "SELECT errand, name, outcome FROM effect WHERE outcome IS NOT NULL"
        " UNION ALL SELECT id, kind, outcome FROM errand WHERE outcome IS NOT NULL"
    )
    for row, count in (events - Counter(map(tuple, cx.execute(query).fetchall()))).items():
        yield f"errand {row[0]}: {count} outcomes that were written are not in the journal"


def _follows(event: Event, before: KeptEvent | None) -> bool:
    """Return whether the event names the one before it, as far as that one is kept and whole."""
    if not isinstance(before, Event) or before.epoch != event.epoch:
        return True
    return event.prev == before.hash


def _kept(cx: sqlite3.Connection, station: str) -> Iterator[KeptEvent]:
    after = START
    while page := outbox.kept_events(cx, station, after, PAGE):
        yield from page
        after = (page[-1].epoch, page[-1].sequence)
