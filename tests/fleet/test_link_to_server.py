"""The station's own link against the fleet server itself, over a real broker: one test for each thing that passes."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.agent import outbox, sync
from fleet.agent.drain import FlowLimits
from fleet.agent.envelope import new_nonce, seal_puk
from fleet.agent.identity import Identity
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.link import StationState, envelope_mac_input
from fleet.messages.vocabulary import EventType
from fleet.server.people.queries import replace_administrators
from fleet.server.platform.addresses import Address
from fleet.server.platform.config import ServerConfig
from fleet.server.platform.database.database import open_database
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from sim.stories.administrators import administrator, listed
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import ISSUER_KEY, authority, enrolled, hold_orders, record, wall_clock

__all__ = ["authority"]

PUK = "73910264"
PROMPT = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.5))
STATE = StationState(title="Entré A", version="0.1.0", bootid="boot-1", time="2026-01-01T08:00:00Z")

pytestmark = pytest.mark.broker


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA])
    yield made
    made.close()


@pytest.fixture
def config(authority: Authority, tmp_path: Path) -> ServerConfig:
    """A server with one order, whose letter holds the made-up code, and one administrator."""
    made = ServerConfig(tmp_path / "data", authority.directory, free_address(), Address("127.0.0.1", 0))
    made.data.mkdir()
    mac = hmac.digest(ISSUER_KEY, envelope_mac_input("9752269875", PUK), hashlib.sha256).hex()
    with open_database(made.database) as database:
        hold_orders(database, record(envelope_mac=mac, last_day="2099-01-01"))
        with database.writing.begin() as connection:
            replace_administrators(connection, [listed("TEST000000-A001", "Anna Admin")])
    return made


@pytest.fixture
def identity(config: ServerConfig, authority: Authority, tmp_path: Path) -> Identity:
    return enrolled(authority, tmp_path / "identity", "entre-a", config.mqtt.port)


@asynccontextmanager
async def linked(identity: Identity, store: StationStore) -> AsyncIterator[Link]:
    online = asyncio.Event()
    async with Link(identity, store, "boot-1", PROMPT) as link:
        link.on_change(lambda now: online.set() if now else None)
        if not link.online:
            await asyncio.wait_for(online.wait(), LIMIT_S)
        yield link


async def emptied(store: StationStore) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await store.transact(lambda cx: outbox.depth(cx, "entre-a")):  # noqa: ASYNC110  # a file: no event
            await asyncio.sleep(0.01)


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
        assert [one.state for one in readings.orders()[0]] == ["collected"]


async def test_a_station_syncs_its_list_and_verifies_a_letter(
    config: ServerConfig, identity: Identity, store: StationStore
) -> None:
    async with FleetServer(config), linked(identity, store) as link:
        book = OrderBook(identity, store, link)
        await book.refresh()
        found = await book.find_online("TEST000000-0001")
        said = [
            (await link.ask(seal_puk(identity.verifier_key, "entre-a", "O-1", new_nonce(), puk))).verdict
            for puk in (PUK, "00000000")
        ]
    assert [order.order for order in book.waiting(wall_clock().date())] == ["O-1"]
    assert found is not None
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
