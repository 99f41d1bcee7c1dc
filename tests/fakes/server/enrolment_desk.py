"""A whole fleet server on free ports of this machine, and somebody at its page New stations."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from fleet.server.database.database import Database
from fleet.server.enrolment import queries
from fleet.server.enrolment.queries import StationCertificate
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from fleet.server.station_listener import claim_terms
from fleet.server.stations.service import add_stations
from fleet.server.store_cli import IMPORTS
from provisioning import pki
from provisioning.authority import Authority
from provisioning.est.wire import key_digest
from provisioning.issuing import Issuing, issue_issuing
from tests.fakes.server.enrolling import TOVE, wall_clock

FREE = Address("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where stations reach the server; on free ports unless told, and for updates not at all."""

    mqtt: Address = FREE
    stations: Address = FREE
    updates: Address | None = None


class Desk:
    """A person at the dashboard's pages, over the server's store."""

    def __init__(self, config: ServerConfig, at: Address) -> None:
        assert isinstance(config.database, Path)
        self._database = Database.open(config.database)
        self._authority = config.authority
        self._people = EnrolmentService(self._database, Hub(), wall_clock, claim_terms(config, at))

    def claim(self, station: str) -> str:
        return self._people.make_claim(station, 24, TOVE).replace("127.0.0.1", "localhost")

    def approve(self, station: str, key: str = "") -> bool:
        """Whether its key could be seen, and was `key` where that is given."""
        row = next(row for row in self._people.claims() if row.station == station)
        if not row.key or row.key != (key or row.key):
            return False
        self._people.decide(row.id, row.key, TOVE, approves=True)
        return True

    def receives_visitors(self, station: str) -> bool:
        """What the list of stations says."""
        rows = StoreReadings(self._database, wall_clock).stations(wall_clock())
        return any(row.name == station and row.receives_visitors for row in rows)

    def holds_all(self, station: str) -> bool:
        """Whether every event that is known to exist is held, in a chain without a fault."""
        rows = StoreReadings(self._database, wall_clock).stations(wall_clock())
        return any(row.name == station and (row.missing, row.chain_ok) == (0, True) for row in rows)

    def certificates(self, station: str) -> list[StationCertificate]:
        """What was issued to it, oldest first."""
        with self._database.reading.begin() as connection:
            return [one for one in queries.list_certificates(connection) if one.station == station]

    def issue_earlier(self, station: str, public: ec.EllipticCurvePublicKey, at: datetime) -> bytes:
        """A certificate of that key in the station's epoch, as it would have been issued then, and what is above it: PEM."""
        issuing = Issuing.load(self._authority)
        assert issuing is not None
        chain = issuing.chain(issuing.issue(station, public, at))
        epoch = self.certificates(station)[-1].epoch
        with self._database.writing.begin() as connection:
            queries.record_certificate(connection, chain, station, epoch, key_digest(public), claim=None, now=at)
        return b"".join(map(pki.certificate_pem, chain))

    def import_orders(self, station: str, table: bytes) -> None:
        """As `kortkiosk-fleet station add` and `import-orders`."""
        store = IMPORTS["import-orders"](table)
        with self._database.writing.begin() as connection:
            add_stations(connection, [station])
            store(connection, wall_clock())

    def close(self) -> None:
        self._database.close()


def make_authority(folder: Path, names: Sequence[str] = ()) -> None:
    """With an issuing key, where that folder has none yet."""
    if not (folder / "authority").exists():
        issue_issuing(Authority.init(folder / "authority", names, wall_clock()), wall_clock())


@asynccontextmanager
async def fleet_with_desk(
    folder: Path, names: Sequence[str] = (), listeners: Listeners = Listeners()
) -> AsyncIterator[Desk]:
    """Until the context ends; a folder that has one goes on. `names`: by which stations reach it, beside this machine's own."""
    make_authority(folder, names)
    config = ServerConfig(
        folder / "data", folder / "authority", mqtt=listeners.mqtt, http=FREE, station_http=listeners.stations,
        updates=listeners.updates,
    )  # fmt: skip
    async with FleetServer(config) as server:
        assert server.station_http is not None
        opened = Desk(config, server.station_http)
        try:
            yield opened
        finally:
            opened.close()
