"""Part `single-server` of `make campaign`: each write and each commit of ingest, deadlines, retention and upgrade fails once,
fails until it is mended, or is where the server dies.

A case's id is `single-server:SUBJECT:KIND.NUMBER:WAY`, on SQLite; an fsync that fails is a commit that fails. A subject is a few
steps, each tried again as the server does it (the same batch, the next look, the next run, the next start); a server that
dies is made anew from its files as they lay at that moment. In the end its store must hold what it holds when nothing fails.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import OperationalError, PendingRollbackError

from campaigns.faults.gate import KilledError
from campaigns.faults.parts import Options, Progress, Verdict
from fleet.messages.events import Event
from fleet.server.audit_log.tables import audit
from fleet.server.clock.clock_check import ClockReading
from fleet.server.database.database import Database, migrate
from fleet.server.database.sqlite import sqlite_engine
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load
from fleet.server.deadlines.tables import deeds, open_days
from fleet.server.guards.service import store_clock_reading
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import requests
from fleet.server.retention.retention_run import run as erase
from sim.stories.room import quick_folder
from tests.fakes.server.databases import new_store
from tests.fleet.server.conftest import NOW, KeptChanges, SealingStation, arrived, hold_orders, record
from tests.fleet.server.retention.conftest import a_life, everything, job

PART = "single-server"
WAYS = ("once", "stays", "kill")
KINDS = ("write", "commit")
TRIES = 4
"""How often a step is tried; what stays broken is mended after half of them."""
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP")
YEARS = timedelta(days=4000)
"""After so long everything that has an age is over."""


@dataclass
class Breaker:
    """Counts what a store is told, and lets the one fault strike."""

    kind: str = ""
    number: int = 0
    way: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    mended: bool = False
    path: Path = Path()
    """The store that is open."""

    def pass_by(self, kind: str) -> None:
        """Raises OperationalError or KilledError."""
        self.counts[kind] += 1
        if kind != self.kind or self.mended:
            return
        here = self.counts[kind] == self.number
        if here and self.way == "kill":
            self.path = _as_it_lies(self.path)
            raise KilledError
        if here or (self.way == "stays" and self.counts[kind] > self.number):
            raise OperationalError("injected", None, Exception("disk I/O error"))


def _as_it_lies(path: Path) -> Path:
    """A copy of a store's files in the middle of what is being written; what only lay in memory is gone."""
    after = path.with_name("after.sqlite")
    for end in ("", "-wal", "-journal"):
        if (file := path.with_name(path.name + end)).exists():
            shutil.copy(file, after.with_name(after.name + end))
    return after


def _open(breaker: Breaker) -> Database:
    engine = sqlite_engine(breaker.path)

    @event.listens_for(engine, "before_cursor_execute")
    def _on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITING):
            breaker.pass_by("write")

    @event.listens_for(engine, "commit")
    def _on_commit(_connection: Any) -> None:
        breaker.pass_by("commit")

    alone = engine.execution_options(writing="alone")
    return Database(engine, alone, engine.execution_options(writing="shared"))


Step = Callable[[Database], object]


@cache
def _sent() -> tuple[Event, ...]:
    """Return what two visits and a station's life have told, sealed once."""
    station = SealingStation()
    a_life(station)
    station.pickup("O-2", card="9752269883", errand="pickup-2")
    return tuple(station.sealed)


def _ingest(database: Database) -> None:
    for batch in (_sent()[:5], _sent()[5:12], _sent()[3:]):  # some come twice
        Writer(database).commit(arrived(*batch), NOW)


def _unsigned_receipt(database: Database) -> None:
    """A card that was handed out, whose receipt was not signed though its station was open on each day."""
    hold_orders(database, record())
    open_ = [{"station": record().station, "day": (NOW + timedelta(days=day)).date().isoformat()} for day in range(31)]
    with database.writing.begin() as connection:
        connection.execute(insert(open_days), open_)
    Writer(database).commit(arrived(*SealingStation().pickup(errand="pickup-1")[:3]), NOW)


def _look(days: int) -> Step:
    def look(database: Database) -> None:
        now = NOW + timedelta(days=days)
        with database.writing.begin() as connection:
            store_clock_reading(connection, ClockReading(now, NOW - timedelta(days=2)))
        DeadlineJob(database, load(), KeptChanges(), lambda: now).look()

    return look


def _erase(database: Database) -> None:
    erase(job(database, NOW + YEARS))


def _deadlines_left(database: Database) -> str:
    with database.reading.begin() as connection:
        request_rows = connection.execute(select(requests.c.ask, requests.c.card_number, requests.c.state)).all()
        done = connection.execute(select(deeds.c.rule, deeds.c.subject, deeds.c.what, deeds.c.did)).all()
        audit_rows = connection.execute(select(audit.c.who, audit.c.action).order_by(audit.c.sequence)).all()
    return repr((sorted(map(tuple, request_rows)), sorted(map(tuple, done)), list(map(tuple, audit_rows))))


def _erased(database: Database) -> str:
    """Rows alone: how many pages an erasure took, which the audit tells, is not what is judged."""
    return "\n".join(row for row in everything(database).splitlines() if "retention" not in row)


def _schema(database: Database) -> str:
    """Lines in order: a table's constraints are written in any."""
    with database.reading.begin() as connection:
        rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")).all()
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    parts = [(row.type, row.name, sorted(line.strip(" ,") for line in (row.sql or "").split("\n"))) for row in rows]
    return repr((parts, version))


@dataclass(frozen=True)
class Subject:
    """`prepare` fills a store; `steps` are what is struck; `left` is what is compared. `empty`: the store begins without
    tables."""

    prepare: Step
    steps: tuple[Step, ...]
    left: Callable[[Database], str]
    empty: bool = False


SUBJECTS = {
    "ingest": Subject(lambda database: hold_orders(database, record()), (_ingest,), everything),
    "deadlines": Subject(_unsigned_receipt, tuple(_look(days) for days in (4, 6, 7, 30)), _deadlines_left),
    "retention": Subject(_ingest, (_erase,), _erased),
    "upgrade": Subject(lambda database: None, (migrate,), _schema, empty=True),
}


@contextmanager
def _prepared(subject: Subject) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        path = folder / "fleet.sqlite"
        path.write_bytes(b"" if subject.empty else _template(subject))
        yield path


@cache
def _template_of(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.sqlite"
        database = new_store(path)
        SUBJECTS[name].prepare(database)
        database.close()
        return path.read_bytes()


def _template(subject: Subject) -> bytes:
    return _template_of(next(name for name, candidate in SUBJECTS.items() if candidate is subject))


def play(name: str, breaker: Breaker) -> str:
    """Do the steps of a subject, each until it is done; gives what is left. Raises AssertionError where one is never done."""
    subject = SUBJECTS[name]
    with _prepared(subject) as path:
        breaker.path = path
        database = _open(breaker)
        try:
            for step in subject.steps:
                for tried in range(TRIES):
                    breaker.mended = breaker.mended or tried >= TRIES // 2
                    try:
                        step(database)
                        break
                    except (OperationalError, PendingRollbackError):  # as every fault of the store
                        continue
                    except KilledError:
                        database.close()
                        database = _open(breaker)
                else:
                    raise AssertionError("a step was never done")
            breaker.mended = True
            return subject.left(database)
        finally:
            database.close()


@cache
def _whole(name: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    breaker = Breaker()
    return play(name, breaker), tuple(breaker.counts.items())


def cases() -> Iterator[str]:
    """Ids of all."""
    for name in SUBJECTS:
        for kind, count in _whole(name)[1]:
            yield from (f"{PART}:{name}:{kind}.{at}:{way}" for at in range(1, count + 1) for way in WAYS)


def run_case(case: str) -> tuple[str, ...]:
    """Run the case; return what is broken."""
    _, name, place, way = case.split(":")
    kind, _, number = place.partition(".")
    try:
        left = play(name, Breaker(kind, int(number), way))
    except AssertionError as error:
        return (str(error),)
    return () if left == _whole(name)[0] else ("the store differs from one to which nothing happened",)


def run_part(options: Options) -> int:
    """Run all cases, or those that are named, and print the table."""
    progress = Progress.open(PART, options)
    chosen = list(options.ids)
    if not chosen:
        everything_ = list(cases())
        random.Random(options.seed).shuffle(everything_)
        chosen = list(progress.missing(everything_[: options.count]))
        print(f"{len(everything_)} cases, {len(chosen)} to run", flush=True)
    for case in chosen:
        _, name, place, way = case.split(":")
        broken = run_case(case)
        if options.ids:
            print(f"{case}: {len(broken)} rules broken", flush=True)
        progress.add(Verdict(case, f"{place.partition('.')[0]}, {way}", name, broken), of=len(progress.verdicts) + 1)
    print(progress.table())
    return 1 if any(verdict.broken for verdict in progress.verdicts.values()) else 0
