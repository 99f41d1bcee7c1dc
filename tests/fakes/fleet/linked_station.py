"""The station's own link to the fleet server, as several tests need it: a server with one order, an identity, and waits."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.agent import outbox
from fleet.agent.drain import FlowLimits
from fleet.agent.identity import Identity
from fleet.agent.link import Link, Timing
from fleet.agent.store import StationStore
from fleet.messages.link import envelope_mac_input
from fleet.server.database.database import open_database
from fleet.server.people.queries import replace_administrators
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from provisioning.authority import Authority
from sim.stories.administrators import listed
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import ISSUER_KEY, hold_orders, record

PUK = "73910264"
PROMPT = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.5))


def server_with_one_order(authority: Authority, data: Path) -> ServerConfig:
    """A server with one order, whose letter holds the made-up code, and one administrator."""
    made = ServerConfig(data, authority.directory, free_address(), Address("127.0.0.1", 0))
    made.data.mkdir()
    mac = hmac.digest(ISSUER_KEY, envelope_mac_input("9752269875", PUK), hashlib.sha256).hex()
    with open_database(made.database) as database:
        hold_orders(database, record(envelope_mac=mac, last_day="2099-01-01"))
        with database.writing.begin() as connection:
            replace_administrators(connection, [listed("TEST000000-A001", "Anna Admin")])
    return made


@asynccontextmanager
async def linked(identity: Identity, store: StationStore) -> AsyncIterator[Link]:
    """The link, once it is online."""
    online = asyncio.Event()
    async with Link(identity, store, "boot-1", PROMPT) as link:
        link.on_change(lambda now: online.set() if now else None)
        if not link.online:
            await asyncio.wait_for(online.wait(), LIMIT_S)
        yield link


async def emptied(store: StationStore) -> None:
    """Wait until the server's word has come for everything."""
    async with asyncio.timeout(LIMIT_S):
        while await store.transact(lambda cx: outbox.depth(cx, "entre-a")):  # noqa: ASYNC110  # a file: no event
            await asyncio.sleep(0.01)
