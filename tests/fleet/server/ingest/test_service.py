"""Nothing that comes in stops the stream, and nothing is acknowledged before it is stored."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

from fleet.messages.commands import CommandResult
from fleet.messages.link import Acked, StationState, decode, encode
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.transport import Incoming
from fleet.server.database import integrity
from fleet.server.database.database import Database
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.ingest.parse import (
    Arrival,
    ArrivedEvent,
    ArrivedPresence,
    ArrivedResult,
    ArrivedState,
    Committed,
    UnreadableMessage,
    parse_message,
)
from fleet.server.ingest.service import BATCH
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from tests.fakes.server.ingesting import ingesting, message
from tests.fleet.server.conftest import NOW, SealingStation


async def test_a_stream_is_stored_told_and_shown(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    async with ingesting(writer) as bench:
        await bench.send(*(message(event) for event in station.pickup(errand="E-1")))
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 5)
    assert {"stations", "errands", "errand/E-1", "station/entre-a"} <= bench.changes.topics
    assert readings.errands(NOW)[0].outcome == "done"


async def test_a_message_is_read_by_who_takes_it_and_not_as_it_comes() -> None:
    looked_at: list[int] = []

    def look(one: Incoming) -> Incoming:
        looked_at.append(threading.get_ident())
        return one

    inbox = Inbox(asyncio.get_running_loop(), look)
    inbox.put(Incoming("a", b"1"))
    inbox.put(Incoming("a", b"2"))
    assert looked_at == []
    first = await asyncio.to_thread(inbox.take_now, 1)
    assert [one.payload for one in first + await inbox.take(5)] == [b"1", b"2"]
    assert len(looked_at) == 2
    assert looked_at[0] != looked_at[1] == threading.get_ident()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"id":"\xff"}',
        b"[" * 20_000,
        b"x" * 70_000,
        b'{"specversion":"1.0"}',
        b"null",
        b'"\\ud800"',
    ],
    ids=["empty", "torn", "no UTF-8", "no UTF-8 in a string", "deep", "huge", "half", "null", "surrogate"],
)
async def test_poison_is_kept_and_the_stream_goes_on(
    writer: Writer, station: SealingStation, readings: StoreReadings, payload: bytes
) -> None:
    one, _, three = station.seals(3)
    async with ingesting(writer) as bench:
        await bench.send(message(one), Incoming(Topics("entre-a").events, payload, (1, 2)), message(three))
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 3)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert row.quarantined == 1


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "CommandResult"),
        (b'{"sequence":1,"digest":"00","outcome":"maybe"}', "outcome"),
        (b'{"sequence":1,"digest":"00","outcome":"done","more":1}', "more"),
        (b'{"sequence":1,"digest":"00","outcome":"done","lines":[%s"x"]}' % (b'"x",' * 300), "more than a result"),
        (b" " * 70_000, "at most"),
    ],
)
def test_a_result_of_a_command_that_is_none_is_kept_aside(payload: bytes, why: str) -> None:
    found = parse_message(Incoming(Topics("entre-a").results, payload))
    assert isinstance(found, UnreadableMessage)
    assert (found.station, found.key, found.kind) == ("entre-a", None, "command result")
    assert why in found.reason


def test_a_result_belongs_to_the_station_of_its_topic() -> None:
    raw = encode(CommandResult(7, "00", CommandOutcome.REFUSED, "busy"))
    assert parse_message(Incoming(Topics("entre-b").results, raw)) == ArrivedResult(
        "entre-b", decode(CommandResult, raw), raw
    )
    deeper = parse_message(Incoming("kortkiosk/v1/entre-a/other/result", raw))
    assert isinstance(deeper, UnreadableMessage), "another topic with the same last part is none of ours"


def test_an_event_that_names_another_station_is_quarantined_under_the_sender(station: SealingStation) -> None:
    found = parse_message(message(station.seal(), station="entre-b"))
    assert isinstance(found, UnreadableMessage)
    assert (found.station, found.key) == ("entre-b", (1, 1))


def test_an_event_whose_message_names_another_place_is_quarantined(station: SealingStation) -> None:
    found = parse_message(message(station.seal(), key=(1, 9)))
    assert isinstance(found, UnreadableMessage)
    assert found.key == (1, 9)


@pytest.mark.parametrize("topic", ["", "other/v1/a/events", "kortkiosk/v1/UPPER/events", "kortkiosk/v1/a"])
def test_what_belongs_to_no_station_is_dropped(topic: str) -> None:
    assert parse_message(Incoming(topic, b"{}")) is None


def test_what_the_broker_has_kept_is_known_as_that() -> None:
    presence = Incoming(Topics("entre-a").presence, b'{"online":false,"bootid":""}', replayed=True)
    assert parse_message(presence) == ArrivedPresence("entre-a", online=False, replayed=True)
    state = encode(StationState("Entré A", "0.1.0", "b", "2026-06-01T10:00:00Z"))
    seen = parse_message(Incoming(Topics("entre-a").state, state, replayed=True))
    assert isinstance(seen, ArrivedState)
    assert seen.replayed


def test_a_state_that_does_not_fit_is_quarantined_without_a_key() -> None:
    found = parse_message(Incoming(Topics("entre-a").state, b'{"title":1}', key=(1, 1)))
    assert isinstance(found, UnreadableMessage)
    assert found.key is None


class FailingWriter(Writer):
    """A database that is away for a while, or cannot take one thing. When it fails, it has worked for a while."""

    away = 0
    poison: bytes | None = None
    sick: DBAPIError | None = None
    """What each commit of events ends with."""
    asked: threading.Event | None = None
    before: Callable[[], object] = staticmethod(lambda: None)

    def commit(
        self, arrivals: Sequence[Arrival], now: datetime, meanwhile: Callable[[], None] | None = None
    ) -> Committed:
        self.before()
        if self.asked is not None:
            self.asked.set()
        if self.away:
            self.away -= 1
            if meanwhile is not None:
                meanwhile()
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        if self.sick is not None and any(isinstance(one, ArrivedEvent) for one in arrivals):
            raise self.sick
        if any(isinstance(one, ArrivedEvent) and one.raw == self.poison for one in arrivals):
            raise IntegrityError("INSERT", {}, Exception("no"))
        return super().commit(arrivals, now, meanwhile)


async def test_while_the_database_cannot_be_written_all_waits_and_nothing_is_lost(
    database: object, station: SealingStation
) -> None:
    writer = FailingWriter(database)  # type: ignore[arg-type]
    writer.away, trouble = 2, []
    async with ingesting(writer) as bench:
        writer.before = lambda: trouble.append(bench.ingest.trouble)
        await bench.send(*(message(event) for event in station.seals(3)))
        assert bench.ingest.trouble is None
    assert trouble == [None, "cannot_write", "cannot_write"], "as `/health/ready` says it"
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 3)
    assert writer.away == 0


async def test_more_than_a_batch_that_had_to_wait_is_stored_in_its_order(
    database: object, station: SealingStation
) -> None:
    writer = FailingWriter(database)  # type: ignore[arg-type]
    writer.away = 1
    events = station.seals(2 * BATCH + 1)
    async with ingesting(writer) as bench:
        await bench.send(*map(message, events))
    assert [one.payload for one in bench.transport.acknowledged] == [event.wire for event in events]
    assert bench.transport.acked("entre-a")[0] == Acked(1, BATCH), "nothing is asked for again"


async def test_an_ingest_ends_while_the_database_is_away(database: object, station: SealingStation) -> None:
    writer = FailingWriter(database)  # type: ignore[arg-type]
    writer.away, asked = 1_000_000, threading.Event()
    writer.asked = asked
    async with ingesting(writer) as bench:
        bench.inbox.put(message(station.seal()))
        await asyncio.to_thread(asked.wait, 10)
    assert writer.away > 0
    assert bench.transport.acknowledged == []


async def test_one_thing_that_cannot_be_stored_is_set_aside_and_its_batch_is_not(
    database: object, station: SealingStation, readings: StoreReadings
) -> None:
    writer = FailingWriter(database)  # type: ignore[arg-type]
    events = station.seals(3)
    writer.poison = events[1].wire
    async with ingesting(writer) as bench:
        await bench.send(*(message(event) for event in events))
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 3)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.quarantined, row.missing) == (1, 0)


async def until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110  # what changes is set in the storing thread
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", [ProgrammingError, DatabaseError, InternalError, NotSupportedError])
async def test_what_the_store_itself_is_the_cause_of_makes_all_wait(
    database: object, station: SealingStation, readings: StoreReadings, fault: type[DBAPIError]
) -> None:
    """Before the mend each event was tried alone, called poison, set aside and acknowledged, with `health` saying ok."""
    writer = FailingWriter(database)  # type: ignore[arg-type]
    writer.sick = fault("INSERT", {}, Exception("index is damaged"))
    async with ingesting(writer) as bench:
        for event in station.seals(3):
            bench.inbox.put(message(event))
        await until(lambda: bench.ingest.trouble == "store_damaged")
        assert bench.transport.acknowledged == []
        writer.sick = None
        await bench.transport.settled(3)
        assert bench.ingest.trouble is None
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.quarantined, row.missing) == (0, 0)


async def test_a_column_that_is_gone_under_a_running_server_sets_nothing_aside(
    database: Database, station: SealingStation, readings: StoreReadings
) -> None:
    """As in an upgrade whose tables do not fit the workers that still run."""

    def rename(before: str, after: str) -> None:
        with database.ingesting.begin() as connection:
            connection.execute(text(f"ALTER TABLE events RENAME COLUMN {before} TO {after}"))

    writer = Writer(database)
    async with ingesting(writer) as bench:
        await bench.send(message(station.seal()))
        rename("errand", "errand_moved")
        for event in station.seals(2):
            bench.inbox.put(message(event))
        await until(lambda: bench.ingest.trouble is not None)
        assert len(bench.transport.acknowledged) == 1
        rename("errand_moved", "errand")
        await bench.transport.settled(3)
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 3)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert row.quarantined == 0


async def test_events_of_two_stations_that_fail_alike_are_nobodys_fault_and_wait(
    database: object, station: SealingStation, readings: StoreReadings
) -> None:
    writer = FailingWriter(database)  # type: ignore[arg-type]
    other = SealingStation("entre-b")
    writer.sick = IntegrityError("INSERT", {}, Exception("a column may not be null that nobody here knows"))
    async with ingesting(writer) as bench:
        for event in (station.seal(), other.seal()):
            bench.inbox.put(message(event))
        await until(lambda: bench.ingest.trouble == "rows_refused")
        assert bench.transport.acknowledged == []
        writer.sick = None
        await bench.transport.settled(2)
    assert [row.quarantined for name in ("entre-a", "entre-b") if (row := readings.station(name, NOW))] == [0, 0]


async def test_nothing_more_is_stored_in_a_store_that_was_found_damaged(
    database: Database, station: SealingStation
) -> None:
    check = DatabaseCheck(database, lambda: NOW)
    async with ingesting(Writer(database), check=check) as bench:
        await bench.send(message(station.seal()))
        check.problems = ("page 7: never used",)
        bench.inbox.put(message(station.seal()))
        await until(lambda: bench.ingest.trouble == "store_damaged")
        assert len(bench.transport.acknowledged) == 1


async def test_what_a_row_is_refused_for_in_a_damaged_store_is_not_the_rows_fault(
    database: Database, station: SealingStation, readings: StoreReadings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unique index that is damaged says of a good event that it is there already."""
    writer, damaged = FailingWriter(database), ["row 3 missing from index"]
    writer.sick = IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))
    monkeypatch.setattr(integrity, "problems_of", lambda _database: damaged)
    async with ingesting(writer, check=DatabaseCheck(database, lambda: NOW)) as bench:
        bench.inbox.put(message(station.seal()))
        await until(lambda: bench.ingest.trouble == "store_damaged")
        assert bench.transport.acknowledged == []
    row = readings.station("entre-a", NOW)
    assert row is None or row.quarantined == 0


async def test_a_row_of_a_chain_that_cannot_be_read_makes_all_wait(database: Database, station: SealingStation) -> None:
    """Before, it ended the server."""
    async with ingesting(Writer(database)) as bench:
        await bench.send(message(station.seal()))
        with database.writing.begin() as connection:
            connection.execute(text("UPDATE chains SET gaps = '[[1'"))
        bench.inbox.put(message(station.seal()))
        await until(lambda: bench.ingest.trouble == "store_damaged")
        with database.writing.begin() as connection:
            connection.execute(text("UPDATE chains SET gaps = '[]'"))
        await bench.transport.settled(2)
    assert bench.transport.acked("entre-a")[-1] == Acked(1, 2)
