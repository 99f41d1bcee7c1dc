"""Clock campaign of the server's batches: each batch, each leap, while the server runs and over its restart, judged by true time.

    make campaign PART=clock-server                         # kept as it goes; repeats one case by its id
    python -m campaigns.faults.clock_server            # the table; exit code 1 where a verdict is not `right`

A world of its own for each case: a store, a machine whose clock may show anything, and one batch with something that is due at
noon of the third day by true time. The clock leaps on the second day and is wrong for 30 hours; then it is set right, a person
confirms it where it asks, and three more days pass. `right`: nothing happened before it was due, nothing was dated or signed more
than six hours wrongly for good, and what was due happened in the end. Everything is simulated but the store and the batches.
"""

import asyncio
import base64
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import select, update

from campaigns.faults.parts import Options, Progress, Verdict
from fleet.messages.asking import HeldResult, HoldAsk
from fleet.messages.link import Ask, SyncAsk, SyncPage, decode, encode
from fleet.messages.vocabulary import EventType
from fleet.server.alerts.monitor import AlertMonitor
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.alerts.tables import alerts
from fleet.server.asks.answers import Answers
from fleet.server.clock.clock_check import LEAP
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.database.database import Database
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.events.tables import events
from fleet.server.guards.service import confirm, last_clock_reading
from fleet.server.guards.tables import server_clock
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.write import Writer
from fleet.server.issuers.model import Queueable, RequestKey
from fleet.server.issuers.request_queue import enqueue
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.issuers.tables import requests
from fleet.server.keys.signing import Signer
from fleet.server.orders.tables import orders
from fleet.server.retention.job import RetentionService
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.settings import load as load_periods
from fleet.server.sign_in.service import Access
from fleet.server.stations.alarms import Alarm, AlarmRecorder, raise_alarm
from tests.fakes.server.databases import new_store
from tests.fakes.server.scripted_verifier import KEY, ScriptedVerifier
from tests.fakes.server.visitors import SEALER, session
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived, hold_orders, record

ZONE = "Europe/Stockholm"
DAY = timedelta(days=1)
LEAPS = {
    "+1 h": timedelta(hours=1),
    "-1 h": timedelta(hours=-1),
    "+1 day": DAY,
    "-1 day": -DAY,
    "+10 years": timedelta(days=3652),
    "-10 years": timedelta(days=-3652),
}
BEGINS = {"": datetime(2026, 6, 1, tzinfo=UTC), "summer time begins": datetime(2026, 3, 28, tzinfo=UTC),
          "summer time ends": datetime(2026, 10, 24, tzinfo=UTC)}  # fmt: skip
"""When a case begins; the second night is that of the change."""
DUE, LEAPS_AT, RIGHT_AT, ENDS_AT = 60, 26, 56, 132
"""Hours after the beginning."""


class World:
    """One case: the store, true time, and the machine that is off by `off`."""

    def __init__(self, database: Database, folder: Path, begin: datetime) -> None:
        self.database, self.folder, self.begin, self.now = database, folder, begin, begin
        self.off = timedelta()
        self.station = SealingStation()
        self.writer = Writer(database)
        self.faults: list[str] = []
        self.start()
        with database.writing.begin() as connection:  # it has been known for long
            connection.execute(update(server_clock).values(steady=begin - timedelta(days=9)))

    def start(self) -> None:
        """A process of the server."""
        self.clock = SteadyClock(lambda: self.now + self.off, lambda: (self.now - self.begin).total_seconds())
        self.watch = ClockWatch(self.database, self.clock)
        self.watch.begin()

    def true(self, shown: datetime) -> bool:
        """Return whether that is no more than six hours from true time."""
        return abs(shown - self.now) <= LEAP

    @property
    def due(self) -> datetime:
        return self.begin + timedelta(hours=DUE)


Step = Callable[[World], None]
Batch = Callable[[World], tuple[Step, Callable[[World], bool]]]
"""Sets the world up; gives what the server does every hour, and whether what was due is done."""


def _retention(world: World) -> tuple[Step, Callable[[World], bool]]:
    at = world.due - timedelta(days=400)
    for number in range(5):
        _errand(world, f"old-{number}", at)
        _errand(world, f"young-{number}", world.begin)
    service: list[RetentionService] = []

    def step(world: World) -> None:
        if not service or service[0].clock is not world.clock:
            book = world.folder / "erasures.jsonl"
            service[:] = [RetentionService(world.database, load_periods(), Pseudonyms(bytes(32)), book, world.clock)]
        service[0].look()
        if world.now < world.due - LEAP and _kept(world) < 20:
            world.faults.append("erased before its time")
        if _kept(world) < 10:
            world.faults.append("erased what is young")

    return step, lambda world: _kept(world) == 10


def _errand(world: World, name: str, at: datetime) -> None:
    time_text = at.isoformat()
    start = world.station.seal(EventType.ERRAND_STARTED, {"errand": name, "kind": "change_pin"}, time=time_text)
    end = {"errand": name, "kind": "change_pin", "outcome": "done", "seconds": 30}
    world.writer.commit(arrived(start, world.station.seal(EventType.ERRAND_ENDED, end, time=time_text)), at)


def _kept(world: World) -> int:
    with world.database.reading.begin() as connection:
        return len(connection.execute(select(events.c.id).where(events.c.data.is_not(None))).all())


def _deadlines(world: World) -> tuple[Step, Callable[[World], bool]]:
    hold_orders(world.database, record(), record("O-2", slot=4, card_number="9752269876"), now=world.begin)
    made = {"O-1": world.due - timedelta(days=91), "O-2": world.begin}
    with world.database.writing.begin() as connection:
        for order, since in made.items():
            connection.execute(update(orders).where(orders.c.order == order).values(made=since, last_day="2099-12-31"))

    def state(world: World) -> dict[str, str]:
        with world.database.reading.begin() as connection:
            return {row.order: row.state for row in connection.execute(select(orders.c.order, orders.c.state))}

    def step(world: World) -> None:
        DeadlineJob(world.database, load_deadlines(), KeptChanges(), world.clock).look()
        if world.now < world.due - DAY and state(world)["O-1"] != "waiting":
            world.faults.append("voided before its time")
        if state(world)["O-2"] != "waiting":
            world.faults.append("voided what is young")

    return step, lambda world: state(world)["O-1"] == "voided"


class _Issuer:
    """Takes every wish."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def carry_out(self, _station: str, ask: Queueable, **_who: object) -> HeldResult:
        self.told.append(ask.id)
        return HeldResult("active")

    async def is_still_used(self, _card_number: str) -> bool:
        return False


def _queue(world: World) -> tuple[Step, Callable[[World], bool]]:
    issuer = _Issuer()
    wishes = {"rule:left": "1" * 32, "account:maj": "2" * 32}

    def step(world: World) -> None:
        if world.now >= world.begin + timedelta(hours=LEAPS_AT + 2):
            with world.database.writing.begin() as connection:
                for actor, name in wishes.items():
                    ask = HoldAsk(id=name, card_number=name[:8], reason="lost", wanted="2026-06-01T00:00:00Z")
                    enqueue(
                        connection, RequestKey("", name), ask, actor, world.clock(), "" if "rule" in actor else "X-1"
                    )
        sender = RequestSender(world.database, cast(IssuerAnswers, issuer), KeptChanges(), world.clock)
        asyncio.run(sender.carry())
        if _waits(world) and "1" * 32 in issuer.told:
            world.faults.append("a rule's wish went out by a clock that nobody believes")
        with world.database.reading.begin() as connection:
            queued = connection.execute(select(requests.c.id)).scalars().all()
        if "2" * 32 in queued and "2" * 32 not in issuer.told:
            world.faults.append("a person's wish did not go out at once")

    return step, lambda world: sorted(issuer.told) == sorted(wishes.values())


def _waits(world: World) -> bool:
    with world.database.reading.begin() as connection:
        clock = last_clock_reading(connection)
    return clock is not None and clock.leapt is not None


def _received(world: World) -> tuple[Step, Callable[[World], bool]]:
    truth: list[datetime] = []

    def step(world: World) -> None:
        world.writer.commit(arrived(world.station.seal(time=world.now.isoformat())), world.clock())
        truth.append(world.now)

    def done(world: World) -> bool:
        with world.database.reading.begin() as connection:
            dated = connection.execute(select(events.c.received).order_by(events.c.id)).scalars().all()
        # A clock that is ahead at a start by less than a month is gone by until somebody confirms; dates are set right then.
        confirmed = world.begin + timedelta(hours=RIGHT_AT + 1)
        return all(
            abs(stated - true) <= LEAP or true <= stated <= confirmed for stated, true in zip(dated, truth, strict=True)
        )

    return step, done


def _signed(world: World) -> tuple[Step, Callable[[World], bool]]:
    signer = Signer(KEY)

    def step(world: World) -> None:
        answers = Answers(
            world.database, signer, ScriptedVerifier(), AlarmRecorder(world.database), world.clock, even_s=0
        )
        answer = asyncio.run(answers.answer("entre-a", encode(cast(Ask, SyncAsk()))))
        page: SyncPage = decode(SyncPage, _payload(answer.jws or ""))
        off = abs(datetime.fromisoformat(page.issued) - world.now)
        if off > max(LEAP, timedelta(days=30)):
            world.faults.append("stations were told another year")

    return step, lambda world: world.true(world.clock())


def _payload(jws: str) -> bytes:
    middle = jws.split(".")[1]
    return base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))


def _sessions(world: World) -> tuple[Step, Callable[[World], bool]]:
    access = Access(world.database, world.clock, SEALER)
    value = session(access)

    def step(world: World) -> None:
        live = Access(world.database, world.clock, SEALER).by_session(value, present=True)
        if live is not None and world.now > world.begin + timedelta(days=2):
            world.faults.append("a session outlived its end")

    def done(world: World) -> bool:
        return session(Access(world.database, world.clock, SEALER), name="maj.test") != ""

    return step, done


def _alerts(world: World) -> tuple[Step, Callable[[World], bool]]:
    def step(world: World) -> None:
        with world.database.writing.begin() as connection:
            raise_alarm(connection, Alarm("entre-a", "not_laid_out", "R-1"), world.clock())
        AlertMonitor(world.database, load_alerts(None), KeptChanges(), world.clock).look()
        with world.database.reading.begin() as connection:
            rows = connection.execute(
                select(alerts.c.first, alerts.c.last).where(alerts.c.code == "not_laid_out")
            ).all()
        if len(rows) != 1:
            world.faults.append(f"{len(rows)} alerts of one thing")

    def done(world: World) -> bool:
        with world.database.reading.begin() as connection:
            row = connection.execute(select(alerts.c.last).where(alerts.c.code == "not_laid_out")).first()
        return row is not None and world.true(row.last)

    return step, done


BATCHES: Mapping[str, Batch] = {
    "retention": _retention,
    "deadlines": _deadlines,
    "holds in the queue": _queue,
    "dates of receipt": _received,
    "signed time": _signed,
    "sessions": _sessions,
    "alerts": _alerts,
}


def judge(batch: str, leap: str, *, restarts: bool, season: str = "") -> str:
    """One case: `right`, or what went wrong."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kortkiosk-clock-")))
        database = stack.enter_context(closing(new_store(folder / "fleet.sqlite")))
        world = World(database, folder, BEGINS[season])
        step, is_done = BATCHES[batch](world)
        for hour in range(1, ENDS_AT + 1):
            _pass_hour(world, hour, leap, restarts=restarts)
            step(world)
        if not is_done(world):
            world.faults.append("what was due was never done, or stays wrong")
    return "; ".join(dict.fromkeys(world.faults)) or "right"


def _pass_hour(world: World, hour: int, leap: str, *, restarts: bool) -> None:
    """The clock leaps, is set right, and is confirmed an hour later where that is asked."""
    world.now = world.begin + timedelta(hours=hour)
    if hour in (LEAPS_AT, RIGHT_AT):
        world.off = LEAPS[leap] if hour == LEAPS_AT and leap else timedelta()
        if restarts:
            world.start()
    if hour == RIGHT_AT + 1 and _waits(world):
        with world.database.writing.begin() as connection:
            confirm(connection, "clock", world.now, ("machine:campaign", ""))
    world.watch.look()


def cases() -> Iterator[tuple[str, str, bool, str]]:
    """Batch, leap, whether the server is started anew at it, season."""
    for batch in BATCHES:
        for leap in LEAPS:
            yield batch, leap, False, ""
            yield batch, leap, True, ""
        for season in list(BEGINS)[1:]:
            yield batch, "", False, season


def run_part(options: Options) -> int:
    """The part `clock-server` of `make campaign`."""
    by_id = {f"clock-server:{batch}:{leap or season}:{restarts}": (batch, leap, restarts, season)
             for batch, leap, restarts, season in cases()}  # fmt: skip
    chosen = options.ids or tuple(by_id)[: options.count]
    progress = Progress.open("clock-server", options)
    with swedish_time():
        for case in options.ids or tuple(progress.missing(chosen)):
            batch, leap, restarts, season = by_id[case]
            verdict = judge(batch, leap, restarts=restarts, season=season)
            injected = f"{leap or season}, {'started anew' if restarts else 'while it runs'}"
            progress.add(Verdict(case, injected, batch, () if verdict == "right" else (verdict,)), of=len(chosen))
    print(progress.table())
    return 1 if any(verdict.broken for verdict in progress.verdicts.values()) else 0


@contextmanager
def swedish_time() -> Iterator[None]:
    """The process in the region's zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = ZONE
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def main() -> int:
    """Print the table."""
    wrong = 0
    print("| batch | clock | server | verdict |\n|---|---|---|---|")
    with swedish_time():
        for batch, leap, restarts, season in cases():
            verdict = judge(batch, leap, restarts=restarts, season=season)
            wrong += verdict != "right"
            print(f"| {batch} | {leap or season} | {'started anew' if restarts else 'runs'} | {verdict} |", flush=True)
    print(f"{wrong} wrong", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    logging.disable()
    sys.exit(main())
