"""Setup at the touch screen: the same steps as by file, asked of an installer who has no keyboard.

Rules:
- A step is done once its questions are answered, so that what does not work is told where it was asked.
- What a setup file says is not asked: settings, network, claim. Where it does not work, a person is.
- `station.toml` is written anew after each answer that belongs into it. What it says of language, title, readers, printer and
  cabinet is not asked; where a person changed it meanwhile its settings stand.
- Where the volume of /data was not opened, that is said first, and nothing is done until an installer starts anew. The old volume
  stays as it is until the fleet server has taken the station: before, a power cut or a second thought costs nothing.
- Who starts again after a power cut goes on where it was cut: what is answered is not asked again.
"""

import asyncio
import contextlib
import ipaddress
import threading
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from drivers.printer.usb_printers import UsbPrinter
from fleet.agent.identity import IdentityError
from fleet.agent.store import StoreError
from fleet.messages.vocabulary import DeviceKind
from kiosk.administration_ports import ReaderTelling
from kiosk.config import AUTO, Config, ConfigError, NetworkSection, Section, StationSection, load
from kiosk.first_boot import views
from kiosk.first_boot.assistant import (
    Assistant,
    Step,
    StepFailedError,
    StepResult,
    slots_counted,
)
from kiosk.first_boot.disks import DiskInstaller
from kiosk.first_boot.network_manager import Network, NetworkError
from kiosk.first_boot.plan import ClaimSection, ClockSection, DevicesSection, WiredSection
from kiosk.ports import Ask
from kiosk.station.build_fleet import JoinError
from kiosk.station.image_slots import ServiceInstaller
from kiosk.station.restart import nothing
from kiosk.station.self_test import SelfTestResult
from kiosk.station.state import DataFault
from kiosk.station.virtual_devices import CabinetPowerError
from kiosk.station.virtual_plugin import VirtualDevicesError
from kiosk.steps.reader_roles import choose_readers
from kiosk.views import Busy
from provisioning.claim import ClaimRefused
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import KeyShown

DEFAULT_PORT = 8443
"""Of the server's listener for stations, where none is typed."""
STILL_GOOD = frozenset({"unreachable", "bad_answer", "timed_out"})
"""A planned claim is tried again after these faults."""
OTHER_NAME = frozenset({"other_key", "refused", "retired"})
"""Its code too, under another name, where the plan has none."""
TAKEN_EVERY_S = 15.0
"""So often the server is asked whether it knows the code that the station shows: it counts wrong ones, ten in a minute."""
REACH_TRIES, REACH_PAUSE_S = 6, 2.0
"""The firewall of an image opens a moment after the address was written."""
INSTALL_PAUSE_S = 1.0
CABINET_KEY = "cabinet.json"
PAIRED = "paired"
ABSENT = ("no_port",)
TROUBLES = (ConfigError, IdentityError, JoinError, StoreError, VirtualDevicesError, CabinetPowerError)
T = TypeVar("T")


class Readers(ReaderTelling, Protocol):
    """Readers that can be told apart."""

    def is_untold(self) -> bool:
        """Return whether nobody has told yet which of two readers is whose."""


async def no_key(_typed: str) -> bool:
    return False


@contextlib.asynccontextmanager
async def nothing_held() -> AsyncIterator[None]:
    """No device is heard meanwhile."""
    yield


@dataclass(frozen=True, slots=True)
class SetupPorts:
    """Functions that the assistant calls beside the steps.

    Args:
        speak: shows the screen in that language.
        panel: pixels across and down of the display, where they are known.
        readers: those of the station whose settings and folder are given.
        pair: pairs the cabinet's board, with the file that is to hold its key; gives `paired` or a code.
        scans: whether a scanner gives what it reads to the screen.
        released: lets go of all devices that the screen follows, meanwhile.
        data_fault: why the volume of /data was not opened: the station is set up in memory then, to take its place.
        move: has it made anew with what was set up, and the machine restarted; ends by OSError alone.
        recover: has it opened by that recovery key, and the machine restarted; ends with False alone.
        pause: waits so many seconds.
        installer: writes the system to a disk, where the machine runs from a stick.
        reboot: starts the machine anew.
        report: told code and technical words of what does not work, which stand on no screen.
        wrong_plan: what is wrong with the setup file; empty where it is well, or none is there.
        destroy_plan: writes the setup file over, and removes it.
    """

    speak: Callable[[str], None]
    panel: tuple[int, int] | None
    printers: Callable[[], Sequence[UsbPrinter]]
    readers: Callable[[Config, Path], Readers]
    pair: Callable[[Path], Awaitable[str]]
    scans: bool = False
    released: Callable[[], AbstractAsyncContextManager[None]] = nothing_held
    data_fault: DataFault | None = None
    move: Callable[[], Awaitable[None]] = nothing
    recover: Callable[[str], Awaitable[bool]] = no_key
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    installer: DiskInstaller = field(default_factory=DiskInstaller)
    reboot: Callable[[], Awaitable[None]] = ServiceInstaller().reboot
    report: Callable[[str, str], None] = lambda code, text: None
    wrong_plan: str = ""
    destroy_plan: Callable[[], None] = lambda: None


class GivenUpError(Exception):
    """The installer wants another code, or another network."""


class TouchSetup:
    """One run at the screen. `assistant` does the steps; what its plan says is not asked."""

    def __init__(self, ask: Ask, assistant: Assistant, ports: SetupPorts) -> None:
        self._ask, self._steps, self._ports = ask, assistant, ports
        self._named: tuple[str, str] | None = None
        """Server and station that were written in this run, as those of a claim."""
        self._shown_code: ClaimCode | None = None
        """The code that was made here, and that the server may not know yet."""
        plan = assistant.plan
        self._planned_network = plan.network if "network" in plan.model_fields_set else None
        self._planned_claim = plan.claim if plan.claim.text or plan.claim.code else None

    async def run(self) -> str:
        """From a blank station to one that can be started; gives its name. Raises ConfigError, OSError."""
        if (fault := self._ports.data_fault) is not None:
            while await self._ask(views.data_fault(fault)) == "key":
                await self._recover()
        if self._ports.wrong_plan:
            await self.tell_fault(Step.SETTINGS, "setup_file", self._ports.wrong_plan)
        self._write_planned()
        await self._language()
        if fault is None:
            await self._install()
        else:
            await self._ask(views.data_loss())
        if not self._steps.is_finished(Step.NETWORK):
            await self._network()
        while True:
            try:
                station = await self._claim()
                if fault is not None:
                    await self._while(views.moving(), self._ports.move())
                await self._devices()
                await self._time()
                break
            except GivenUpError:
                self._planned_network = None
                await self._network()
        self._steps.finish()
        self._ports.destroy_plan()
        await self._ask(views.ready(station))
        return station

    async def tell_fault(self, step: Step, code: str, text: str) -> str:
        """Show the fault in plain words and return the answer; `text` is reported."""
        self._ports.report(code, text)
        answer: str = await self._ask(views.fault(step, code))
        return answer

    async def _recover(self) -> None:
        """Open the volume by its recovery key; ends with a restart then."""
        await self._language()
        typed = await self._ask(views.recovery_key())
        if typed != "back" and not await self._while(views.opening(), self._ports.recover(typed)):
            await self._ask(views.wrong_key())

    # language and settings

    def _write_planned(self) -> None:
        """Have the settings of the setup file in `station.toml`, beside what stands there."""
        if (settings := self._steps.plan.settings) is None:
            return
        for section, values in settings.model_dump(mode="json", exclude_unset=True, exclude_none=True).items():
            self._write(section, **values)
        self._write("station", assistant=True)

    async def _language(self) -> None:
        written = self._document.get("station", {}).get("language")
        if self._steps.may_write:
            if written is None:
                written = await self._ask(views.language())
                self._write("station", language=written, assistant=True)
            if self._ports.panel is not None and "display" not in self._document:
                across, down = self._ports.panel
                self._write("display", width=across, height=down)
        if written is not None:
            self._ports.speak(written)

    async def _install(self) -> None:
        """From a stick to a disk of this machine, where the installer wants that; ends with a restart then."""
        disks = self._ports.installer
        while targets := await asyncio.to_thread(disks.disks):
            chosen = await self._ask(views.disk(targets))
            if chosen == "stay":
                return
            disk = next(target for target in targets if target.name == chosen)
            if await self._ask(views.erase(disk)) == "no":
                continue
            await asyncio.to_thread(disks.begin, disk)
            if await self._while(views.installing(), self._is_installed()):
                await self._ask(views.installed())
                await self._ports.reboot()
                await asyncio.Event().wait()  # for the end
            self._ports.report("install", f"the system could not be written to {disk.name}")
            await self._ask(views.not_installed())

    async def _is_installed(self) -> bool:
        while (state := self._ports.installer.state()) == "working":
            await self._ports.pause(INSTALL_PAUSE_S)
        return state == "done"

    @property
    def _document(self) -> dict[str, Any]:
        """`station.toml` as it stands."""
        file = self._steps.config
        return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}

    def _write(self, section: str, **values: Any) -> None:
        """Have these settings in `station.toml`, unless a person wrote it. Raises ConfigError, OSError."""
        if self._steps.may_write:
            document = self._document
            document[section] = {**document.get(section, {}), **values}
            self._steps.write_settings(Config.model_validate(document), in_words=True)

    # network

    async def _network(self) -> None:
        while True:
            try:
                wired, self._planned_network = self._planned_network or await self._wired(), None
                coming_up = asyncio.to_thread(self._steps.set_up_network, wired)
                await self._while(views.connecting(), coming_up)
                return
            except StepFailedError as error:
                await self.tell_fault(Step.NETWORK, error.code, str(error))

    async def _wired(self) -> WiredSection:
        """Ask for the wired network's settings and return them."""
        interfaces = await asyncio.to_thread(wired_interfaces, self._steps.network)
        while True:
            proxy = str(self._document.get("network", {}).get("proxy", ""))
            match await self._ask(views.network(managed=bool(interfaces), proxied=bool(proxy))):
                case "proxy":
                    await self._proxy(proxy)
                case "keep":
                    return WiredSection()
                case "dhcp":
                    return WiredSection(method="dhcp", interface=await self._interface(interfaces))
                case _:
                    interface = await self._interface(interfaces)
                    if (wired := await self._static(interface)) is not None:
                        return wired

    async def _interface(self, interfaces: Sequence[str]) -> str:
        return interfaces[0] if len(interfaces) == 1 else await self._ask(views.interface(interfaces))

    async def _static(self, interface: str) -> WiredSection | None:
        """None where the installer went back."""
        given: dict[str, str] = {}
        whats: tuple[views.Typed, ...] = ("address", "gateway", "dns")
        for field_name in whats:
            text = await self._typed(
                field_name, given.get(field_name, ""), is_interface if field_name == "address" else is_address
            )
            if text is None:
                return None
            given[field_name] = text
        dns = [given["dns"]] if given["dns"] else []
        try:
            return WiredSection.model_validate({"method": "static", "interface": interface, **given, "dns": dns})
        except ValidationError:
            await self._ask(views.no_address("address"))
            return None

    async def _proxy(self, before: str) -> None:
        text = await self._typed("proxy", before, is_host_and_port)
        if text is not None:
            self._write("network", proxy=text)

    async def _typed(self, field_name: views.Typed, before: str, fits: Callable[[str], bool]) -> str | None:
        """None where the installer went back."""
        while True:
            text = await self._ask(views.typed(field_name, before))
            if text == "back":
                return None
            if not text or fits(text):
                return text
            before = text
            await self._ask(views.no_address(field_name))

    # claim

    async def _claim(self) -> str:
        """Until the station has an identity; gives its name. Raises GivenUpError."""
        server = ""
        while True:
            if (identity := self._steps.identity) is not None:
                return identity.station
            try:
                claim = self._steps.claim_under_way or await self._take_planned() or await self._ask_claim(server)
                server = claim.server
                self._name(claim.server, claim.station)
                await self._join(claim)
            except StepFailedError as error:
                if error.code not in (STILL_GOOD if self._is_named else STILL_GOOD | OTHER_NAME):
                    self._planned_claim = None
                if await self.tell_fault(Step.CLAIM, error.code, str(error)) == "network":
                    raise GivenUpError from None

    @property
    def _is_named(self) -> bool:
        """Return whether the planned claim is for one station."""
        return self._planned_claim is None or self._planned_claim.claim is not None

    async def _take_planned(self) -> Claim | None:
        """The claim of the setup file; a join key is asked for the station's name. None where the installer types another."""
        if (planned := self._planned_claim) is None:
            return None
        if planned.claim is not None:
            return planned.claim
        station = await self._ask(views.typed("station"))
        if station == "back":
            self._planned_claim = None
            return None
        return planned.named(station)

    def _name(self, server: str, station: str) -> None:
        """Title and server of a claim, in place of those of the claim before."""
        document, address = self._document, host_and_port(server)
        former_server, former_station = self._named or (server, "")
        title = document.get("station", {}).get("title", former_station)
        if not title or title == former_station:
            self._write("station", title=station)
        before = host_and_port(former_server)
        servers = [
            server for server in document.get("network", {}).get("servers", []) if server not in (before, address)
        ]
        self._write("network", servers=[*servers, address])
        self._named = server, station

    async def _ask_claim(self, server: str) -> Claim:
        while True:
            before = server.removeprefix("https://")
            text = await self._ask(views.typed("server", before, scans=self._ports.scans))
            if text == "back":
                raise GivenUpError
            if text.startswith("kortkiosk:"):
                if (claim := scanned_claim(text)) is not None:
                    return claim
                await self._ask(views.no_claim())
                continue
            server = server_address(text)
            if not server:
                await self._ask(views.no_address("server"))
                continue
            station = await self._ask(views.typed("station"))
            if station == "back":
                continue
            code = await self._ask(views.code(shows=True))
            if code == "show":
                return await self._make_claim(server, station)
            if code != "back":
                return Claim(server, station, ClaimCode.parse(code))

    async def _make_claim(self, server: str, station: str) -> Claim:
        """A claim with a code of the station's own. Raises StepFailedError."""
        self._name(server, station)

        async def make() -> Claim:
            return await asyncio.to_thread(self._steps.new_claim, server, station)

        claim = await self._reach(lambda: self._while(views.joining(), make()))
        self._shown_code = claim.code
        return claim

    async def _join(self, claim: Claim) -> None:
        """Enrol, and show the key while a person is to approve it. Raises StepFailedError."""
        await self._reach(lambda: self._join_once(claim))

    async def _reach(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result, tried again while the server is not reached. Raises StepFailedError."""
        for _ in range(REACH_TRIES - 1):
            try:
                return await work()
            except StepFailedError as error:
                if error.code != "unreachable":
                    raise
            await self._ask(views.joining(), until=self._ports.pause(REACH_PAUSE_S))
        return await work()

    async def _join_once(self, claim: Claim) -> None:
        loop, given_up = asyncio.get_running_loop(), threading.Event()
        shown: asyncio.Future[KeyShown] = loop.create_future()

        def tell(key: KeyShown) -> None:
            loop.call_soon_threadsafe(lambda: None if shown.done() else shown.set_result(key))

        def sleep(seconds: float) -> None:
            if given_up.wait(seconds):
                raise GivenUpError

        steps = replace(self._steps, tell=tell, sleep=sleep)
        is_own = claim.code == self._shown_code
        enrolling = (
            partial(_enrol, steps, claim, sleep) if is_own else partial(steps.claim, ClaimSection(text=claim.text))
        )
        working = asyncio.create_task(asyncio.to_thread(enrolling))
        both: set[asyncio.Future[Any]] = {working, shown}
        try:
            meanwhile = views.shown_claim(claim) if is_own else views.joining()
            until = asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if await self._ask(meanwhile, until=until) == "back":
                given_up.set()
            elif not working.done() and await self._approval(shown.result(), working) == "again":
                given_up.set()
                await self._ask(views.joining(), until=_end_of(working))
                self._steps.forget_claim()
                self._planned_claim = None
        finally:
            given_up.set()  # the thread ends with its question
        with contextlib.suppress(GivenUpError):
            await working

    async def _approval(self, shown: KeyShown, working: "asyncio.Task[Any]") -> Any:
        """Ask the installer to compare the key, and return the answer; None once `working` is over."""
        return await self._ask(views.approve(shown, self._steps.key_kind), until=_end_of(working))

    # devices

    async def _devices(self) -> None:
        if self._steps.is_finished(Step.DEVICES):
            return
        await self._choose_readers()
        if self._steps.may_write:
            await self._choose_printer()
            await self._choose_cabinet()
        section = DevicesSection(accept_faults=True)
        while not await self._try(section):
            pass
        self._steps.accept_devices(section)

    async def _choose_readers(self) -> None:
        """Two readers are told apart once, by a card."""
        if "readers" not in self._document:
            self._write("readers", holder=AUTO, administrator=AUTO)
        readers = self._ports.readers(load(self._steps.config), self._steps.folder)
        if await asyncio.to_thread(readers.is_untold):
            choice = await choose_readers(self._ask, readers, views.at(views.DEVICES))
            if choice is not None:
                await readers.keep(choice.holder, choice.administrator)

    async def _choose_printer(self) -> None:
        while "printer" not in self._document:
            printers = await asyncio.to_thread(self._ports.printers)
            chosen = await self._ask(views.printer(printers))
            if chosen.startswith("usb:"):
                printer = printers[int(chosen.removeprefix("usb:"))]
                self._write("printer", kind="usb", vendor=printer.vendor, product=printer.product)
            elif chosen == "none":
                self._write("printer", kind="none")
            elif host := await self._typed("printer", "", is_host):
                self._write("printer", kind="network", host=host)

    async def _choose_cabinet(self) -> None:
        """A board that is to be used is paired: `station.toml` names it first, so that an image's machine lets it in."""
        while "cabinet" not in self._document or not self._is_paired:
            if "cabinet" not in self._document and await self._ask(views.cabinet()) == "none":
                self._write("cabinet", kind="none")
                return
            self._write("cabinet", kind="serial", key=CABINET_KEY)
            outcome = await self._while(views.pairing(), self._ports.pair(self._steps.folder / CABINET_KEY))
            if outcome == PAIRED:
                return
            word = "absent" if outcome in ABSENT else "failed"
            if await self._ask(views.not_paired(word)) == "without":
                self._write("cabinet", kind="none", key="")
                return

    @property
    def _is_paired(self) -> bool:
        kind = self._document.get("cabinet", {}).get("kind")
        return kind != "serial" or (self._steps.folder / CABINET_KEY).exists()

    async def _try(self, section: DevicesSection) -> bool:
        """Test the devices. Return whether the installer has seen the results and goes on."""
        async with self._ports.released():
            results = await self._try_each(section)
        if await self._ask(views.tested(results)) == "again":
            return False
        prints = any(result.kind is DeviceKind.PRINTER and result.ok for result in results)
        if prints and await self._ask(views.printed_page()) == "no":
            return False
        counted = slots_counted(results)
        return counted is None or await self._ask(views.slots(counted)) == "yes"

    async def _try_each(self, section: DevicesSection) -> tuple[SelfTestResult, ...]:
        """One after the other, each named once it was tried."""
        loop, tried = asyncio.get_running_loop(), asyncio.Queue[SelfTestResult]()

        def tell(result: SelfTestResult) -> None:
            loop.call_soon_threadsafe(tried.put_nowait, result)

        working = asyncio.create_task(asyncio.to_thread(self._steps.device_results, section, tell))
        named: list[SelfTestResult] = []
        while not working.done():
            following = asyncio.create_task(tried.get())
            both: set[asyncio.Task[Any]] = {working, following}
            either = asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await self._ask(views.testing(named), until=either)
            if following.done():
                named.append(following.result())
            following.cancel()
        return await working

    # time

    async def _time(self) -> None:
        while not self._steps.is_finished(Step.TIME):
            try:
                comparing = asyncio.to_thread(self._steps.compare_time, ClockSection())
                await self._while(views.comparing_time(), comparing)
            except StepFailedError as error:
                if await self.tell_fault(Step.TIME, error.code, str(error)) == "network":
                    raise GivenUpError from None

    async def _while(self, view: Busy, work: Awaitable[T]) -> T:
        """Return the result of the work, shown as busy meanwhile."""
        result: Any = await self._ask(view, until=work)
        return result  # type: ignore[no-any-return]


async def set_up(setup: TouchSetup) -> None:
    """Until it is done: what goes wrong is said, and it is gone on with from there."""
    while True:
        try:
            await setup.run()
            return
        except OSError as error:
            code, text = "disk", str(error)
        except TROUBLES as error:
            code, text = "other", str(error)
        await setup.tell_fault(Step.SETTINGS, code, text)


def _enrol(steps: Assistant, claim: Claim, sleep: Callable[[float], None]) -> StepResult:
    """Enrol with a code of the station's own, once an operator has made it good. Raises StepFailedError."""
    while True:
        try:
            return steps.claim(ClaimSection(text=claim.text))
        except StepFailedError as error:
            if error.code not in ("wrong_code", "too_many"):
                raise
        sleep(TAKEN_EVERY_S)


async def _end_of(work: "asyncio.Task[Any]") -> None:
    """Wait for it, without ending it where nobody waits any more."""
    await asyncio.wait({work})


def wired_interfaces(network: Network) -> tuple[str, ...]:
    """Names of the wired interfaces; none where the network cannot be set up from here."""
    try:
        return network.interfaces()
    except NetworkError:
        return ()


def scanned_claim(text: str) -> Claim | None:
    """None where it is none, or names no server or station."""
    try:
        claim = Claim.parse(text)
        fits = is_host_and_port(host_and_port(claim.server)) and _is(StationSection, {"title": claim.station})
    except (ClaimRefused, ValueError):
        return None
    return claim if fits else None


def server_address(text: str) -> str:
    """Return the text as an address of EST, with the usual port where none is given; empty where it is none.

    >>> server_address("fleet.example"), server_address("https://fleet.example:443"), server_address("fleet:x")
    ('https://fleet.example:8443', 'https://fleet.example:443', '')
    """
    host = text.removeprefix("https://").rstrip("/")
    if not is_host_and_port(host):
        host = f"{host}:{DEFAULT_PORT}"
    return f"https://{host}" if is_host_and_port(host) else ""


def host_and_port(address: str) -> str:
    """`host:port` of an address of EST, as `network.servers` has it.

    >>> host_and_port("https://fleet.example")
    'fleet.example:443'
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"[{host}]:{parts.port or 443}" if ":" in host else f"{host}:{parts.port or 443}"


def is_host_and_port(text: str) -> bool:
    return _is(NetworkSection, {"servers": [text]})


def is_host(text: str) -> bool:
    return _is(NetworkSection, {"time": [text]})


def is_interface(text: str) -> bool:
    return _is(WiredSection, {"method": "static", "address": text})


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is(section: type[Section], values: dict[str, Any]) -> bool:
    """Return whether the section takes these values."""
    try:
        section.model_validate(values)
    except ValidationError:
        return False
    return True
