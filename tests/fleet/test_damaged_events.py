"""Damaged events of a station against the fleet server: what lies damaged is told under its number, and all others arrive."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fleet.agent import outbox
from fleet.agent.identity import Identity
from fleet.agent.outbox import START, EventChain
from fleet.agent.store import StationStore
from fleet.messages.events import Event
from fleet.messages.link import Acked
from fleet.messages.topics import Topics
from fleet.server.broker.transport import Incoming
from fleet.server.database.database import Database, open_database
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.ingest.parse import parse_message
from fleet.server.ingest.write import Writer
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from fleet.server.stations.tables import stations
from provisioning.authority import Authority
from tests.fakes.fleet.linked_station import emptied, linked, server_with_one_order
from tests.fleet.server.conftest import NOW, authority, enrolled, new_store, wall_clock

__all__ = ["authority"]

COUNT = 50
CHAIN = EventChain("entre-a", epoch=1, bootid="boot-1")


@pytest.fixture
def config(authority: Authority, tmp_path: Path) -> ServerConfig:
    return server_with_one_order(authority, tmp_path / "data")


@pytest.fixture
def identity(config: ServerConfig, authority: Authority, tmp_path: Path) -> Identity:
    return enrolled(authority, tmp_path / "identity", "entre-a", config.mqtt.port)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA])
    yield made
    made.close()


def write(cx: sqlite3.Connection, count: int = COUNT, chain: EventChain = CHAIN) -> list[Event]:
    return [
        outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", "order/A1", {"n": n, "why": "made up"})
        for n in range(count)
    ]


def flip(cx: sqlite3.Connection, station: str, sequence: int, column: str, byte: int, bit: int) -> None:
    """Change one bit of what lies there, as a worn memory card does: no rule of the file is asked."""
    query = f"SELECT CAST({column} AS BLOB) FROM outbox WHERE station = ? AND sequence = ?"  # noqa: S608  # a constant
    content = bytearray(cx.execute(query, (station, sequence)).fetchone()[0])
    content[byte % len(content)] ^= 1 << bit
    kind = "BLOB" if column != "salt" else "TEXT"
    cx.execute(
        f"UPDATE outbox SET {column} = CAST(? AS {kind}) WHERE station = ? AND sequence = ?",  # noqa: S608  # a constant
        (bytes(content), station, sequence),
    )


def held(database: Database, station: str = "entre-a") -> dict[int, bytes]:
    with database.reading.begin() as connection:
        query = select(events.c.sequence, events.c.envelope).join(stations, stations.c.id == events.c.station)
        rows = connection.execute(query.where(stations.c.name == station)).all()
    return {row.sequence: row.envelope for row in rows}


def set_aside(database: Database, station: str = "entre-a") -> list[tuple[int, int]]:
    with database.reading.begin() as connection:
        query = select(quarantine.c.epoch, quarantine.c.sequence).join(stations, stations.c.id == quarantine.c.station)
        rows = connection.execute(query.where(stations.c.name == station)).all()
        assert not connection.execute(select(conflicts)).all()
    return [(row.epoch, row.sequence) for row in rows]


@pytest.mark.broker
@pytest.mark.parametrize("column", ["envelope", "data", "salt"])
async def test_one_flipped_bit_in_a_pending_event_keeps_no_other_event_back(
    column: str, config: ServerConfig, identity: Identity, store: StationStore, caplog: pytest.LogCaptureFixture
) -> None:
    chain = EventChain("entre-a", identity.epoch, "boot-1")
    written = store.transact_now(lambda cx: write(cx, chain=chain))
    store.transact_now(lambda cx: flip(cx, "entre-a", 30, column, 11, 3))
    async with FleetServer(config), linked(identity, store):
        await emptied(store)
    with open_database(config.database) as database:
        assert held(database) == {event.sequence: event.envelope for event in written if event.sequence != 30}
        assert set_aside(database) == [(identity.epoch, 30)]
        row = StoreReadings(database, wall_clock).station("entre-a", wall_clock())
        assert row is not None
        assert (row.held_through, row.chain_ok) == (COUNT, True)
        assert "quarantined" in [
            code for _, code, _ in StoreReadings(database, wall_clock).summary(wall_clock()).alarms
        ]
    assert "damaged" in caplog.text
    assert "WARNING" in {record.levelname for record in caplog.records if "damaged" in record.message}


@pytest.fixture(scope="module")
def sealed() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as cx:
        cx.executescript(outbox.SCHEMA)
        yield cx


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = new_store(tmp_path_factory.mktemp("server") / "fleet.sqlite")
    yield opened
    opened.close()


@settings(max_examples=60, deadline=None)
@given(
    sequence=st.integers(1, COUNT),
    column=st.sampled_from(["envelope", "data", "salt"]),
    byte=st.integers(0, 600),
    bit=st.integers(0, 7),
)
def test_wherever_the_bit_lies_the_server_holds_all_the_others_without_a_gap(
    sequence: int, column: str, byte: int, bit: int, sealed: sqlite3.Connection, database: Database
) -> None:
    station = f"entre-{uuid.uuid4().hex[:8]}"
    written = write(sealed, chain=EventChain(station, epoch=1, bootid="boot-1"))
    flip(sealed, station, sequence, column, byte, bit)
    arrivals = [
        parse_message(Incoming(Topics(station).events, kept.wire, (kept.epoch, kept.sequence)))
        for kept in outbox.pending_events(sealed, station, START, COUNT)
    ]
    committed = Writer(database).commit([arrival for arrival in arrivals if arrival is not None], NOW)
    assert committed.acked == ((station, Acked(1, COUNT)),)
    assert set_aside(database, station) == [(1, sequence)]
    assert held(database, station) == {
        event.sequence: event.envelope for event in written if event.sequence != sequence
    }
