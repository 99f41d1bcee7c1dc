"""The station's own link against the fleet server itself, over a real broker: one test for each thing that passes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.agent import outbox, sync
from fleet.agent.envelope import new_nonce, seal_puk
from fleet.agent.identity import Identity
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.link import StationState
from fleet.messages.vocabulary import EventType
from fleet.server.database.database import open_database
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from sim.stories.administrators import administrator
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.linked_station import PUK, emptied, linked, server_with_one_order
from tests.fleet.server.conftest import authority, enrolled, wall_clock

__all__ = ["authority"]

STATE = StationState(title="Entré A", version="0.1.0", bootid="boot-1", time="2026-01-01T08:00:00Z")

pytestmark = pytest.mark.broker


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA])
    yield made
    made.close()


@pytest.fixture
def config(authority: Authority, tmp_path: Path) -> ServerConfig:
    return server_with_one_order(authority, tmp_path / "data")


@pytest.fixture
def identity(config: ServerConfig, authority: Authority, tmp_path: Path) -> Identity:
    return enrolled(authority, tmp_path / "identity", "entre-a", config.mqtt.port)


async def shown(config: ServerConfig, title: str) -> None:
    """The state travels beside the events, and may come after them."""
    with open_database(config.database) as database:
        readings = StoreReadings(database, wall_clock)
        async with asyncio.timeout(LIMIT_S):
            while (row := readings.station("entre-a", wall_clock())) is None or row.title != title:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_an_errand_reaches_the_pages_and_leaves_the_outbox(
    config: ServerConfig, identity: Identity, store: StationStore
) -> None:
    about = {"errand": "E-1", "order": "O-1", "card_number": "9752269875"}
    told = (
        (EventType.ERRAND_STARTED, {"errand": "E-1", "kind": "pickup"}),
        (EventType.CARD_ACTIVATED, about),
        (EventType.ERRAND_ENDED, {**about, "kind": "pickup", "outcome": "done", "seconds": 61}),
    )
    now = wall_clock()
    async with FleetServer(config), linked(identity, store) as link:
        link.publish_state(STATE)
        chain = EventChain("entre-a", identity.epoch, "boot-1")
        for kind, content in told:
            await store.transact(lambda cx, k=kind, c=content: outbox.append(cx, chain, k, now.isoformat(), None, c))
        link.notify()
        await emptied(store)
        await shown(config, STATE.title)
    with open_database(config.database) as database:
        readings = StoreReadings(database, wall_clock)
        row = readings.station("entre-a", wall_clock())
        assert row is not None
        assert (row.title, row.held_through, row.chain_ok) == ("Entré A", 3, True)
        assert [(one.errand, one.outcome) for one in readings.errands(wall_clock())] == [("E-1", "done")]
        assert [one.state for one in readings.orders()[0]] == ["waiting"], "nobody has proved it"


async def test_a_station_syncs_its_list_and_verifies_a_letter(
    config: ServerConfig, identity: Identity, store: StationStore
) -> None:
    async with FleetServer(config), linked(identity, store) as link:
        book = OrderBook(identity, store, link)
        await book.refresh()
        offered = await book.offered_online("TEST000000-0001")
        said = [
            (await link.ask(seal_puk(identity.verifier_key, "entre-a", "O-1", new_nonce(), puk))).verdict
            for puk in (PUK, "00000000")
        ]
    assert offered
    assert [order.order for order in book.waiting(wall_clock().date())] == ["O-1"]
    assert book.administrators() == (administrator("TEST000000-A001", "Anna Admin"),)
    assert said == ["match", "no_match"]


async def test_what_was_committed_while_the_server_was_away_arrives_when_it_is_back(
    config: ServerConfig, identity: Identity, store: StationStore
) -> None:
    chain = EventChain("entre-a", identity.epoch, "boot-1")

    async def commit(count: int) -> None:
        for number in range(count):
            await store.transact(
                lambda cx, n=number: outbox.append(
                    cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {"n": n}
                )
            )

    async with FleetServer(config), linked(identity, store) as link:
        await commit(5)
        link.notify()
        await emptied(store)
    await commit(40)
    async with FleetServer(config), linked(identity, store):
        await emptied(store)
    with open_database(config.database) as database:
        row = StoreReadings(database, wall_clock).station("entre-a", wall_clock())
    assert row is not None
    assert (row.held_through, row.missing, row.chain_ok) == (45, 0, True)
