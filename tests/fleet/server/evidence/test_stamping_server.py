"""The server that runs gets time stamps by itself, where a file names the service."""

import asyncio
import contextlib
from pathlib import Path

from cryptography import x509
from sqlalchemy import select

from fleet.messages.checkpoints import Checkpoint, content_of
from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import judge
from fleet.server.checkpoints.tables import countersignatures
from fleet.server.database.database import Database
from fleet.server.evidence.signature import Seal
from fleet.server.evidence.timestamp_tokens import read_stamp
from fleet.server.ingest.write import Writer
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer, utc_now
from provisioning import pki
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fakes.server.databases import new_store
from tests.fakes.server.time_stamping import Tsa, serving
from tests.fleet.server.conftest import SealingStation, arrived


def countersigned(authority: Authority, store: Path) -> None:
    """A store with one checkpoint, which has its word and no token."""
    now, station, key = utc_now(), SealingStation(), pki.new_key()
    made = authority.enrol(authority.claim("entre-a", now), pki.make_request(key), now)
    before = station.seal(EventType.STATION_STARTED, {"version": "0.1.0", "found": []})
    stated = Checkpoint("entre-a", 1, 1, before.hash, now.isoformat())
    station.seal(EventType.CHAIN_CHECKPOINT, content_of(stated, key, x509.load_pem_x509_certificate(made.certificate)))
    seal = Seal.load(authority.directory)
    with contextlib.closing(new_store(store)) as database:
        Writer(database).commit(arrived(*station.sealed), now)
        judge(database, seal.authorities, now, Countersigner(seal))


async def test_a_server_stamps_what_waits_from_its_start(tmp_path: Path) -> None:
    authority = Authority.init(tmp_path / "authority", [], utc_now())
    tsa, data = Tsa(tmp_path / "tsa"), tmp_path / "data"
    data.mkdir()
    countersigned(authority, data / "fleet.sqlite")
    settings = tmp_path / "evidence.toml"
    with serving(tsa) as site:
        settings.write_text(f'tsa_url = "{site.url}"\ntsa_ca = "tsa/{tsa.root_file.name}"\n')
        config = ServerConfig(
            data, authority.directory, http=Address("127.0.0.1", 0), broker=free_address(), evidence=settings
        )
        async with FleetServer(config), asyncio.timeout(LIMIT_S):
            while (row := await asyncio.to_thread(stored, data / "fleet.sqlite")).token is None:  # noqa: ASYNC110 - in another thread
                await asyncio.sleep(0.02)
    assert read_stamp(row.token, row.jws.encode(), [tsa.root]).checked


def stored(store: Path):  # type: ignore[no-untyped-def]  # a row
    with contextlib.closing(Database.open(store)) as database, database.reading.begin() as connection:
        return connection.execute(select(countersignatures)).one()
