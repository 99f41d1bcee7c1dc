"""The station: one process that offers errands, runs them one at a time, and tells its fleet how it is.

What is missing (identity, reader, cabinet, a writable disk) is said on the home screen and in `problems`; the rest works.
This is the composition root: only here do devices, journal, link and screen meet.
"""
# length: the composition root and the loop of errands

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.cabinet.port import CabinetReady, CabinetState
from drivers.reader.certificates.trust_store import TrustStore
from fleet.agent.link import Timing
from fleet.agent.store import StoreError
from kiosk.administration_ports import AtMenu
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config
from kiosk.errands.registry import Errand, errand_of
from kiosk.issuer.no_fleet import NoFleet
from kiosk.issuer.ports import Switches
from kiosk.ports import Ended, Screen
from kiosk.region import RegionError, at_station, general, region_of
from kiosk.station import availability as offering
from kiosk.station import cabinet_states as cabinets
from kiosk.station import devices as fitted
from kiosk.station.administration import StationHouse
from kiosk.station.devices import Devices
from kiosk.station.fleet_orders import CardEnvelopes, FleetOrders, NoOrders
from kiosk.station.fleet_wiring import (
    Books,
    FleetSide,
    JoinError,
    envelopes_for,
    identity_of,
    join,
    open_books,
    seal_of,
)
from kiosk.station.forgotten_card import LeftIn, watch_over
from kiosk.station.gpio_service import Caretaker, employ
from kiosk.station.home_controller import Front, Unclaimed
from kiosk.station.housekeeping import keep_up
from kiosk.station.no_reader import NoReader
from kiosk.station.out_of_service import OutOfService
from kiosk.station.problems import Problem
from kiosk.station.reader_settings import told_settings
from kiosk.station.state import state_of
from kiosk.station.station_commands import Commanded, command
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.steps.capabilities import Capabilities
from kiosk.stock.repository import StationStock
from kiosk.texts import Texts
from kiosk.views import Say, View
from sim.bench import cabinet as power
from sim.bench.world import World
from sim.cabinet.twin import TwinError

logger = logging.getLogger(__name__)


class Station:
    """One station. `open`, `serve`, `close`."""

    def __init__(self, config: Config, base: Path, screen: Screen, world: World | None = None) -> None:
        """`base` is the folder that paths of the configuration are relative to."""
        self.config = config
        self.clock = SystemClock()
        self.problems: list[Problem] = []
        self.devices = Devices()
        self.books: Books | None = None
        self.fleet: FleetSide | None = None
        self.world = world
        self.bootid = str(uuid.uuid4())
        self.language: Callable[[], str] = lambda: config.station.language
        """The language that the person has chosen: that of the paper."""
        self.next_person: Callable[[], None] = lambda: None
        """Called when an errand has ended: the screen forgets what the last person chose."""
        self.on_problem: Callable[[str, str], None] = lambda code, text: None
        self.caretaker: Caretaker | None = None
        self.commanded: Commanded | None = None
        self.left_in: LeftIn | None = None
        self.on_closed: Callable[[bool], None] = lambda closed: None
        """Told when the service door closes the station to visitors, and when it is open to them again."""
        self.out_of_service = OutOfService(base / config.station.data)
        self.on_restart: Callable[[], None] | None = None
        """Ends the program so that it starts anew; None where nobody would start it. Called when `restarts`, between errands."""
        self.restarts = False
        self.remote = asyncio.Lock()
        """Held while a command of the fleet moves something: no errand begins."""
        self.log_lines: Callable[[], Sequence[str]] = tuple
        """The latest lines of the log, without their values."""
        self.asked: View[Any] | None = None
        """The view that is up."""
        self.base = base
        self._screen = screen
        self._trust: TrustStore | None = None
        self.errand: str | None = None
        self.region = general()
        self._changed = asyncio.Event()
        self._administrators_card, self._holders_card = Unclaimed(), Unclaimed()
        self._tasks: list[asyncio.Task[None]] = []
        self.supervisor: Supervisor

    async def open(self, timing: Timing | None = None) -> None:
        """Make everything that can be made. Never raises for what is missing: see `problems`."""
        try:
            self.region = region_of(self.config.station.region, self.base)
        except RegionError as error:
            self.report("region", str(error))
        self.region = at_station(self.region, **self.config.contact.model_dump())
        settings, self._trust = told_settings(self.config, self.base, self.clock, self.world, self.report)
        self.devices = fitted.make(self.config, self.base, settings, self.world)
        if self.config.printer.kind == VIRTUAL and self.world is not None:
            self.world.printer.become(self.config.printer.model)
            host, port = await self.world.printer.start()
            self.devices.printer = fitted.virtual_printer(host, port, self.config.printer.model)
        await self._join_fleet(timing)
        self.devices.on_change = self.changed
        self.devices.on_cabinet = self._on_cabinet
        await self._power_cabinet()
        self.devices.start()
        await self.devices.look()
        self._tasks.append(asyncio.create_task(self.devices.watch()))
        limits = Limits(**self.config.timeouts.model_dump())
        self.supervisor = Supervisor(self._screen, self.devices.reader, self.clock, limits)
        self.supervisor.asked = self._asked
        self.left_in = watch_over(self)
        self.caretaker = employ(self)
        watching = (self.caretaker, self.left_in, self.commanded)
        self._tasks += [asyncio.create_task(one.run()) for one in watching if one is not None]
        if self.books is not None:
            signed = lambda: self.fleet.book.issued if self.fleet else None  # noqa: E731
            self._tasks.append(asyncio.create_task(keep_up(self.books, self.clock, signed)))

    async def close(self) -> None:
        """Let everything go, in order."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.fleet is not None:
            await self.fleet.leave()
        if self.books is not None:
            self.books.close()
        await self.devices.close()
        if self.world is not None:
            await self.world.printer.stop()
            await power.stop(self.world.cabinet)

    async def serve(self) -> None:
        """Home, errand, home, until cancelled."""
        while True:
            errand = await self._choose()
            while errand is not None:
                ended = await self.run(errand)
                errand = errand_of(ended.then) if ended else None

    async def run(self, errand: Errand, here: AtMenu | None = None) -> Ended | None:
        """One errand from its first question to its end; None where it could not even begin. `here`: who is at the menu."""
        desk = self.desk()
        if desk is None or self.books is None or self.missing(errand) is not None:
            return None
        before = self.errand
        try:
            async with contextlib.nullcontext() if before else self.remote:
                log = await self.books.journal.start(errand.id)
                self.errand = errand.id
        except StoreError as error:
            self.report("store", str(error))
            return None
        try:
            return await self.supervisor.run(errand.journey, replace(desk, house=StationHouse(self), at_menu=here), log)
        finally:
            self.errand = before
            if before is None:
                self._administrators_card.errand_ended = self._holders_card.errand_ended = True
                if not (log.ended and log.ended.then):
                    self.next_person()
                if self.restarts and self.on_restart is not None:
                    self.on_restart()
            self._publish()

    def desk(self) -> Capabilities | None:
        """What a journey is given now; None where the station can write nothing down."""
        if self.books is None:
            return None
        side, journal = self.fleet, self.books.journal
        orders = FleetOrders(side.book, side.link, journal, self.clock) if side else NoOrders()
        return Capabilities(
            reader=self.devices.reader or NoReader(),
            administrator_reader=self.devices.administrator_reader,
            orders=orders,
            envelopes=envelopes_for(self.config, side) if side else CardEnvelopes(),
            seal=seal_of(side.identity, self.config.station.title) if side else None,
            clock=self.clock,
            print_text=self._print_text,
            cabinet=self.devices.cabinet,
            printer=self.devices.printer,
            region=self.region,
            stock=StationStock(journal, orders.here) if isinstance(orders, FleetOrders) else None,
            **(side.issuer.ports(orders, self._trust) if side else {}),
        )

    @property
    def view(self) -> str:
        """The name of the view that is up."""
        return self.asked.name if self.asked else ""

    @property
    def switches(self) -> Switches:
        """What the region has switched off."""
        return self.fleet.issuer.region if self.fleet is not None else NoFleet()

    def missing(self, errand: Errand) -> str | None:
        """What keeps an errand from being offered now: see `kiosk.station.availability`."""
        return offering.missing(self, errand)

    async def _choose(self) -> Errand | None:
        desk = self.desk()
        front = Front(
            self.supervisor, self.region.block_line, self.clock, self.devices.reader,
            offers=lambda: offering.offers(self),
            found=lambda: self.books.found if self.books else (),
            printer=self.devices.printer_down, changed=self._changed,
            left_in=self.left_in.notice if self.left_in else lambda left: None,
            administrator_reader=self.devices.administrator_reader,
            administrators_card=self._administrators_card, holders_card=self._holders_card,
            administers=StationHouse(self).administers,
            directory=desk.directory if desk else NoFleet(), loa2_ends=self.region.loa2_ends,
            closed=lambda: self.out_of_service.why,
        )  # fmt: skip
        chosen = await front.choose()
        if chosen is not None and self.books is not None:
            self.books.found = ()
        return chosen

    async def _power_cabinet(self) -> None:
        try:
            if self.world is not None:
                await power.start(self.world.cabinet)
        except TwinError as error:
            self.report("cabinet", str(error))

    async def _join_fleet(self, timing: Timing | None) -> None:
        identity = None
        try:
            identity = identity_of(self.config, self.base)
        except JoinError as error:
            self.report(error.code, str(error))
        try:
            self.books = await open_books(self.config, self.base, self.clock, self.bootid, identity)
            side = join(identity, self.books, self.clock, timing) if identity else None
        except JoinError as error:
            self.report(error.code, str(error))
            return
        if side is None:
            return
        self.fleet = side
        self.commanded = command(self)  # before the first connection, which may bring what has waited
        side.link.on_change(lambda online: self.changed())
        if self.world is not None:
            side.link.set_allowed(self.world.network)
            self.world.on_network = side.link.set_allowed
        side.link.start()
        side.issuer.settle(self.config, self.base, self.clock, self.changed)
        side.start()

    def _print_text(self, text: Say) -> str:
        return Texts.load().plain(text, self.language())

    def report(self, code: str, text: str) -> None:
        """Something is missing or broken: say it in the log and keep it for whoever asks."""
        logger.warning("%s: %s", code, text)
        self.on_problem(code, text)
        self.problems = [one for one in self.problems if one.code != code] + [Problem(code, text)]

    def _asked(self, view: View[Any]) -> None:
        self.asked = view
        self._publish()

    def changed(self) -> None:
        """Draw the home screen anew, and tell the fleet."""
        self._changed.set()
        self._publish()

    def _on_cabinet(self, state: CabinetState) -> None:
        if isinstance(state, CabinetReady):
            self.problems = [one for one in self.problems if one.code != "cabinet"]
        else:
            self.report("cabinet", cabinets.advice(state, str(self.base / self.config.cabinet.key)))

    def _publish(self) -> None:
        if self.fleet is not None:
            self.fleet.link.publish_state(state_of(self))


@contextlib.asynccontextmanager
async def opened(station: Station, timing: Timing | None = None) -> Any:
    """`async with opened(station): ...`"""
    await station.open(timing)
    try:
        yield station
    finally:
        await station.close()
