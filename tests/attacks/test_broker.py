"""Attacks at the broker by who holds a station's certificate, or none: another's name, a silent twin, connections without end."""

import asyncio
import contextlib
import http.client
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from fleet.messages.link import SyncAsk
from fleet.messages.topics import Topics
from fleet.server.broker.mosquitto import Broker
from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.database.database import open_database
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.rogue_client import Rogue
from tests.fakes.fleet.station_peer import FleetStation
from tests.fleet.server.conftest import broker_files, enrolled, wall_clock

pytestmark = pytest.mark.broker

ELSEWHERE = "127.0.0.2"
"""Another address of this machine."""
OPEN_FILES = 1024
"""What a process may have open where nobody raised it."""
RAW = 1100

HOLD = """
import select, socket, sys, time
poll, lines = select.poll(), {}
def connect():
    line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    lines[line.fileno()] = line
    poll.register(line, select.POLLIN)
for number in range(int(sys.argv[2])):
    time.sleep(0.02 if number % 50 == 0 else 0)  # the queue of those that are not accepted yet is short
    connect()
print(len(lines), flush=True)
while True:
    for number, _ in poll.poll():
        poll.unregister(number)
        lines.pop(number).close()
        connect()
"""
"""A program that keeps many TCP connections open, says nothing on them, and opens each again that is closed."""


@contextlib.asynccontextmanager
async def fleet(authority: Authority, folder: Path) -> AsyncIterator[FleetServer]:
    config = ServerConfig(folder, authority.directory, Address("127.0.0.1", 0), Address("127.0.0.1", 0))
    async with FleetServer(config) as server:
        yield server


@contextlib.contextmanager
def honest(authority: Authority, folder: Path, name: str, port: int) -> Iterator[FleetStation]:
    enrolled(authority, folder / name, name, port)
    station = FleetStation(name, folder / name, port)
    station.start()
    try:
        yield station
    finally:
        station.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.init(tmp_path_factory.mktemp("keys") / "authority", [], wall_clock())


async def test_a_station_takes_the_names_of_server_and_stations(authority: Authority, tmp_path: Path) -> None:
    """A station connects in a loop as the server and as another station, and cuts both off."""
    async with fleet(authority, tmp_path / "data") as server:
        enrolled(authority, tmp_path / "rogue", "rogue", server.mqtt.port)
        with honest(authority, tmp_path, "entre-a", server.mqtt.port) as station:
            await asyncio.to_thread(station.ask, SyncAsk())
            rogue = Rogue(tmp_path / "rogue", server.mqtt.port)
            names = ("fleet-ingest", "fleet-server", "station-entre-a", "entre-a")
            attack = asyncio.create_task(rogue.take_over(names))
            answered = 0
            for _ in range(10):
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(station.ask, SyncAsk(), 1.0)
                    answered += 1
            attack.cancel()
            await asyncio.gather(attack, return_exceptions=True)
    assert answered == 10


async def test_a_silent_twin_overhears_unnoticed(authority: Authority, tmp_path: Path) -> None:
    """A copy of a station's key connects beside the station under another client id and hears its answers, and nobody knows."""
    async with fleet(authority, tmp_path / "data") as server:
        with honest(authority, tmp_path, "entre-a", server.mqtt.port):
            twin = Rogue(tmp_path / "entre-a", server.mqtt.port, ELSEWHERE)
            async with twin.connected("twin", Topics("entre-a").answer):
                await until(lambda: ("entre-a", "duplicate_identity") in alarms(tmp_path / "data"))


async def test_a_copy_of_the_servers_key_cuts_the_fleet_off_unnoticed(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a copy of the server's key pushes the server out of its session again and again, and its health says ok."""
    monkeypatch.setattr("fleet.server.broker.mqtt5_client.FIRST_DELAY_S", 0.05)
    async with fleet(authority, tmp_path / "data") as server:
        rogue = Rogue(Credentials.of(authority.directory, "fleet-server"), server.mqtt.port)
        attack = asyncio.create_task(rogue.take_over(("fleet-ingest", "whoever")))
        await until(lambda: health(server)["broker"] == "taken_over")
        await until(lambda: ("", "duplicate_identity") in alarms(tmp_path / "data"))
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)
        still = await asyncio.to_thread(health, server)
        assert still["broker"] == "taken_over", "also while nobody pushes any more: somebody has the key"


async def test_connections_without_a_word_shut_stations_out(authority: Authority, tmp_path: Path) -> None:
    """Who has no certificate opens more TCP connections than a process may have files, and no station gets in."""
    with few_files():
        broker = Broker(tmp_path / "broker", Address("127.0.0.1", 0), broker_files(authority))
        await broker.__aenter__()
    try:
        enrolled(authority, tmp_path / "entre-a", "entre-a", broker.address.port)
        with many_connections(broker.address.port, RAW):
            await until(lambda: open_files(broker.pid) >= OPEN_FILES - 2)
            async with asyncio.timeout(10), Rogue(tmp_path / "entre-a", broker.address.port).connected("entre-a"):
                pass
    finally:
        await broker.__aexit__(None, None, None)


def health(server: FleetServer) -> dict[str, str]:
    """The parts, as a balancer hears of them."""
    line = http.client.HTTPConnection(server.http.host, server.http.port, timeout=LIMIT_S / 6)
    line.request("GET", "/health/ready")
    answer = line.getresponse()
    parts: dict[str, str] = json.load(answer)["parts"]
    line.close()
    assert answer.status == (200 if set(parts.values()) == {"ok"} else 503)
    return parts


def alarms(data: Path) -> set[tuple[str, str]]:
    with open_database(data / "fleet.sqlite") as database:
        return {
            (station, code) for station, code, _ in StoreReadings(database, wall_clock).summary(wall_clock()).alarms
        }


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S / 6):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # other processes tell nobody
            await asyncio.sleep(0.05)


def open_files(pid: int | None) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextlib.contextmanager
def few_files() -> Iterator[None]:
    """What begins in here may have as many files open as a program that nobody gave more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def many_connections(port: int, number: int) -> Iterator[None]:
    """Open in a process of their own: the files are its own."""
    command = [sys.executable, "-c", HOLD, str(port), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == f"{number}\n"
            yield
        finally:
            program.kill()
