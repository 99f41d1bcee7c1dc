"""Two connections with one certificate: what of mosquitto's log is a take-over, and which take-overs are an alarm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import event, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence
from fleet.server.ingest.write import Writer
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.stations.duplicate_identity import PAUSE_S, BrokerLog, DuplicateIdentity, SessionTakeOver
from fleet.server.stations.tables import alarms
from sim.stories.patience import LIMIT_S
from tests.fleet.server.conftest import NOW, KeptChanges


def connected(name: str, address: str) -> str:
    return f"New client connected from {address}:41000 as {name} (p5, c0, k30, u'{name}')."


def closed(name: str) -> str:
    return f"Client {name} already connected, closing old connection."


class Desk:
    """Take-overs at times of the test's own, on a real store."""

    def __init__(self, database: Database) -> None:
        self.now_s = 0.0
        self.database, self.changes = database, KeptChanges()
        self.judge = DuplicateIdentity(AlarmRecorder(database), self.changes, lambda: NOW, lambda: self.now_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        work = asyncio.create_task(self.judge.run())
        yield
        async with asyncio.timeout(LIMIT_S):
            await asyncio.sleep(0)  # for what another thread would have called
            await self.judge.settled()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    def note(self, name: str, *, elsewhere: bool = False, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.judge.note(SessionTakeOver(name, elsewhere))

    def kept(self) -> list[tuple[str, str, str, int]]:
        columns = alarms.c.station, alarms.c.code, alarms.c.argument, alarms.c.times
        with self.database.reading.begin() as connection:
            return [tuple(row) for row in connection.execute(select(*columns))]


def test_a_client_that_comes_back_after_it_left_takes_nothing_over() -> None:
    log = BrokerLog()
    lines = [
        connected("entre-a", "10.0.0.7"),
        "Client entre-a closed its connection.",
        connected("entre-a", "10.0.0.8"),
    ]
    assert [log.read(line) for line in lines] == [None, None, None]


def test_a_take_over_is_told_with_whether_it_came_from_elsewhere() -> None:
    log = BrokerLog()
    lines = [
        connected("entre-a", "10.0.0.7"),
        connected("entre-b", "fd00::9"),
        closed("entre-a"),
        closed("entre-b"),
        connected("entre-b", "fd00::9"),
        connected("entre-a", "10.0.0.66"),
    ]
    found = [log.read(line) for line in lines]
    assert found == [None] * 4 + [
        SessionTakeOver("entre-b", elsewhere=False),
        SessionTakeOver("entre-a", elsewhere=True),
    ]


def test_a_session_that_the_server_ends_is_taken_over_by_nobody() -> None:
    log = BrokerLog()
    lines = [
        connected("lost", "10.0.0.7"),
        closed("lost"),
        connected("lost", "/run/own.sock"),
        closed("lost"),  # its first word, before the server has left: it pushes out the server, not a station
        connected("lost", "10.0.0.7"),
        closed("lost"),
        connected("lost", "10.0.0.7"),
    ]
    assert [log.read(line) for line in lines] == [None] * 6 + [SessionTakeOver("lost", elsewhere=False)]


async def test_one_from_elsewhere_is_an_alarm(database: Database) -> None:
    desk = Desk(database)
    async with desk.running():
        for line in (connected("entre-a", "10.0.0.7"), closed("entre-a"), connected("entre-a", "10.0.0.66")):
            desk.judge.broker_says(line)
    assert desk.kept() == [("entre-a", "duplicate_identity", "elsewhere", 1)]
    assert desk.changes.topics == {"alerts"}


async def test_two_from_the_same_address_are_none_and_three_in_ten_minutes_are(database: Database) -> None:
    desk = Desk(database)
    async with desk.running():
        desk.note("entre-a")
        desk.note("entre-a")
        desk.note("entre-a", after_s=601)
        desk.note("entre-b")
    assert desk.kept() == []
    async with desk.running():
        desk.note("entre-a")
        desk.note("entre-a")
    assert desk.kept() == [("entre-a", "duplicate_identity", "again", 1)]


async def test_who_fights_over_a_session_without_end_raises_one_alarm_a_minute(database: Database) -> None:
    desk = Desk(database)
    async with desk.running():
        for _ in range(300):
            desk.note("entre-a", elsewhere=True, after_s=0.1)
        desk.note("entre-a", elsewhere=True, after_s=PAUSE_S)
    assert desk.kept() == [("entre-a", "duplicate_identity", "elsewhere", 2)]


async def test_the_servers_own_session_is_an_alarm_of_the_whole_fleet(database: Database) -> None:
    desk = Desk(database)
    async with desk.running():
        for _ in range(3):
            desk.judge.server_lost()
    assert desk.kept() == [("", "duplicate_identity", "again", 1)]


async def test_an_alarm_that_the_store_does_not_take_is_raised_by_the_next_take_over(database: Database) -> None:
    desk = Desk(database)

    def refuse(connection: Connection) -> None:
        raise OperationalError("BEGIN", {}, Exception("made up"))

    event.listen(database.writing, "begin", refuse)
    async with desk.running():
        desk.note("entre-a", elsewhere=True)
    event.remove(database.writing, "begin", refuse)
    assert desk.kept() == []
    async with desk.running():
        desk.note("entre-a", elsewhere=True)
    assert desk.kept() == [("entre-a", "duplicate_identity", "elsewhere", 1)]


async def test_what_a_station_tells_of_its_session_counts_once_it_is_live(database: Database) -> None:
    desk, writer = Desk(database), Writer(database)
    writer.commit([ArrivedPresence("entre-a", True, taken_over=2)], NOW)
    writer.commit([ArrivedPresence("entre-a", True, replayed=True, taken_over=3)], NOW)
    writer.commit([ArrivedPresence("entre-a", False, taken_over=3)], NOW)
    assert desk.kept() == []
    writer.commit([ArrivedPresence("entre-a", True, taken_over=3)], NOW)
    assert desk.kept() == [("entre-a", "duplicate_identity", "again", 1)]
