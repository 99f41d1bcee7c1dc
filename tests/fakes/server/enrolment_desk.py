"""A whole fleet server on free ports of this machine, and somebody at its page New stations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.server.enrolment.service import EnrolmentService
from fleet.server.platform.addresses import Address
from fleet.server.platform.config import ServerConfig
from fleet.server.platform.database.database import Database
from fleet.server.platform.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from fleet.server.station_listener import claim_terms
from provisioning.authority import Authority
from provisioning.issuing import issue_issuing
from tests.fakes.server.enrolling import TOVE, wall_clock

FREE = Address("127.0.0.1", 0)


class Desk:
    """A person at the dashboard's pages, over the server's store."""

    def __init__(self, config: ServerConfig, at: Address) -> None:
        assert isinstance(config.database, Path)
        self._database = Database.open(config.database)
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

    def close(self) -> None:
        self._database.close()


@asynccontextmanager
async def fleet_with_desk(folder: Path) -> AsyncIterator[Desk]:
    """Until the context ends."""
    authority = Authority.init(folder / "authority", [], wall_clock())
    issue_issuing(authority, wall_clock())
    config = ServerConfig(folder / "data", authority.directory, mqtt=FREE, http=FREE, station_http=FREE)
    async with FleetServer(config) as server:
        assert server.station_http is not None
        opened = Desk(config, server.station_http)
        try:
            yield opened
        finally:
            opened.close()
