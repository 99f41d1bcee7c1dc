"""A station whose file is an older copy, against the fleet server: what it writes from then on arrives, once, and it is said."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.agent import checkpoints, outbox, sync
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.identity import Identity
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.vocabulary import EventType
from fleet.server.database.database import open_database
from fleet.server.events.tables import chains, conflicts, events, quarantine
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from tests.fakes.fleet.linked_station import emptied, linked, server_with_one_order
from tests.fleet.server.conftest import authority, enrolled, wall_clock

__all__ = ["authority"]

pytestmark = pytest.mark.broker

SCHEMAS = [outbox.SCHEMA, checkpoints.SCHEMA, sync.SCHEMA]


@pytest.fixture
def config(authority: Authority, tmp_path: Path) -> ServerConfig:
    return server_with_one_order(authority, tmp_path / "data")


@pytest.fixture
def identity(config: ServerConfig, authority: Authority, tmp_path: Path) -> Identity:
    return enrolled(authority, tmp_path / "identity", "entre-a", config.mqtt.port)


def opened(path: Path) -> StationStore:
    return StationStore.open(path, schemas=SCHEMAS)


def commit(store: StationStore, identity: Identity, *names: str) -> None:
    """An event for each name; a name stands for what happened."""
    chain = EventChain("entre-a", identity.epoch, "boot-1")
    signer = Checkpoints(identity.private_key(), identity.certificate(), chain)

    def work(cx: sqlite3.Connection) -> None:
        for name in names:
            now = wall_clock().isoformat()
            outbox.append(cx, chain, "se.kortkiosk.test", now, None, {"name": name})
            signer.follow(cx, now)

    store.transact_now(work)


def copied(path: Path) -> None:
    """An image of the memory card, as somebody makes one who means well."""
    with closing(sqlite3.connect(path)) as cx:
        cx.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(path, path.with_suffix(".copy"))


def restored(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copy(path.with_suffix(".copy"), path)


async def sent(identity: Identity, store: StationStore) -> None:
    async with linked(identity, store):
        await emptied(store)


def names_held(config: ServerConfig) -> list[str]:
    """What the server holds, but for what the chain says of itself."""
    with open_database(config.database) as database, database.reading.begin() as connection:
        assert not connection.execute(select(conflicts)).all()
        assert not connection.execute(select(quarantine)).all()
        assert {row.intact for row in connection.execute(select(chains.c.intact))} == {True}
        rows = connection.execute(
            select(events.c.data)
            .where(events.c.type == "se.kortkiosk.test")
            .order_by(events.c.epoch, events.c.sequence)
        ).scalars()
        return [row.decode().split('"')[3] for row in rows]


def alarms(config: ServerConfig) -> dict[str, str]:
    with open_database(config.database) as database:
        found = StoreReadings(database, wall_clock).summary(wall_clock()).alarms
        return {code: said for _, code, said in found if code != "offline"}


async def test_every_event_after_an_older_copy_was_restored_is_held_once_and_it_is_said(
    config: ServerConfig, identity: Identity, tmp_path: Path
) -> None:
    path = tmp_path / "station.sqlite"
    async with FleetServer(config):
        store = opened(path)
        commit(store, identity, *"abcde")
        await sent(identity, store)
        commit(store, identity, "f", "g")  # not sent when the copy was made, and sent later
        store.close()
        copied(path)
        store = opened(path)
        commit(store, identity, *"hijk")
        await sent(identity, store)
        store.close()

        restored(path)
        store = opened(path)
        commit(store, identity, *"uvwxyz")
        await sent(identity, store)
        commit(store, identity, "å")
        await sent(identity, store)
        store.close()
    assert names_held(config) == [*"abcdefghijkuvwxyzå"]
    assert alarms(config) == {"chain_begun": f"{identity.epoch}:8 older_copy, 6"}


async def test_the_same_copy_restored_twice_takes_another_epoch_each_time(
    config: ServerConfig, identity: Identity, tmp_path: Path
) -> None:
    path = tmp_path / "station.sqlite"
    async with FleetServer(config):
        store = opened(path)
        commit(store, identity, "a", "b")
        store.close()
        copied(path)
        for name in "cde":
            restored(path)
            store = opened(path)
            commit(store, identity, name, name.upper())
            await sent(identity, store)
            store.close()
    assert names_held(config) == [*"abcCdDeE"]
    with open_database(config.database) as database, database.reading.begin() as connection:
        assert connection.execute(select(chains.c.epoch).order_by(chains.c.epoch)).scalars().all() == [
            identity.epoch + at for at in range(3)
        ]


async def test_writes_that_the_card_never_kept_are_found_out_too(
    config: ServerConfig, identity: Identity, tmp_path: Path
) -> None:
    """The card said that they were on the disk: the file is whole, its write-ahead log is gone."""
    path = tmp_path / "station.sqlite"
    async with FleetServer(config):
        store = opened(path)
        commit(store, identity, "a", "b")
        store.transact_now(lambda cx: None)
        store.close()
        copied(path)
        store = opened(path)
        commit(store, identity, "c", "d", "e")
        await sent(identity, store)
        store.close()
        restored(path)
        store = opened(path)
        await sent(identity, store)  # nothing new yet: it is found out by the next event
        commit(store, identity, "f")
        await sent(identity, store)
        store.close()
    assert names_held(config) == [*"abcdef"]
    assert "chain_begun" in alarms(config)


async def test_a_new_file_under_the_same_identity_begins_a_chain_of_its_own(
    config: ServerConfig, identity: Identity, tmp_path: Path
) -> None:
    async with FleetServer(config):
        for place, names in (("first", "abc"), ("second", "defgh")):
            store = opened(tmp_path / f"{place}.sqlite")
            commit(store, identity, *names)
            await sent(identity, store)
            store.close()
    assert names_held(config) == [*"abcdefgh"]
    assert alarms(config) == {"chain_begun": f"{identity.epoch}:0 older_copy, 5"}


def test_a_station_that_is_enrolled_anew_on_such_a_file_takes_an_epoch_that_nobody_had(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as cx:
        cx.executescript(outbox.SCHEMA)
        first, second = (EventChain("entre-a", epoch, "boot") for epoch in (1, 2))
        outbox.append(cx, first, EventType.DOOR_OPENED, "2026-01-01T08:00:00Z", None, {})
        outbox.begin_epoch(cx, first, "2026-01-01T08:00:00Z", after=1, above=1, why="older_copy")
        assert outbox.current_epoch(cx, first) == 2
        event = outbox.append(cx, second, EventType.DOOR_OPENED, "2026-01-01T08:00:00Z", None, {})
        assert (event.epoch, event.sequence) == (3, 1)
        assert outbox.current_epoch(cx, first) == 2
