"""What the tests of the station's side share: authority, broker, a server's peer, an enrolled station."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.agent import outbox, sync
from fleet.agent.identity import Broker as BrokerAddress
from fleet.agent.identity import Identity
from fleet.agent.link import Link
from fleet.agent.store import StationStore
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.fleet.server_peer import FleetPeer

Enrol = Callable[..., Identity]


def wall_clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.init(tmp_path_factory.mktemp("authority"), [], wall_clock())


@pytest.fixture
def enrolled(authority: Authority, tmp_path: Path) -> Enrol:
    """`enrolled(station, port)`: a station's identity, from claim code to certificate."""

    def make(station: str = "entre-a", port: int = 8883) -> Identity:
        code = authority.claim(station, wall_clock())
        return enrol(authority, tmp_path / f"identity-{station}", BrokerAddress("127.0.0.1", port), code, wall_clock())

    return make


@pytest.fixture
def broker(authority: Authority, tmp_path: Path) -> Iterator[Broker]:
    directory = tmp_path / "broker"
    directory.mkdir()
    made = Broker(directory, authority)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def peer(authority: Authority, broker: Broker) -> Iterator[FleetPeer]:
    made = FleetPeer(authority, broker.port)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    opened = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA])
    yield opened
    opened.close()


async def becomes(link: Link, *, online: bool, timeout_s: float = LIMIT_S) -> None:
    """Wait until the link is, or is no longer, online."""
    reached = asyncio.Event()
    forget = link.on_change(lambda now: reached.set() if now == online else None)
    try:
        if link.online != online:
            async with asyncio.timeout(timeout_s):
                await reached.wait()
    finally:
        forget()
