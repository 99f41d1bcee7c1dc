"""The station: one process that offers errands, runs them one at a time, and tells its fleet how it is.

What is missing (identity, reader, cabinet, a writable disk) is said on the home screen and in `problems`; the rest works.
This is the composition root: only here do devices, journal, link and screen meet.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.reader.errors import ReaderError
from drivers.reader.port import Presence
from drivers.reader.visit import ReaderSettings
from fleet.agent import outbox
from fleet.agent.link import Timing
from fleet.agent.store import StoreError
from fleet.messages.link import StationState
from kiosk import devices as fitted
from kiosk import home
from kiosk.bench.world import World
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config
from kiosk.devices import Devices
from kiosk.handover import FleetOrders
from kiosk.joining import FleetSide, JoinError, envelopes_for, join, seal_of
from kiosk.journeys.desk import Desk
from kiosk.journeys.registry import ERRANDS, Errand
from kiosk.ports import Ended, ErrandEndedError, Screen
from kiosk.reading import NoAnchorsError, known_products, reader_settings
from kiosk.supervisor import Limits, Supervisor
from kiosk.texts import Texts
from kiosk.version import VERSION
from kiosk.views import Say, View

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is missing or broken. `code` is stable, `text` says what and what to do."""

    code: str
    text: str


class Station:
    """One station. `open`, `serve`, `close`."""

    def __init__(self, config: Config, base: Path, screen: Screen, world: World | None = None) -> None:
        """`base` is the folder that paths of the configuration are relative to."""
        self.config = config
        self.clock = SystemClock()
        self.problems: list[Problem] = []
        self.devices = Devices()
        self.fleet: FleetSide | None = None
        self.world = world
        self.bootid = str(uuid.uuid4())
        self.language: Callable[[], str] = lambda: config.station.language
        """The language that the person has chosen: that of the paper."""
        self.next_person: Callable[[], None] = lambda: None
        """Called when an errand has ended: the screen forgets what the last person chose."""
        self.on_problem: Callable[[str, str], None] = lambda code, text: None
        self.view = ""
        """The name of the view that is up."""
        self._base = base
        self._screen = screen
        self._errand: str | None = None
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.supervisor: Supervisor

    async def open(self, timing: Timing | None = None) -> None:
        """Make everything that can be made. Never raises for what is missing: see `problems`."""
        self.devices = fitted.make(self.config, self._reader_settings(), self.world)
        if self.config.printer.kind == VIRTUAL and self.world is not None:
            host, port = await self.world.printer.start()
            self.devices.printer = fitted.virtual_printer(host, port, self.config.printer.width_mm)
        await self._join_fleet(timing)
        self.devices.on_change = self._on_change
        await self.devices.look()
        self._tasks.append(asyncio.create_task(self.devices.watch()))
        limits = Limits(self.config.timeouts.idle_s, self.config.timeouts.warning_s)
        self.supervisor = Supervisor(self._screen, self.devices.reader, self.clock, limits)
        self.supervisor.asked = self._asked

    async def close(self) -> None:
        """Let everything go, in order."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.fleet is not None:
            await self.fleet.leave()
        await self.devices.close()
        if self.world is not None:
            await self.world.printer.stop()

    async def serve(self) -> None:
        """Home, errand, home, until cancelled."""
        while True:
            errand = await self._choose()
            if errand is not None:
                await self.run(errand)

    async def run(self, errand: Errand) -> Ended | None:
        """One errand from its first question to its end; None where it could not even begin."""
        desk = self.desk()
        if desk is None or self.fleet is None:
            return None
        try:
            log = await self.fleet.journal.start(errand.id)
        except StoreError as error:
            self.report("store", str(error))
            return None
        self._errand = errand.id
        try:
            return await self.supervisor.run(errand.journey, desk, log)
        finally:
            self._errand = None
            self.next_person()
            self._publish()

    def desk(self) -> Desk | None:
        """What a journey is given now; None where the station cannot hand anything out."""
        if self.fleet is None or self.devices.reader is None:
            return None
        side = self.fleet
        return Desk(
            reader=self.devices.reader,
            administrator_reader=self.devices.administrator_reader,
            orders=FleetOrders(side.book, side.link, side.journal, self.clock),
            envelopes=envelopes_for(self.config, side),
            seal=seal_of(side.identity, self.config.station.title),
            clock=self.clock,
            print_text=self._print_text,
            cabinet=self.devices.cabinet,
            printer=self.devices.printer,
        )

    async def depth(self) -> int:
        """How many events the server does not hold yet."""
        if self.fleet is None:
            return 0
        side = self.fleet
        return await side.store.transact(lambda cx: outbox.depth(cx, side.identity.station))

    async def events_after(self, sequence: int) -> list[tuple[int, str]]:
        """(sequence, type) of the events of this epoch that follow `sequence` and are still kept."""
        if self.fleet is None:
            return []
        side = self.fleet
        return await side.store.transact(
            lambda cx: outbox.kinds_after(cx, side.identity.station, side.identity.epoch, sequence)
        )

    def missing(self, errand: Errand) -> str | None:
        """What keeps an errand from being offered now: `store`, `orders`, `reader` or `cabinet`."""
        if any(problem.code in ("store", "running") for problem in self.problems):
            return "store"
        if "orders" in errand.needs and self.fleet is None:
            return "orders"
        return next(
            (kind for kind in ("reader", "cabinet") if kind in errand.needs and self.devices.missing(kind)), None
        )

    async def _choose(self) -> Errand | None:
        forgotten = await self._card_left_in()
        offers = tuple((errand, self.missing(errand)) for errand in ERRANDS)
        found = self.fleet.found if self.fleet else ()
        view = home.view(self.config, offers, found, forgotten=forgotten)
        self._changed.clear()
        try:
            answer = await self.supervisor.ask(view, until=self._changed.wait())
        except ErrandEndedError:
            return None
        chosen = next((errand for errand in ERRANDS if errand.id == answer), None)
        if chosen is not None and self.fleet is not None:
            self.fleet.found = ()
        return chosen if chosen is not None and self.missing(chosen) is None else None

    async def _card_left_in(self) -> bool:
        try:
            return self.devices.reader is not None and await self.devices.reader.presence() is Presence.PRESENT
        except ReaderError:
            return False

    def _reader_settings(self) -> ReaderSettings:
        refused = known_products(self.config, self._base).refused
        if refused:
            self.report("profiles", "\n".join(refused))
        try:
            return reader_settings(self.config, self._base, self.clock, self.world)
        except NoAnchorsError as error:
            self.report("anchors", str(error))
            return ReaderSettings(now=self.clock.now)

    async def _join_fleet(self, timing: Timing | None) -> None:
        try:
            side = await join(self.config, self._base, self.clock, self.bootid, timing)
        except JoinError as error:
            self.report(error.code, str(error))
            return
        self.fleet = side
        side.link.on_change(lambda online: self._on_change())
        if self.world is not None:
            side.link.set_allowed(self.world.network)
            self.world.on_network = side.link.set_allowed
        side.link.start()
        side.tasks.append(asyncio.create_task(side.book.run()))

    def _print_text(self, text: Say) -> str:
        return Texts.load().plain(text, self.language())

    def report(self, code: str, text: str) -> None:
        """Something is missing or broken: say it in the log and keep it for whoever asks."""
        logger.warning("%s: %s", code, text)
        self.on_problem(code, text)
        self.problems = [one for one in self.problems if one.code != code] + [Problem(code, text)]

    def _asked(self, view: View[Any]) -> None:
        self.view = view.name
        self._publish()

    def _on_change(self) -> None:
        self._changed.set()
        self._publish()

    def _publish(self) -> None:
        if self.fleet is None:
            return
        now = self.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        self.fleet.link.publish_state(
            StationState(
                title=self.config.station.title,
                version=VERSION,
                bootid=self.bootid,
                time=now,
                errand=self._errand,
                step=self.view if self._errand else None,
                devices=self.devices.states,
                slots=self.devices.slots,
            )
        )


@contextlib.asynccontextmanager
async def opened(station: Station, timing: Timing | None = None) -> Any:
    """`async with opened(station): ...`"""
    await station.open(timing)
    try:
        yield station
    finally:
        await station.close()
