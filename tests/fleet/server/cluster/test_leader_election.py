"""Several processes on one PostgreSQL: one leads, and all hear of changes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import text

from fleet.server.cluster.leader_election import lead
from fleet.server.database.database import Database, open_database
from fleet.server.database.notify import LEADER_LOCK
from fleet.server.live_feed import notify_feed as feed
from fleet.server.live_feed.hub import Change, Hub
from fleet.server.live_feed.notify_feed import Announcer
from sim.stories.patience import LIMIT_S
from tests.fakes.server.postgres import Cluster

CHECK_S = 0.05


@asynccontextmanager
async def running(*work: "asyncio.Task[None]") -> AsyncIterator[None]:
    """Until the block ends; what is not over then is cancelled."""
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


class Job:
    """Says when it runs, and for how long it did."""

    def __init__(self, name: str, led: "asyncio.Queue[str]") -> None:
        self.name, self.runs, self._led = name, False, led

    async def run(self) -> None:
        self.runs = True
        self._led.put_nowait(self.name)
        try:
            await asyncio.Event().wait()
        finally:
            self.runs = False


async def test_one_leads_and_another_takes_over_when_its_session_is_gone(postgres: Cluster) -> None:
    place = postgres.place()
    with open_database(place) as one, open_database(place) as other:
        led: asyncio.Queue[str] = asyncio.Queue()
        jobs = [Job("one", led), Job("other", led)]
        tasks = [
            asyncio.create_task(lead(database, [job.run], CHECK_S))
            for database, job in zip((one, other), jobs, strict=True)
        ]
        async with running(*tasks):
            first = await led.get()
            await asyncio.to_thread(end_leader, one)
            second = await led.get()
            async with asyncio.timeout(LIMIT_S):  # the old one ends its jobs at its next look
                while [job.runs for job in jobs].count(True) != 1:  # noqa: ASYNC110  # ended by a task of its own
                    await asyncio.sleep(CHECK_S)
            leader = tasks[0 if second == "one" else 1]
            leader.cancel()
            with suppress(asyncio.CancelledError):
                await leader
            assert await led.get() != second, "who ends in order lets another lead"
    assert first in ("one", "other")


async def test_with_sqlite_the_one_process_leads(database: Database) -> None:
    led: asyncio.Queue[str] = asyncio.Queue()
    async with running(asyncio.create_task(lead(database, [Job("alone", led).run]))):
        assert await led.get() == "alone"


async def test_a_job_that_fails_ends_the_process_and_not_in_silence(database: Database) -> None:
    async def broken() -> None:
        raise ValueError("made up")

    with pytest.raises(ValueError, match="made up"):
        await lead(database, [broken])


async def test_a_change_is_heard_by_the_pages_of_all_processes_once(postgres: Cluster) -> None:
    place = postgres.place()
    with open_database(place) as here, open_database(place) as there:
        mine, theirs = Hub(interval_s=0.0), Hub(interval_s=0.0)
        web, other_web, worker = Announcer(here, mine), Announcer(there, theirs), Announcer(there)
        tasks = [asyncio.create_task(one.run()) for one in (web, other_web, worker)]
        tasks += [asyncio.create_task(one.hear()) for one in (web, other_web)]
        async with running(*tasks):
            with mine.reading() as reader, theirs.reading() as other_reader:
                await asyncio.to_thread(until_two_listen, here)
                worker.publish(frozenset({"stations", "station/entre-a"}))
                for each in (reader, other_reader):
                    assert await changed(each.changes()) == frozenset({"stations", "station/entre-a"})
                web.publish(frozenset({"alerts"}))
                assert await changed(other_reader.changes()) == frozenset({"alerts"})
                assert await changed(reader.changes()) == frozenset({"alerts"})
                worker.publish(frozenset(f"station/{number:040}" for number in range(200)))
                for each in (reader, other_reader):
                    assert await changed(each.changes()) is None, "too much to name: read everything"


async def test_a_lost_connection_has_pages_read_everything(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(feed, "AGAIN_S", 0.01)
    with open_database(postgres.place()) as database:
        hub = Hub(interval_s=0.0)
        async with running(asyncio.create_task(Announcer(database, hub).hear())):
            with hub.reading() as reader:
                await asyncio.to_thread(until_listening, database, 1)
                await asyncio.to_thread(end_listeners, database)
                assert await changed(reader.changes()) is None
    assert "not heard" in caplog.text


async def changed(changes: AsyncIterator[Change | None]) -> frozenset[str] | None:
    change = await anext(changes)
    assert change is not None
    return change.topics


def until_two_listen(database: Database) -> None:
    until_listening(database, 2)


def until_listening(database: Database, number: int) -> None:
    """Only asking again can tell."""
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
    for _ in range(10_000):
        with database.reading.begin() as connection:
            if connection.execute(asked).scalar() == number:
                return
    raise AssertionError("nobody listens")


def end_listeners(database: Database) -> None:
    ended = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    with database.reading.begin() as connection:
        connection.execute(ended)


def end_leader(database: Database) -> None:
    ended = text(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = :lock"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with database.reading.begin() as connection:
        connection.execute(ended, {"lock": LEADER_LOCK})
