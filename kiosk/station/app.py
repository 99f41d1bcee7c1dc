"""The station as a program: a window, the station and, where devices are virtual, the control socket of the bench.

    app = App(config, base)
    await app.run()              # until the window is closed, or cancelled

The window comes up first, whatever is missing; then the station says what it lacks.

Tones sound one after the other; what comes while one sounds waits, and the newest of those that wait is played. A sound device
that fails is reported once, and nothing waits for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.reader.errors import ReaderError
from drivers.reader.port import Presence
from drivers.speech.port import Manner
from drivers.speech.sound_card import SoundCard
from drivers.speech.tones import Sound, Tone, ToneError
from drivers.touchscreen.discovery import Touchscreens
from fleet.agent.link import Timing
from fleet.service_manager import ServiceManager, tell_manager
from kiosk.barcodes import parse_scan
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config, DisplaySection, SpeechSection
from kiosk.screens.closed import OutOfOrder
from kiosk.screens.staging import Voice
from kiosk.screens.touch_input import Calibration, TouchInput
from kiosk.screens.window import KivyScreen
from kiosk.station.build import open_station, texts_of
from kiosk.station.build_devices import make_sound, make_speech
from kiosk.station.devices import Devices
from kiosk.station.host import Host
from kiosk.station.problems import Problems
from kiosk.station.station import Station
from kiosk.station.virtual_devices import VirtualDevices
from kiosk.station.virtual_plugin import Look, plugin
from kiosk.views import Fact, say

SET_ASIDE_COMMAND = "kortkiosk store set-aside"
PROMPT = Timing(first_s=0.3)
"""On a bench one station comes back at once; a fleet spreads its stations over ten seconds."""


class Tones:
    """Belongs to one event loop. `on_fault` is told, once, why nothing is heard."""

    def __init__(self, sound: Sound, volume: int, on_fault: Callable[[str], None]) -> None:
        self._sound, self._volume, self._on_fault = sound, volume, on_fault
        self._next: Tone | None = None
        self._playing: asyncio.Task[None] | None = None
        self._fault = ""

    def play(self, tone: Tone) -> None:
        """Sound it now, or after the one that sounds."""
        self._next = tone
        if self._playing is None or self._playing.done():
            self._playing = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        while (tone := self._next) is not None:
            self._next = None
            try:
                await self._sound.play(tone, self._volume)
            except ToneError as error:
                if str(error) != self._fault:
                    self._on_fault(str(error))
                self._fault = str(error)


class App:
    """One station with its window."""

    def __init__(self, config: Config, base: Path, host: Host | None = None, faults: Sequence[str] = ()) -> None:
        """`faults`: what was wrong with the configuration; the station is then shown as out of order.

        Raises VirtualDevicesError where a virtual device is configured, and the plug-in for it is not installed.
        """
        self._config = config
        self._base = base
        self._faults = faults
        self._contacts: tuple[Fact, ...] = ()
        self._is_damaged = False
        self._station: Station | None = None
        self.virtual = self._open_virtual_devices(base)
        theme = config.display.theme
        card = SoundCard(config.speech.device, lambda text: self._report("speech", text))
        self.screen = KivyScreen(
            SystemClock(), texts=texts_of(config, base), panel=panel_of(config.display), place=config.station.title,
            language=config.station.language, theme="hc" if theme == "contrast" else theme,
            fullscreen=config.display.fullscreen, position=config.display.position, rotation=config.display.rotation,
            bench=config.is_bench, voice=voice_of(config.speech, card, lambda text: self._report("speech", text)),
            sound=self._sound(config, card),
        )  # fmt: skip
        host = host or Host()
        self._report = host.on_problem
        self._host = replace(
            host, on_problem=self._note_problem, language=lambda: self.screen.paper_language, person_left=self.screen.reset,
            on_closed=self._close_to_visitors, on_headphones=self.screen.plug_headphones,
        )  # fmt: skip
        self.screen.set_read_scan(lambda text: parse_scan(text, config.scanner.card_check))

    async def run(self) -> None:
        """Draw, offer errands, until the window is closed or this is cancelled."""
        drawing = asyncio.create_task(self.screen.run())
        serving = asyncio.create_task(self._serve())
        telling = asyncio.create_task(tell_manager(ServiceManager(), self.screen.drawn, self._status))
        try:
            await asyncio.wait({drawing, serving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            for task in (telling, serving):
                task.cancel()
            await asyncio.gather(telling, serving, return_exceptions=True)
            self.screen.close()
            await asyncio.gather(drawing, return_exceptions=True)

    async def _serve(self) -> None:
        if self._faults:
            lead = say("closed.config.lead"), say("closed.inside")
            self.screen.set_closed(OutOfOrder(say("closed.config"), lead, ("cog-outline", "smart-card-outline")))
            problems = Problems(self._host.on_problem)
            for fault in self._faults:
                problems.report("config", fault)
            await asyncio.get_running_loop().create_future()
        timing = PROMPT if self.virtual is not None else None
        async with open_station(
            self._config, self._base, self.screen, self._host, self.virtual, timing=timing
        ) as station:
            self._station = station
            self._contacts = station.home.content.contacts
            self.screen.set_contacts(station.who_answers, station.region.contacts.support_link)
            if self._is_damaged:
                self._close_to_visitors(False)
            async with self._bench_control(station), self._watched(station.devices):
                await station.serve()

    def _status(self) -> str:
        """Return the state of the station, in words for the service manager."""
        if self._station is None:
            return "Out of order: the configuration has faults" if self._faults else "Starts"
        status = self._station.status
        if self._is_damaged:
            return "Out of order: the station's file is damaged"
        if status.out_of_service is not None:
            return f"Closed to visitors: {status.out_of_service}"
        return f"Errand {status.activity.errand}" if status.activity.errand else "Waits for visitors"

    @contextlib.asynccontextmanager
    async def _watched(self, devices: Devices) -> AsyncIterator[None]:
        """The screen follows reader, scanner, keypads and a touchscreen that no desktop reads."""
        watching = [asyncio.create_task(self._watch_card(devices)), asyncio.create_task(self._hear_scanner(devices))]
        watching += [asyncio.create_task(self._hear_keypad(keypad)) for keypad in devices.keypads]
        watching += [asyncio.create_task(self._read_touches(panel)) for panel in (devices.touchscreen,) if panel]
        try:
            yield
        finally:
            for task in watching:
                task.cancel()

    async def _watch_card(self, devices: Devices) -> None:
        if devices.reader is not None:
            with contextlib.suppress(ReaderError):
                async for presence in devices.reader.changes():
                    self.screen.card_in = presence in (Presence.PRESENT, Presence.MUTE)

    async def _hear_scanner(self, devices: Devices) -> None:
        if devices.scanner is not None:
            async for scan in devices.scanner.scans():
                self.screen.scan(scan.text)

    async def _hear_keypad(self, keypad: GrabbedKeypad) -> None:
        async for key in keypad.keys():
            self.screen.press(key)

    async def _read_touches(self, panel: Touchscreens) -> None:
        calibration = Calibration(**self._config.touch.model_dump(exclude={"device"}))
        await TouchInput(
            panel.state, calibration, lambda text: self._report("touch", text), on_touch=self.screen.wake
        ).run()

    def _note_problem(self, code: str, text: str) -> None:
        self._report(code, text)
        if code == "store_damaged":
            self._is_damaged = True
            self._close_to_visitors(False)

    def _damaged(self) -> OutOfOrder:
        """Nothing works without the file: the screen says whom to call, and what they do."""
        administrator = say("closed.store.administrator", command=SET_ASIDE_COMMAND)
        lead = say("closed.store.lead"), administrator, say("closed.store.inside")
        icons = "harddisk", "account-tie-outline", "smart-card-outline"
        return OutOfOrder(say("closed.store"), lead, icons, self._contacts)

    def _close_to_visitors(self, closed: bool) -> None:
        lead = say("closed.door.lead"), say("closed.door.inside")
        door = OutOfOrder(say("closed.door"), lead, ("wrench-outline", "clock-outline"), self._contacts)
        self.screen.set_closed(door if closed else self._damaged() if self._is_damaged else None)

    def _sound(self, config: Config, card: SoundCard) -> Callable[[Tone], None]:
        """Return the function that sounds a tone; it does nothing where none are wanted."""
        sound = make_sound(config.speech, card)
        if sound is None:
            return lambda tone: None
        return Tones(sound, config.speech.volume, lambda text: self._report("speech", text)).play

    def _open_virtual_devices(self, base: Path) -> VirtualDevices | None:
        """The virtual devices, where any is configured; their folder keeps cards, slots and paper over a power cut."""
        config = self._config
        if not config.virtual or self._faults:
            return None
        folder = base / config.station.data / "bench"
        return plugin().open_devices(folder, SystemClock().now(), cabinet=config.cabinet.kind == VIRTUAL)

    @contextlib.asynccontextmanager
    async def _bench_control(self, station: Station) -> AsyncIterator[None]:
        """The server for the bench window, where anything is virtual."""
        if self.virtual is None:
            yield
            return
        looks: dict[str, Look] = {"screen": partial(self._look_at_screen, station), "snapshot": self._snapshot}
        server = plugin().serve_bench(self.virtual, self.screen.scan, looks)
        await server.start()
        try:
            yield
        finally:
            await server.stop()

    def _look_at_screen(self, station: Station, _: dict[str, Any]) -> dict[str, Any]:
        """Return where to touch, for tests: positions only, never what is typed."""
        screen = self.screen
        return {
            "view": station.status.activity.view_name, "ready": screen.ready, "at": screen.position,
            "targets": screen.targets(), "typed": screen.typed(),
        }  # fmt: skip

    def _snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        self.screen.snapshot(Path(request["file"]))
        return {"file": request["file"]}


def voice_of(section: SpeechSection, card: SoundCard, on_fault: Callable[[str], None]) -> Voice | None:
    """Return the voice of Listen, where the configuration names one."""
    speech, manner = make_speech(section, card), Manner(section.rate, section.volume)
    return Voice(speech, manner, on_fault, lambda: bool(card.device())) if speech is not None else None


def panel_of(display: DisplaySection) -> Literal["10", "7", "p"]:
    """The size whose measures fit the panel best."""
    if display.height > display.width:
        return "p"
    return "7" if display.width < 1024 else "10"
