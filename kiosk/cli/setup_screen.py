"""The setup assistant on the station's own screen: what `kortkiosk run` shows as long as the station is not set up.

    finished = await SetupScreen(Path("station.toml"), report).run()

Nothing is heard but the touch panel, and the scanner and keypads that `station.toml` names. There is no time-out: an installer
may be away for as long as somebody is to approve the station.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.printer.usb_printers import usb_printers
from drivers.reader.transport.pcsc import PcscBackend
from drivers.scanner.port import Scanner
from drivers.speech.sound_card import SoundCard
from drivers.touchscreen.discovery import Touchscreens, no_desktop
from fleet.service_manager import ServiceManager, tell_manager
from kiosk.cli.setup import make_assistant
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config, ConfigError, load
from kiosk.first_boot import views
from kiosk.first_boot.assistant import Assistant
from kiosk.first_boot.plan import SETUP_FILE, SetupPlan, load_plan
from kiosk.first_boot.touch import SetupPorts, TouchSetup, set_up
from kiosk.screens.touch_input import Calibration, TouchInput
from kiosk.screens.window import KivyScreen
from kiosk.station.app import panel_of, voice_of
from kiosk.station.build_devices import make_keypads, make_scanner
from kiosk.station.cabinet_pairing import pair_named_board
from kiosk.station.reader_roles import ReaderRoles
from kiosk.station.state import data_fault
from kiosk.views import View
from provisioning.claim import ALPHABET, LOOK_ALIKES
from provisioning.files import destroy_file, write_file

RECOVERY_KEY = Path("/data/kortkiosk/recovery-key")
"""Where root looks for it, in the volume in memory."""
SYSFS = Path("/sys/class/drm")


def panel_size(root: Path = SYSFS) -> tuple[int, int] | None:
    """Pixels across and down of the first display that is connected, in the mode that it prefers; None where none tells."""
    for status in sorted(root.glob("card*-*/status")):
        try:
            modes = (status.parent / "modes").read_text("ascii").split()
            connected = status.read_text("ascii").strip() == "connected"
        except (OSError, UnicodeDecodeError):
            continue
        if connected and modes and (match := re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", modes[0])):
            return int(match[1]), int(match[2])
    return None


async def start_anew() -> None:
    """Have root make the volume of /data anew with what was set up in memory, and restart the machine. Raises OSError."""
    for words in ("reload kortkiosk-open-data.service", "reboot"):
        process = await asyncio.create_subprocess_exec("systemctl", "--no-ask-password", *words.split())
        if await process.wait() != 0:
            raise OSError(f"systemctl {words} ended with {process.returncode}")
    await asyncio.Future()


async def recover(typed: str, file: Path = RECOVERY_KEY) -> bool:
    """Have root open the volume of /data by its recovery key, and restart the machine; False where it does not open."""
    signs = "".join(sign for sign in typed.upper().translate(LOOK_ALIKES) if sign in ALPHABET)
    try:
        await asyncio.to_thread(write_file, file, signs.encode())
        await start_anew()
    except OSError:
        await asyncio.to_thread(file.unlink, missing_ok=True)
    return False


def _plan_in(file: Path) -> tuple[SetupPlan | None, str]:
    """The setup file, or what is wrong with it; neither where there is none."""
    try:
        return (load_plan(file) if file.exists() else None), ""
    except ConfigError as error:
        return None, str(error)


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
        self._plan_file = config.resolve().parent / SETUP_FILE
        plan, self._wrong_plan = _plan_in(self._plan_file)
        self._assistant = assistant or make_assistant(config, plan)
        self._config = load(config) if config.exists() else Config()
        self._panel = panel_size() if no_desktop(os.environ) else None
        self._hearing: list[asyncio.Task[None]] = []
        display = self._config.display
        if self._panel is not None and "display" not in self._config.model_fields_set:
            display = display.model_copy(update=dict(zip(("width", "height"), self._panel, strict=True)))
        self.screen = KivyScreen(
            SystemClock(), panel=panel_of(display), language=self._config.station.language, place=views.ERRAND,
            fullscreen=display.fullscreen, position=display.position, rotation=display.rotation,
            voice=voice_of(self._config.speech, SoundCard(self._config.speech.device), lambda text: report("speech", text)),
        )  # fmt: skip

    async def run(self) -> bool:
        """Run until the station is set up. Return whether it can be started; False where the window was closed before."""
        ports = SetupPorts(
            self._speak, self._panel, usb_printers, self._readers, partial(pair_named_board, self._file),
            data_fault=data_fault(), move=start_anew, recover=recover,
            scans=self._config.scanner.kind not in ("none", VIRTUAL), released=self._released, report=self._report,
            wrong_plan=self._wrong_plan, destroy_plan=self._destroy_plan,
        )  # fmt: skip
        setup = TouchSetup(ScreenAsk(self.screen.show), self._assistant, ports)
        tasks = [asyncio.create_task(self.screen.run()), asyncio.create_task(set_up(setup))]
        telling = asyncio.create_task(tell_manager(ServiceManager(), self.screen.drawn, lambda: "Is being set up"))
        touching = asyncio.create_task(self._read_touches())
        self._hear()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[1].done():
                tasks[1].result()
            return tasks[1].done()
        finally:
            for task in (telling, touching, tasks[1]):
                task.cancel()
            await asyncio.gather(telling, touching, tasks[1], return_exceptions=True)
            await self._let_go()
            self.screen.close()
            await asyncio.gather(tasks[0], return_exceptions=True)

    def _destroy_plan(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            destroy_file(self._plan_file)

    def _speak(self, language: str) -> None:
        self.screen.language = language

    def _readers(self, config: Config, base: Path) -> ReaderRoles:
        return ReaderRoles(config.readers, base / config.station.data, PcscBackend())

    async def _read_touches(self) -> None:
        touch = self._config.touch
        if no_desktop(os.environ):
            calibration = Calibration(**touch.model_dump(exclude={"device"}))
            state = Touchscreens(touch.device).state
            await TouchInput(
                state, calibration, lambda text: self._report("touch", text), on_touch=self.screen.wake
            ).run()

    def _hear(self) -> None:
        """The screen follows scanner and keypads that the settings name."""
        config = self._config
        if (scanner := make_scanner(config.scanner)) is not None:
            self._hearing.append(asyncio.create_task(self._hear_scanner(scanner)))
        self._hearing += [asyncio.create_task(self._hear_keypad(keypad)) for keypad in make_keypads(config.keypad)]

    async def _hear_scanner(self, scanner: Scanner) -> None:
        async for scan in scanner.scans():
            self.screen.scan(scan.text)

    async def _hear_keypad(self, keypad: GrabbedKeypad) -> None:
        async for key in keypad.keys():
            self.screen.press(key)

    async def _let_go(self) -> None:
        while self._hearing:
            task = self._hearing.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _released(self) -> AsyncIterator[None]:
        """Scanner and keypads are let go: they are tried by whoever opens them."""
        await self._let_go()
        try:
            yield
        finally:
            self._hear()
