"""The station: one process that offers errands, runs them one at a time, and tells its fleet how it is.

What is missing (identity, reader, cabinet, a writable disk) is said on the home screen and in `problems`; the rest works.
`kiosk.station.build` makes it.

    async with open_station(config, base, screen) as station:
        await station.serve()
"""

from dataclasses import dataclass

from kiosk.administration_ports import AdministratorSession, Machine
from kiosk.errands.registry import Errand, errand_of
from kiosk.ports import Clock, Ended
from kiosk.region import RegionSettings
from kiosk.station.activity import Occupancy
from kiosk.station.build_fleet import FleetConnection, Records
from kiosk.station.devices import Devices
from kiosk.station.errand_runner import ErrandRunner
from kiosk.station.home_controller import HomeController
from kiosk.station.problems import Problems, StationProblem
from kiosk.station.state import StateReport
from kiosk.station.status import StationStatus
from kiosk.steps.who_helps import who_answers
from kiosk.views import Fact


@dataclass(frozen=True, slots=True)
class Station:
    """The parts of a running station, and the loop of its errands."""

    clock: Clock
    region: RegionSettings
    devices: Devices
    records: Records | None
    """None where nothing can be written down."""
    fleet: FleetConnection | None
    """None without an identity."""
    status: StationStatus
    occupancy: Occupancy
    report: StateReport
    home: HomeController
    runner: ErrandRunner
    _problems: Problems

    @property
    def problems(self) -> tuple[StationProblem, ...]:
        """Problems of the station: what is missing or broken."""
        return self._problems.all

    def who_answers(self) -> tuple[Fact, ...]:
        """Return the contacts to call at this hour."""
        here = self.fleet.identity.station if self.fleet is not None else ""
        return who_answers(self.region, here, self.clock.now())

    @property
    def administration(self) -> Machine:
        """The station as a machine."""
        return self.runner.administration(self.runner)

    async def serve(self) -> None:
        """Home, errand, home, until cancelled."""
        while True:
            errand = await self.home.choose()
            while errand is not None:
                ended = await self.run(errand)
                errand = errand_of(ended.then) if ended else None

    async def run(self, errand: Errand, administrator_session: AdministratorSession | None = None) -> Ended | None:
        """One errand to its end; None where it could not even begin."""
        return await self.runner.run(errand, administrator_session)

    def missing(self, errand: Errand) -> str | None:
        """Return the reason why an errand is not offered now."""
        return self.status.availability.missing(errand)
