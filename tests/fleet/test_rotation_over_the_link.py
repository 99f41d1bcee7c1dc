"""Rotated keys over the real link: a station that was away learns them, and goes on under a new CA."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from fleet.agent import key_book, outbox, sync
from fleet.agent.drain import FlowLimits
from fleet.agent.envelope import new_nonce, seal_puk
from fleet.agent.identity import Identity
from fleet.agent.keeping import AskTimeout
from fleet.agent.key_book import KeyBook
from fleet.agent.link import Link, Timing
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.link import envelope_mac_input
from fleet.server.database.database import open_database
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from provisioning.renewal import LEAVES, renew
from provisioning.rotation import ALL_PARTS, finish_rotation, rotate
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import ISSUER_KEY, enrolled, hold_orders, record, wall_clock

PUK = "73910264"
DAY = timedelta(days=1)

pytestmark = pytest.mark.broker


@dataclass
class Fleet:
    """An authority of the test's own, and a server that holds one order."""

    authority: Authority
    config: ServerConfig


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    authority = Authority.init(tmp_path / "authority", [], wall_clock() - 300 * DAY)
    keys = {"2026a": base64.b64encode(ISSUER_KEY).decode()}
    (authority.directory / "verifier" / "envelope-keys.json").write_text(json.dumps(keys))
    config = ServerConfig(tmp_path / "data", authority.directory, free_address(), Address("127.0.0.1", 0))
    config.data.mkdir()
    mac = hmac.digest(ISSUER_KEY, envelope_mac_input("9752269875", PUK), hashlib.sha256).hex()
    with open_database(config.database) as database:
        hold_orders(database, record(envelope_mac=mac, last_day="2099-01-01"))
    return Fleet(authority, config)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, key_book.SCHEMA])
    yield made
    made.close()


@asynccontextmanager
async def linked(identity: Identity, store: StationStore) -> AsyncIterator[Link]:
    online = asyncio.Event()
    async with Link(identity, store, "boot-1", Timing(first_s=0.05, pace=FlowLimits(acked_timeout_s=0.5))) as link:
        link.on_change(lambda now: online.set() if now else None)
        await asyncio.wait_for(online.wait(), LIMIT_S)
        yield link


async def verdict(link: Link, key: bytes) -> str | None:
    return (await link.ask(seal_puk(key, "entre-a", "O-1", new_nonce(), PUK))).verdict


async def test_a_station_that_was_away_learns_the_keys_and_goes_on_under_a_new_ca(
    fleet: Fleet, store: StationStore, tmp_path: Path
) -> None:
    identity = enrolled(fleet.authority, tmp_path / "identity", "entre-a", fleet.config.mqtt.port)
    pinned = identity.verifier_key
    rotate(fleet.authority, ALL_PARTS, wall_clock() - 40 * DAY, 30)
    async with FleetServer(fleet.config), linked(identity, store) as link:
        book = OrderBook(identity, store, link)
        with pytest.raises(AskTimeout):
            await book.refresh(
                timeout_s=0.5
            )  # what it cannot verify is dropped: the server signs with the new key by now
        keys = KeyBook(store, link, identity.server_keys)
        keys.on_rotation(book.ask_soon)
        asking = asyncio.create_task(book.run())
        await keys.refresh()
        async with asyncio.timeout(LIMIT_S):
            while book.issued is None:  # noqa: ASYNC110  # a file: no event
                await asyncio.sleep(0.02)
        asking.cancel()
        assert [one.order for one in book.waiting(wall_clock().date())] == ["O-1"]
        assert identity.server_keys.verifier_key != pinned
        assert [await verdict(link, key) for key in (pinned, identity.server_keys.verifier_key)] == ["match"] * 2

    finish_rotation(fleet.authority, wall_clock())
    renew(fleet.authority, LEAVES, wall_clock(), early=True)
    again = Identity.load(tmp_path / "identity")
    async with FleetServer(fleet.config):
        async with linked(identity, store) as link:
            await OrderBook(identity, store, link).refresh()
            assert await verdict(link, identity.server_keys.verifier_key) == "match"
        KeyBook(store, Link(again, store, "boot-1"), again.server_keys)
        async with linked(again, store) as link:
            assert await verdict(link, pinned) == "no_match"
