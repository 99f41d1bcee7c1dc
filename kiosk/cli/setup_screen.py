"""The setup assistant on the station's own screen: what `kortkiosk run` shows as long as the station is not set up.

    finished = await SetupScreen(Path("station.toml"), report).run()

Nothing but the touch panel and, where `station.toml` names one, a scanner is heard. There is no time-out: an installer may be
away for as long as somebody is to approve the station.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from drivers.printer.usb_printers import usb_printers
from drivers.reader.transport.pcsc import PcscBackend
from drivers.touchscreen.discovery import Touchscreens
from fleet.agent.identity import IdentityError
from fleet.agent.store import StoreError
from fleet.service_manager import ServiceManager, tell_manager
from kiosk.cli.setup import make_assistant
from kiosk.clock import SystemClock
from kiosk.config import Config, ConfigError, load
from kiosk.first_boot import views
from kiosk.first_boot.assistant import Assistant, Step
from kiosk.first_boot.panel import panel_size
from kiosk.first_boot.touch import SetupPorts, TouchSetup
from kiosk.screens.touch_input import Calibration, TouchInput
from kiosk.screens.window import KivyScreen
from kiosk.station.app import panel_of
from kiosk.station.build_devices import make_scanner, no_desktop
from kiosk.station.build_fleet import JoinError
from kiosk.station.cabinet_pairing import pair_cabinet
from kiosk.station.reader_roles import ReaderRoles
from kiosk.station.virtual_devices import CabinetPowerError
from kiosk.station.virtual_plugin import VirtualDevicesError
from kiosk.views import View

FAULTS = (ConfigError, IdentityError, JoinError, StoreError, VirtualDevicesError, CabinetPowerError)
PAIR_TRIES, PAIR_PAUSE_S = 5, 2.0
"""A board that `station.toml` has just named is bound a moment later."""


class ScreenAsk:
    """Asks on a screen, without a time-out. Implements `kiosk.ports.Ask`."""

    def __init__(self, show: Callable[[View[Any]], Awaitable[Any]]) -> None:
        self._show = show

    async def __call__(self, view: View[Any], *, until: Awaitable[Any] | None = None) -> Any:
        showing = asyncio.ensure_future(self._show(view))
        first = showing if until is None else asyncio.ensure_future(until)
        try:
            await asyncio.wait({showing, first}, return_when=asyncio.FIRST_COMPLETED)
            return (first if first.done() else showing).result()
        finally:
            for task in {showing, first}:
                task.cancel()
            await asyncio.gather(showing, first, return_exceptions=True)


class SetupScreen:
    """The window of a station that is being set up. `report`: told the code and the words of what does not work."""

    def __init__(self, config: Path, report: Callable[[str, str], None], assistant: Assistant | None = None) -> None:
        self._file, self._report = config, report
        self._assistant = assistant or make_assistant(config)
        self._config = load(config) if config.exists() else Config()
        self._panel = panel_size() if no_desktop(os.environ) else None
        display = self._config.display
        if self._panel is not None and not config.exists():
            display = display.model_copy(update=dict(zip(("width", "height"), self._panel, strict=True)))
        self.screen = KivyScreen(
            SystemClock(), panel=panel_of(display), language=self._config.station.language, place=views.ERRAND,
            fullscreen=display.fullscreen, position=display.position, rotation=display.rotation,
        )  # fmt: skip

    async def run(self) -> bool:
        """Whether the station can be started; False where the window was closed before."""
        ports = SetupPorts(self._speak, self._panel, usb_printers, self._readers, self._pair, scanning=self._scanning)
        tasks = [
            asyncio.create_task(self.screen.run()),
            asyncio.create_task(self._set_up(TouchSetup(ScreenAsk(self.screen.show), self._assistant, ports))),
        ]
        telling = asyncio.create_task(tell_manager(ServiceManager(), self.screen.drawn, lambda: "Is being set up"))
        touching = asyncio.create_task(self._read_touches())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[1].done():
                tasks[1].result()
            return tasks[1].done()
        finally:
            for task in (telling, touching, tasks[1]):
                task.cancel()
            await asyncio.gather(telling, touching, tasks[1], return_exceptions=True)
            self.screen.close()
            await asyncio.gather(tasks[0], return_exceptions=True)

    async def _set_up(self, setup: TouchSetup) -> None:
        """Until it is done: what went wrong is said, and it is gone on with from there."""
        ask = ScreenAsk(self.screen.show)
        while True:
            try:
                await setup.run()
                return
            except OSError as error:
                code, text = "disk", str(error)
            except FAULTS as error:
                code, text = "other", str(error)
            self._report(code, text)
            await ask(views.fault(Step.SETTINGS, code, text))

    def _speak(self, language: str) -> None:
        self.screen.language = language

    def _readers(self, config: Config, base: Path) -> ReaderRoles:
        return ReaderRoles(config.readers, base / config.station.data, PcscBackend())

    async def _pair(self, key_file: Path) -> str:
        outcome = ""
        for _ in range(PAIR_TRIES):
            outcome = await pair_cabinet(_NoDriver(), key_file, None)
            if outcome != "no_port":
                break
            await asyncio.sleep(PAIR_PAUSE_S)
        return outcome

    async def _read_touches(self) -> None:
        touch = self._config.touch
        if no_desktop(os.environ):
            calibration = Calibration(**touch.model_dump(exclude={"device"}))
            state = Touchscreens(touch.device).state
            await TouchInput(state, calibration, lambda text: self._report("touch", text)).run()

    @contextlib.asynccontextmanager
    async def _scanning(self) -> AsyncIterator[bool]:
        """The scanner is let go before the devices are tried."""
        scanner = make_scanner(self._config.scanner)
        if scanner is None:
            yield False
            return

        async def hear() -> None:
            async for scan in scanner.scans():
                self.screen.scan(scan.text)

        hearing = asyncio.create_task(hear())
        try:
            yield True
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


class _NoDriver:
    """Nobody has the cabinet's line yet."""

    def start(self) -> None: ...
    async def close(self) -> None: ...
