"""A store that is away, read-only or sick for a while ends no server: it waits, says so in its health, and goes on afterwards."""

import asyncio
import json
import logging
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select

from fleet.messages.link import Acked, SyncAsk
from fleet.server.alerts import monitor
from fleet.server.checkpoints import service as checkpoints
from fleet.server.database import integrity
from fleet.server.database.database import Database, open_database
from fleet.server.database.database_url import Place, postgres_place
from fleet.server.deadlines import job as deadlines
from fleet.server.events.tables import events, quarantine
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_sender
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.retention import job as retention
from fleet.server.server import FleetServer
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.station_peer import FleetStation
from tests.fakes.server.databases import damage_index, new_store
from tests.fakes.server.postgres import Cluster
from tests.fleet.server.conftest import NOW, SealingStation, arrived, enrolled

pytestmark = pytest.mark.broker
ANYWHERE = Address("127.0.0.1", 0)
LOOPS = (
    "commands cannot be read",
    "checkpoints cannot be judged",
    "alerts cannot be kept",
    "deadlines cannot be looked at",
    "holds and blocks cannot be read",
    "orders cannot be read",
    "the database takes nothing",
    "retention could not run",
    "the store cannot be checked",
)
"""What each part says that cannot do its work."""


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(
    authority: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch, place: Place | None = None
) -> AsyncIterator[tuple[FleetServer, FleetStation]]:
    """A whole server all of whose parts look often, and a station at it. It must be there at the end."""
    for module in (monitor, checkpoints, deadlines, request_sender, retention, integrity):
        for name in ("LOOK_EVERY_S", "EVERY_S", "TELL_EVERY_S"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, 0.1)
    monkeypatch.setattr(integrity.DatabaseCheck, "is_due", lambda _self, _now: True)
    postgres = None if place is None or isinstance(place, Path) else place
    config = ServerConfig(folder / "data", authority.directory, ANYWHERE, ANYWHERE, postgres=postgres)
    async with FleetServer(config) as server:
        ended = asyncio.create_task(server.wait())
        enrolled(authority, folder / "entre-a", "entre-a", server.mqtt.port)
        station = FleetStation("entre-a", folder / "entre-a", server.mqtt.port)
        await asyncio.to_thread(station.start)
        yield server, station
        await asyncio.to_thread(station.stop)
        assert not ended.done(), "a part has ended"
        ended.cancel()


async def parts_of(server: FleetServer) -> dict[str, str]:
    def ask() -> bytes:
        try:
            with urllib.request.urlopen(f"http://{server.http}/health/ready") as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return error.read()

    parts: dict[str, str] = json.loads(await asyncio.to_thread(ask))["parts"]
    return parts


@pytest.mark.parametrize(
    "fault",
    [
        sqlite3.OperationalError("disk I/O error"),
        sqlite3.DatabaseError("database disk image is malformed"),
    ],
    ids=["I/O", "malformed"],
)
async def test_while_every_statement_fails_all_waits_and_then_all_goes_on(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
) -> None:
    chain = SealingStation()
    is_damage = not isinstance(fault, sqlite3.OperationalError)

    def fail(*_: object) -> bool:
        raise fault

    async with served(authority, tmp_path, monkeypatch) as (server, station):
        station.send(*chain.seals(20))
        await asyncio.to_thread(station.settle)
        caplog.set_level(logging.ERROR)
        caplog.clear()
        event.listen(Engine, "do_execute", fail)
        event.listen(Engine, "do_executemany", fail)
        try:
            station.send(*chain.seals(20))
            loops = LOOPS[:8] if is_damage else LOOPS
            await until(lambda: all(said in caplog.text for said in loops))
            answer = await asyncio.to_thread(station.ask, SyncAsk())
            assert (answer.ok, answer.error) == (False, "store_away")
        finally:
            event.remove(Engine, "do_execute", fail)
            event.remove(Engine, "do_executemany", fail)
        if not is_damage:
            await asyncio.to_thread(station.settle)
            assert station.acked[-1] == Acked(1, 40)
            assert (await asyncio.to_thread(station.ask, SyncAsk())).ok
            assert set((await parts_of(server)).values()) == {"ok"}
        else:  # what the database calls damaged stays so until the server starts again
            assert (await parts_of(server))["store"] == "damaged"
    with closing(Database.open(tmp_path / "data" / "fleet.sqlite")) as database, database.reading.begin() as connection:
        assert connection.execute(select(quarantine)).all() == []
        held = connection.execute(select(events.c.envelope).order_by(events.c.sequence)).scalars().all()
    assert held == [one.envelope for one in chain.sealed][: len(held)]
    assert len(held) == station.acked[-1].through


async def test_a_postgresql_that_is_read_only_for_a_while_makes_all_wait(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    postgres: Cluster,
) -> None:
    """As a primary becomes when it is demoted, or its disk is nearly full."""
    place = postgres.place()
    chain = SealingStation()

    def read_only(setting: str) -> None:
        with postgres.session() as session:
            session.execute(f"ALTER DATABASE {place.database} SET default_transaction_read_only = {setting}")
            ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            session.execute(ours, (place.database,))

    async with served(authority, tmp_path, monkeypatch, postgres_place(postgres.address(place.database or ""))) as (
        server,
        station,
    ):
        station.send(*chain.seals(20))
        await asyncio.to_thread(station.settle)
        caplog.set_level(logging.ERROR)
        caplog.clear()
        read_only("on")
        station.send(*chain.seals(20))
        await until(lambda: LOOPS[6] in caplog.text)  # the others only read as long as nothing is due
        parts = await parts_of(server)
        assert parts["ingest"] == "cannot_write"
        read_only("off")
        await asyncio.to_thread(station.settle)
        assert station.acked[-1] == Acked(1, 40)
        async with asyncio.timeout(LIMIT_S):
            while set((await parts_of(server)).values()) != {"ok"}:  # noqa: ASYNC110  # another process may only ask
                await asyncio.sleep(0.1)
    with open_database(place) as database, database.reading.begin() as connection:
        assert connection.execute(select(quarantine)).all() == []


def test_a_server_does_not_start_on_a_file_that_is_damaged_and_says_what_to_do(
    authority: Authority, tmp_path: Path
) -> None:
    database = new_store(tmp_path / "fleet.sqlite")
    Writer(database).commit(arrived(*SealingStation().seals(300)), NOW)
    database.close()
    damage_index(tmp_path / "fleet.sqlite", "ix_events_errand")
    command = [sys.executable, "-m", "fleet.server.cli", "serve", "--unseparated", "--data", str(tmp_path)]
    places = ["--authority", str(authority.directory), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"]
    done = subprocess.run([*command, *places], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "(restore a copy: docs/operations.md, Back-up)" in done.stderr
    assert "Traceback" not in done.stderr
