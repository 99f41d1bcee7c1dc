"""Retention run over the store: erases everything expired, in batches, each with its entry in the audit.

Rules: an errand goes as a whole, once its newest event is old enough; age is counted from when the server received it, or from
its own signed time where that is later: either clock may have been wrong. What is over in one run is guarded (`count_due`): more
than a share of all events is left to a person, who looks at the clock first. The audit says how many of which class, never
what. A dry run changes nothing and counts the same. A run that was cut off is taken up by the next one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from fleet.messages.vocabulary import Retention
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.database.bulk import is_postgres
from fleet.server.database.database import Database
from fleet.server.errands.tables import errands
from fleet.server.events.tables import events
from fleet.server.retention.erasure import columns, erase
from fleet.server.retention.other_records import AS_LONG_AS, TABLES
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.settings import RetentionSettings, class_of

PAGE = 250
"""Events in one transaction: others wait for it no longer than for a batch of their own."""
ERASED = "retention.erase"
PROGRAM = "retention"

Errand = tuple[int, str]
"""(station's key, errand)."""


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """Store, settings and time that a run works with."""

    database: Database
    settings: RetentionSettings
    pseudonyms: Pseudonyms
    now: datetime
    dry: bool = False


def run(job: RetentionRun) -> dict[str, int]:
    """Erase what is over. Gives how many of each class.

    Raises sqlalchemy.exc.SQLAlchemyError; what is done by then stays done.
    """
    counts = dict.fromkeys((*Retention, *TABLES), 0)
    last = 0
    while (page := _page(job, last)) is not None:
        last, due = page
        for class_, rows in due.items():
            counts[class_] += len(rows) if job.dry else _erase(job, class_, rows)
    for name in TABLES:
        counts[name] = _forget(job, name)
    if not job.dry and any(counts.values()):
        _empty_log(job.database)
    return counts


def count_due(job: RetentionRun) -> tuple[int, int]:
    """Return the number of expired records, and of events that still have their data. Changes nothing.

    Raises sqlalchemy.exc.SQLAlchemyError.
    """
    due = sum(run(replace(job, dry=True)).values())
    with job.database.reading.begin() as connection:
        kept = connection.execute(select(func.count()).where(events.c.data.is_not(None))).scalar_one()
    return due, kept


def _forget(job: RetentionRun, name: str) -> int:
    """Forget what has expired in a table other than that of events; return the number of rows."""
    count, forget = TABLES[name]
    cutoff = job.settings.cutoff(AS_LONG_AS.get(name, name), job.now)
    if job.dry:
        with job.database.reading.begin() as connection:
            return count(connection, cutoff)
    with job.database.writing.begin() as connection:
        done = forget(connection, cutoff, job.pseudonyms)
        _tell(connection, job.now, name, done)
    return done


def _page(job: RetentionRun, after: int) -> tuple[int, dict[Retention, list[Any]]] | None:
    """The next events that may be over: how far was looked, and which of them are, by class."""
    youngest = max(job.settings.cutoff(name, job.now) for name in Retention)
    old = and_(events.c.id > after, events.c.received < youngest, events.c.data.is_not(None))
    query = select(events.c.id, events.c.station, events.c.type, events.c.errand, events.c.received, events.c.time)
    with job.database.reading.begin() as connection:
        rows = connection.execute(query.where(old).order_by(events.c.id).limit(PAGE)).all()
        if not rows:
            return None
        errand_facts = _errands(connection, {(row.station, row.errand) for row in rows if row.errand is not None})
    return rows[-1].id, _due(job, rows, errand_facts)


def _due(
    job: RetentionRun, rows: Sequence[Any], errand_facts: dict[Errand, tuple[str | None, bool, datetime]]
) -> dict[Retention, list[Any]]:
    due: dict[Retention, list[Any]] = {}
    on_hold = job.settings.held
    for row in rows:
        kind, has_receipt, newest = errand_facts.get(
            (row.station, row.errand), (None, False, _later(row.received, row.time))
        )
        name = class_of(row.type, kind, in_errand=row.errand is not None, has_receipt=has_receipt)
        if name is not None and row.errand not in on_hold and newest < job.settings.cutoff(name, job.now):
            due.setdefault(name, []).append(row)
    return due


def classes_of(connection: Connection, rows: Sequence[Any]) -> Iterator[tuple[Any, Retention | None]]:
    """Each of these events with its class."""
    errand_facts = _errands(connection, {(row.station, row.errand) for row in rows if row.errand is not None})
    for row in rows:
        kind, has_receipt, _ = errand_facts.get((row.station, row.errand), (None, False, row.received))
        yield row, class_of(row.type, kind, in_errand=row.errand is not None, has_receipt=has_receipt)


def _errands(connection: Connection, keys: set[Errand]) -> dict[Errand, tuple[str | None, bool, datetime]]:
    """Kind, whether it has a receipt, and when its newest event came, of each of these errands."""
    names = sorted({errand for _, errand in keys})
    newest = select(
        events.c.station,
        events.c.errand,
        func.max(events.c.received).label("received"),
        func.max(events.c.time).label("time"),
    )
    newest = newest.where(events.c.errand.in_(names)).group_by(events.c.station, events.c.errand)
    query = select(errands.c.station, errands.c.errand, errands.c.kind, errands.c.receipt)
    rows = {(row.station, row.errand): row for row in connection.execute(query.where(errands.c.errand.in_(names)))}
    facts = {}
    for row in connection.execute(newest):
        own = rows.get((row.station, row.errand))
        facts[row.station, row.errand] = (
            own.kind if own else None,
            bool(own and own.receipt),
            _later(row.received, row.time),
        )
    return facts


def _later(received: datetime, time: str) -> datetime:
    """`time`: RFC 3339, as the station signed it."""
    return max(received, datetime.fromisoformat(time))


def _erase(job: RetentionRun, name: str, rows: Sequence[Any]) -> int:
    """Erase these events, and all others of their errands; in one transaction, with the audit's entry."""
    with job.database.writing.begin() as connection:
        to_erase = [
            *_alone(connection, rows),
            *_of_errands(connection, {(r.station, r.errand) for r in rows if r.errand}),
        ]
        count = erase(connection, sorted(to_erase, key=lambda row: int(row.id)), job.pseudonyms, job.now)
        _tell(connection, job.now, name, count)
    return count


def _alone(connection: Connection, rows: Iterable[Any]) -> Iterator[Any]:
    ids = [row.id for row in rows if not row.errand]
    chosen = and_(events.c.id.in_(ids), events.c.data.is_not(None))
    yield from connection.execute(select(*columns()).where(chosen))


def _of_errands(connection: Connection, keys: set[Errand]) -> Iterator[Any]:
    chosen = and_(events.c.errand.in_(sorted({errand for _, errand in keys})), events.c.data.is_not(None))
    yield from (
        row for row in connection.execute(select(*columns()).where(chosen)) if (row.station, row.errand) in keys
    )


def _tell(connection: Connection, now: datetime, name: str, count: int) -> None:
    if count:
        audit.append(connection, now, PROGRAM, "", AuditEvent(ERASED, name, f"{count}"))


def _empty_log(database: Database) -> None:
    """SQLite's log of changes still holds what was there before: write it back and cut it."""
    with database.reading.connect() as connection:
        if not is_postgres(connection):
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
