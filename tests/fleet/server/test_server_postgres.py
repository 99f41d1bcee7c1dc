"""The whole server with its store in PostgreSQL, on a real broker: server and database are killed in turn."""

import signal
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.messages.link import Acked
from fleet.server.database.database import open_database
from fleet.server.database.database_url import postgres_place
from fleet.server.events.tables import chains, events
from provisioning.authority import Authority
from tests.fakes.fleet.station_peer import FleetStation
from tests.fakes.machine.ports import free_address
from tests.fakes.server.postgres import cluster
from tests.fakes.server.server_process import Serving
from tests.fleet.server.conftest import SealingStation, enrolled

pytestmark = pytest.mark.broker


def test_every_event_is_held_once_though_server_and_database_are_killed(authority: Authority, tmp_path: Path) -> None:
    chain = SealingStation()
    with cluster(sync=True) as database:
        address = database.address(database.place().database or "")
        options = ("--database", address)
        serving = Serving(tmp_path / "data", authority.directory, free_address(), options)
        serving.start()
        enrolled(authority, tmp_path / "entre-a", "entre-a", serving.mqtt.port)
        station = FleetStation("entre-a", tmp_path / "entre-a", serving.mqtt.port)
        station.start()
        station.send(*chain.seals(100))
        station.settle()
        station.send(*chain.seals(200))
        serving.end(signal.SIGKILL)
        serving.start()
        station.settle()
        station.send(*chain.seals(200))
        database.kill()
        station.send(*chain.seals(100))
        database.start()
        station.settle()
        assert station.acked[-1] == Acked(1, 600)
        station.stop()
        assert serving.end(signal.SIGTERM) == 0, "it has lived through the database's absence"
        with open_database(postgres_place(address)) as store, store.reading.begin() as connection:
            held = connection.execute(select(events.c.envelope).order_by(events.c.sequence)).scalars().all()
            assert connection.execute(select(chains.c.gaps, chains.c.intact)).all() == [("[]", True)]
    assert held == [event.envelope for event in chain.sealed]
    assert not (tmp_path / "data" / "fleet.sqlite").exists()
