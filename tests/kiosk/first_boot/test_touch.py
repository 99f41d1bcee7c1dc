"""The assistant at the touch screen: each question as an installer answers it; what does not work is told where it was asked."""

import asyncio
import errno
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest

from drivers.keypad.grabbed_keypad import GrabbedKeypad, UsbId
from drivers.printer.usb_printers import UsbPrinter
from fleet.agent.identity import Identity
from fleet.messages.vocabulary import DeviceKind
from kiosk.cli.setup_screen import ScreenAsk, recover, start_anew
from kiosk.config import Config, load
from kiosk.first_boot import touch, views
from kiosk.first_boot.assistant import Assistant, Sleep
from kiosk.first_boot.disks import DiskInstaller
from kiosk.first_boot.network_manager import NetworkError
from kiosk.first_boot.plan import SetupPlan, WiredSection, settings_text
from kiosk.first_boot.progress import is_setup_due
from kiosk.first_boot.touch import REACH_TRIES, SetupPorts, TouchSetup, set_up
from kiosk.station.devices import Devices
from kiosk.station.self_test import SelfTestOptions, SelfTestResult, check_devices
from kiosk.station.state import DataFault
from kiosk.texts import Texts
from kiosk.views import Await, Busy, Choose, Confirm, EnterText, Tell, View, say
from provisioning import files
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import EnrolledIdentity, EstError, FileKey, KeyShown
from provisioning.est.client import enrol as enrol_by_est
from sim.stories.patience import LIMIT_S
from tests.fakes.screens.efforts import model_seconds
from tests.fakes.server.enrolling import EnrolmentSite, enrolment_site

READER = SelfTestResult("holder", DeviceKind.READER, "ready", True, False, "it is there")
PRINTER = SelfTestResult("printer", DeviceKind.PRINTER, "ready", True, False, "it prints")
NO_PAPER = SelfTestResult("printer", DeviceKind.PRINTER, "out_of_paper", False, False, "no paper")
CABINET = SelfTestResult("cabinet", DeviceKind.CABINET, "ready", True, False, "it answers", {"slots": 24})
EPSON = UsbPrinter(0x04B8, 0x0E28, "EPSON TM-T20III")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentSite]:
    with enrolment_site(tmp_path_factory.mktemp("site")) as running:
        yield running


Answers = dict[str, str | list[str]]
USUAL: Answers = {
    "setup.language": "sv",
    "setup.network": "dhcp",
    "setup.which_printer": "usb:0",
    "setup.cabinet": "serial",
    "setup.tested": "next",
    "setup.printed_page": "yes",
    "setup.slots": "yes",
    "setup.ready": "start",
}


@dataclass
class Installer:
    """Answers what is asked; approves a station once its key is seen; pulls the plug at a question, where one is named."""

    site: EnrolmentSite
    answers: Answers
    cut_at: str = ""
    not_approved: Collection[str] = ()
    takes_code: bool = True
    shown: list[View[Any]] = field(default_factory=list)
    signs: int = 0
    keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = {name: deque([given] if isinstance(given, str) else given) for name, given in self.answers.items()}

    @property
    def names(self) -> list[str]:
        return [view.name for view in self.shown if not isinstance(view, Busy)]

    async def show(self, view: View[Any]) -> Any:
        self.shown.append(view)
        if view.name == self.cut_at:
            raise PowerCutError
        if view.name == "setup.shown" and isinstance(view, Confirm) and self.takes_code:
            self._take_code(view)
            return await asyncio.get_running_loop().create_future()
        if isinstance(view, Await):
            if view.name == "setup.approve" and not self._approves(view):
                return "again"
            return await asyncio.get_running_loop().create_future()
        if isinstance(view, Busy):
            return await asyncio.get_running_loop().create_future()
        assert view.name in self._left, f"nothing is said of {view.name}: {self.names}"
        answers = self._left[view.name]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        self._check(view, answer)
        self.signs += len(answer) if isinstance(view, EnterText) else 0
        return answer

    @property
    def touches(self) -> int:
        """Signs that are typed, and a button for each question; the approval is not given at the station."""
        return self.signs + len([name for name in self.names if name != "setup.approve"])

    def _take_code(self, view: Confirm) -> None:
        """Operations scan it, and have it on the page of new stations."""
        assert view.receipt is not None
        address, _, shown = view.receipt.qr.partition("#")
        assert address == "https://localhost/new-stations"
        scanned = dict(parse_qsl(shown))
        code = ClaimCode.parse(scanned["code"])
        if all(row.station != scanned["station"] for row in self.site.people.claims()):
            self.site.people.make_claim(scanned["station"], 24, ("tove", "192.0.2.1"), code)

    def _approves(self, view: Await) -> bool:
        station, key = (str(fact.value) for fact in view.facts[:2])
        assert view.facts[2].value == say("setup.kept.file")
        (row,) = [row for row in self.site.people.claims() if row.station == station]
        assert row.key == key, "both screens show the same key"
        self.keys.append(key)
        if station in self.not_approved:
            return False
        self.site.approve(station)
        return True

    @staticmethod
    def _check(view: View[Any], answer: str) -> None:
        """Whether a person could give it."""
        buttons = [button.value for button in (view.primary, view.side, view.way_out) if button]
        options = [option.value for option in view.options if not option.reason] if isinstance(view, Choose) else []
        typed = isinstance(view, EnterText) and view.at_least <= len(answer) <= view.at_most
        assert typed or answer in (*buttons, *options), (view.name, answer)


class PowerCutError(Exception):
    """The station stops here."""


@dataclass
class Machine:
    """What the assistant reaches, and what was done with it."""

    site: EnrolmentSite
    folder: Path
    results: Sequence[SelfTestResult] = (READER, PRINTER, CABINET)
    wired: tuple[str, ...] = ("end0",)
    network: deque[NetworkError] = field(default_factory=deque)
    enrolment: deque[EstError] = field(default_factory=deque)
    off_s: deque[int | TimeoutError] = field(default_factory=deque)
    paired: deque[str] = field(default_factory=lambda: deque(["paired"]))
    printers: Sequence[UsbPrinter] = (EPSON,)
    untold: bool = False
    scanner: bool = False
    data_fault: DataFault | None = None
    moved: deque[Exception] = field(default_factory=deque)
    recovered: deque[bool] = field(default_factory=deque)
    tried: Callable[[int], None] = lambda count: None
    started_from: str = ""
    plan: SetupPlan = field(default_factory=SetupPlan)
    wrong_plan: str = ""
    destroyed: list[Path] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    told: list[tuple[str, str | None]] = field(default_factory=list)
    applied: list[WiredSection] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    proxies: list[object] = field(default_factory=list)
    enrolled: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "station.toml"

    def interfaces(self) -> tuple[str, ...]:
        if not self.wired:
            raise NetworkError("absent", "there is no NetworkManager on this machine")
        return self.wired

    def apply(self, wired: WiredSection) -> str:
        self.log.append("network")
        if self.network:
            raise self.network.popleft()
        self.applied.append(wired)
        return wired.interface

    def check(self, config: Config, base: Path, wishes: SelfTestOptions) -> Sequence[SelfTestResult]:
        self.log.append("devices")
        for count, result in enumerate(self.results, 1):
            wishes.tell(result)
            self.tried(count)
        return self.results

    def measure(self, config: Config, base: Path, wait_s: float) -> int:
        self.log.append("time")
        off_s = self.off_s.popleft() if self.off_s else 0
        if isinstance(off_s, TimeoutError):
            raise off_s
        return off_s

    def enrol(self, claim: Claim, into: Path, tell: Any, *, proxy: Any, sleep: Sleep) -> EnrolledIdentity:
        self.proxies.append(proxy)
        assert load(self.config).network.servers, "the firewall was told before"
        if self.enrolment:
            raise self.enrolment.popleft()

        def told(shown: KeyShown) -> None:
            tell(shown)
            sleep(0.05)

        try:
            return enrol_by_est(claim, into, FileKey.load_or_make, tell=told, sleep=lambda _seconds: None)
        except EstError as error:
            self.enrolled.append(error.code)
            raise

    async def pair(self, key_file: Path) -> str:
        outcome = self.paired.popleft()
        if outcome == "paired":
            await asyncio.to_thread(key_file.write_text, "{}")
        return outcome

    async def move(self) -> None:
        assert Identity.load(self.folder / "identity"), "the server has taken the station"
        self.log.append("moved")
        raise self.moved.popleft()

    async def recover(self, typed: str) -> bool:
        self.log.append(f"recover {typed}")
        if self.recovered.popleft():
            raise PowerCutError
        return False

    @property
    def installer(self) -> DiskInstaller:
        place = self.folder / f"{self.started_from}p1"
        return DiskInstaller(block_devices, place, self.folder / "install-on", self.folder / "install")

    async def reboot(self) -> None:
        self.log.append("reboot")
        raise PowerCutError

    # the readers, of which two cannot be told apart yet

    def is_untold(self) -> bool:
        return self.untold

    async def connected(self) -> tuple[str, ...]:
        return ("1-1", "1-2")

    async def occupied(self) -> frozenset[str]:
        return frozenset()

    async def next_card(self, among: Collection[str], before: Collection[str]) -> str:
        return "1-2"

    async def emptied(self, place: str) -> None: ...

    async def keep(self, holder: str, administrator: str | None) -> bool:
        self.told.append((holder, administrator))
        return True

    def assistant(self) -> Assistant:
        return Assistant(
            self.plan, self.config, self, self.check, self.measure, lambda shown: None, enrolment=self.enrol
        )

    async def set_up(self, installer: Installer) -> str:
        @asynccontextmanager
        async def released() -> AsyncIterator[None]:
            self.log.append("released")
            yield
            self.log.append("heard again")

        async def no_pause(_seconds: float) -> None:
            await asyncio.sleep(0)

        ports = SetupPorts(
            self.languages.append, (800, 480), lambda: self.printers, lambda config, base: self, self.pair,
            data_fault=self.data_fault, move=self.move, recover=self.recover, scans=self.scanner, released=released,
            pause=no_pause,
            report=lambda code, text: self.log.append(f"{code}: {text}"), installer=self.installer,
            reboot=self.reboot, wrong_plan=self.wrong_plan, destroy_plan=lambda: self.destroyed.append(self.config),
        )  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            setup = TouchSetup(ScreenAsk(installer.show), self.assistant(), ports)
            await set_up(setup)
        return Identity.load(self.folder / "identity").station


@pytest.fixture
def machine(site: EnrolmentSite, tmp_path: Path) -> Machine:
    return Machine(site, tmp_path / "station")


def typing(site: EnrolmentSite, station: str, **more: str | list[str]) -> Answers:
    """The usual answers, with the claim typed."""
    claim = site.claim(station)
    given: Answers = {"setup.server": claim.server.removeprefix("https://"), "setup.station": station}
    code: Answers = {"setup.code": str(claim.code).replace("-", "")}
    return {**USUAL, **given, **code, **{f"setup.{name}": value for name, value in more.items()}}


async def test_a_blank_station_is_set_up_question_by_question(site: EnrolmentSite, machine: Machine) -> None:
    installer = Installer(site, typing(site, "blank"))
    assert await machine.set_up(installer) == "blank"
    busy = [view.name for view in installer.shown if isinstance(view, Busy)]
    assert busy[:2] == ["setup.connecting", "setup.joining"]
    assert installer.names == [
        "setup.language", "setup.network", "setup.server", "setup.station", "setup.code", "setup.approve",
        "setup.which_printer", "setup.cabinet", "setup.tested", "setup.printed_page", "setup.slots", "setup.ready",
    ]  # fmt: skip
    written = load(machine.config)
    assert (written.station.title, written.station.language) == ("blank", "sv")
    assert (written.display.width, written.display.height) == (800, 480)
    assert written.network.servers == (f"localhost:{site.at.port}",)
    assert (written.readers.holder, written.readers.administrator) == ("auto", "auto")
    assert (written.printer.kind, written.printer.vendor, written.printer.product) == ("usb", 0x04B8, 0x0E28)
    assert (written.cabinet.kind, written.cabinet.key) == ("serial", "cabinet.json")
    assert machine.applied == [WiredSection(method="dhcp", interface="end0")]
    assert machine.languages == ["sv"]
    assert Identity.load(machine.folder / "identity").station == "blank"
    assert not is_setup_due(machine.config)


LOST: Answers = {"setup.data_fault": "anew", "setup.data_loss": "next"}


async def test_a_station_whose_volume_was_not_opened_gives_it_up_once_the_server_has_taken_it_anew(
    site: EnrolmentSite, machine: Machine
) -> None:
    answers: Answers = {**typing(site, "lost"), **LOST, "setup.fault": "again"}
    machine.data_fault = "D3"
    before = Installer(site, answers, cut_at="setup.approve")
    with pytest.raises(PowerCutError):
        await machine.set_up(before)
    assert before.names[:3] == ["setup.data_fault", "setup.language", "setup.data_loss"]
    assert "moved" not in machine.log, "nothing is given up before the claim is believed"

    machine.moved = deque([OSError(errno.EIO, "no new volume"), PowerCutError()])
    again = Installer(site, answers)
    with pytest.raises(PowerCutError):
        await machine.set_up(again)
    assert again.names[-3:] == ["setup.fault", "setup.data_fault", "setup.data_loss"], (
        "it was said, and tried once more"
    )
    assert "devices" not in machine.log

    machine.data_fault = None  # the machine has restarted, with what was set up on its new volume
    after = Installer(site, answers)
    assert await machine.set_up(after) == "lost"
    assert after.names[0] == "setup.which_printer"


async def test_a_recovery_key_opens_the_volume_or_leads_back(site: EnrolmentSite, machine: Machine) -> None:
    machine.data_fault = "D3"
    machine.recovered = deque([False, True])
    installer = Installer(site, {"setup.data_fault": "key", "setup.language": "sv", "setup.wrong_key": "again",
                                 "setup.recovery_key": ["back", "0123456789ABCDEFGHJK", "ZZZZ456789ABCDEFGHJK"]})  # fmt: skip
    with pytest.raises(PowerCutError):
        await machine.set_up(installer)
    assert installer.names == [
        "setup.data_fault", "setup.language", "setup.recovery_key", "setup.data_fault", "setup.recovery_key", "setup.wrong_key",
        "setup.data_fault", "setup.recovery_key",
    ]  # fmt: skip
    assert machine.log == ["recover 0123456789ABCDEFGHJK", "recover ZZZZ456789ABCDEFGHJK"]
    assert not machine.applied


async def test_root_finds_the_recovery_key_that_was_typed_while_it_looks_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "recovery-key"
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\ncp -p {file} {tmp_path}/seen; exit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    assert not await recover("o123-4567-89ab-cdef-ghjk", file)
    assert (tmp_path / "seen").read_text() == "0123456789ABCDEFGHJK"
    assert (tmp_path / "seen").stat().st_mode & 0o777 == 0o600
    assert not file.exists()


@pytest.mark.parametrize("fails", ["reload", "reboot"])
async def test_a_new_volume_that_does_not_come_is_a_fault(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\n[ "$2" != {fails} ]\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    with pytest.raises(OSError, match=f"systemctl {fails}.* ended with 1"):
        await start_anew()


def test_every_reason_why_a_volume_was_not_opened_is_said_in_both_languages_with_its_code() -> None:
    for fault in get_args(DataFault):
        view = views.data_fault(fault)
        for language in ("sv", "en"):
            said = " ".join(Texts.load().plain(text, language) for text in view.lead)
            assert said.count(f"(kod {fault})") == said.count(f"(code {fault})") == 1
            assert "Ring supporten" in said
            assert "Call support" in said


PLACE = {"setup.server": "kortkiosk.region.example", "setup.station": "entre-a"}
"""A server's name and a station's, as long as they are where it is in service: the tests' own server is `localhost` at a port."""
MOST_TOUCHES = 62
"""The touches that an installer is promised, from the first question to the station in service."""


async def test_an_installer_has_few_touches_to_do(site: EnrolmentSite, machine: Machine) -> None:
    answers = typing(site, "entre-a")
    installer = Installer(site, answers)
    await machine.set_up(installer)
    longer = sum(len(place) - len(str(answers[name])) for name, place in PLACE.items())
    touches = installer.touches + longer
    seconds = model_seconds(len(installer.names), installer.signs + longer, 0)
    print(f"set up at the screen, typed: {touches} touches, about {seconds:.0f} s")
    assert touches <= MOST_TOUCHES


async def test_a_scanned_claim_says_server_name_and_code(site: EnrolmentSite, machine: Machine) -> None:
    machine.scanner = True
    answers: Answers = {
        **USUAL,
        "setup.server": ["kortkiosk:nothing", site.claim("scanned").text],
        "setup.not_a_claim": "again",
    }
    installer = Installer(site, answers)
    assert await machine.set_up(installer) == "scanned"
    assert {"setup.station", "setup.code"}.isdisjoint(installer.names)


def join_key(site: EnrolmentSite, stations: int) -> dict[str, str]:
    made = site.people.make_join_key(stations, 7, ("tove", "192.0.2.1"))
    return {"server": made.server, "code": str(made.code)}


PLANNED = {
    "station": {"language": "en", "title": "Ward"},
    "printer": {"kind": "none"},
    "cabinet": {"kind": "none"},
}


async def test_ten_stations_are_set_up_by_their_setup_files(site: EnrolmentSite, tmp_path: Path) -> None:
    claim, seen = join_key(site, 10), ("tested", "slots", "ready")

    async def one(number: int) -> list[str]:
        plan = SetupPlan.model_validate(
            {"claim": {**claim, "station": f"planned-{number}"}, "network": {"method": "dhcp"}, "settings": PLANNED}
        )
        machine = Machine(site, tmp_path / f"{number}", results=(READER,), plan=plan)
        installer = Installer(site, {f"setup.{name}": USUAL[f"setup.{name}"] for name in seen})
        assert await machine.set_up(installer) == f"planned-{number}"
        written = load(machine.config)
        assert (written.station.title, written.station.language) == ("Ward", "en")
        assert written.network.servers == (f"localhost:{site.at.port}",)
        assert (written.display.width, machine.languages) == (800, ["en"])
        assert machine.applied == [WiredSection(method="dhcp")]
        assert machine.destroyed
        return installer.names

    for names in await asyncio.gather(*(one(number) for number in range(10))):
        assert names == ["setup.approve", "setup.tested", "setup.ready"]
    assert site.people.join_keys()[0].used == 10


async def test_one_stick_for_many_asks_each_for_its_name_and_again_where_another_has_it(
    site: EnrolmentSite, tmp_path: Path
) -> None:
    plan = SetupPlan.model_validate({"claim": join_key(site, 5), "settings": PLANNED})
    answers: Answers = {**USUAL, "setup.station": "stick-1"}
    for name, machine in (
        ("stick-1", Machine(site, tmp_path / "1", plan=plan)),
        ("stick-2", Machine(site, tmp_path / "2", plan=plan)),
    ):
        installer = Installer(site, answers)
        assert await machine.set_up(installer) == name
        assert {"setup.server", "setup.code"}.isdisjoint(installer.names)
        answers = {**answers, "setup.station": ["stick-1", "stick-2"], "setup.fault": "again"}
    assert installer.names.count("setup.station") == 2


async def test_a_planned_network_that_does_not_come_up_is_asked(site: EnrolmentSite, machine: Machine) -> None:
    static = {"method": "static", "address": "192.0.2.10/24"}
    machine.plan = SetupPlan.model_validate({"network": static, "claim": {"text": site.claim("wired").text}})
    machine.network = deque([NetworkError("refused", "no carrier")])
    installer = Installer(site, {**USUAL, "setup.fault": "again"})
    assert await machine.set_up(installer) == "wired"
    assert installer.names[:4] == ["setup.language", "setup.fault", "setup.network", "setup.approve"]
    assert machine.applied == [WiredSection(method="dhcp", interface="end0")]


@pytest.mark.parametrize(("code", "asks"), [("unreachable", False), ("used", True)])
async def test_a_planned_claim_is_tried_again_unless_it_is_worth_nothing(
    code: str, asks: bool, site: EnrolmentSite, machine: Machine
) -> None:
    name = f"planned-{code}"
    answers = {**typing(site, name), "setup.fault": "again"}
    planned = {"server": site.url, "station": name, "code": answers["setup.code"]}
    machine.plan = SetupPlan.model_validate({"claim": planned})
    machine.enrolment = deque(EstError(code, "no") for _ in range(REACH_TRIES if code == "unreachable" else 1))
    installer = Installer(site, answers)
    assert await machine.set_up(installer) == name
    assert ("setup.code" in installer.names) is asks


async def test_a_setup_file_with_an_error_is_said_and_a_person_answers(site: EnrolmentSite, machine: Machine) -> None:
    machine.wrong_plan = "setup.toml: claim: write text alone"
    installer = Installer(site, {**typing(site, "wrong-file"), "setup.fault": "again"})
    assert await machine.set_up(installer) == "wrong-file"
    assert installer.names[:2] == ["setup.fault", "setup.language"]
    assert "setup_file: setup.toml: claim: write text alone" in machine.log
    assert machine.destroyed


async def test_a_station_shows_a_code_of_its_own_and_waits_until_operations_have_taken_it(
    site: EnrolmentSite, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touch, "TAKEN_EVERY_S", 0.05)
    server = site.url.removeprefix("https://")
    answers: Answers = {**USUAL, "setup.server": server, "setup.station": "shows", "setup.code": "show"}
    installer = Installer(site, answers)
    assert await machine.set_up(installer) == "shows"
    at = installer.names.index("setup.code")
    assert installer.names[at : at + 3] == ["setup.code", "setup.shown", "setup.approve"]
    assert machine.enrolled[0] == "wrong_code", "it was shown before it was known"


async def test_who_goes_back_from_the_shown_code_types_another(site: EnrolmentSite, machine: Machine) -> None:
    answers = typing(site, "typed-after", code=["show", str(site.claim("typed-then").code).replace("-", "")])
    answers |= {"setup.station": ["typed-after", "typed-then"], "setup.shown": "back"}
    installer = Installer(site, answers, takes_code=False)
    assert await machine.set_up(installer) == "typed-then"
    assert load(machine.config).station.title == "typed-then"


QUESTIONS = ("setup.code", "setup.approve", "setup.tested")
"""All of them on the window itself: `tests/e2e/installed.py`."""


@pytest.mark.parametrize("question", QUESTIONS)
async def test_after_a_power_cut_it_goes_on_and_what_was_answered_is_not_asked_again(
    question: str, site: EnrolmentSite, machine: Machine
) -> None:
    answers = typing(site, f"cut-at-{question.removeprefix('setup.').replace('_', '-')}")
    before, after = Installer(site, answers, cut_at=question), Installer(site, answers)
    with pytest.raises(PowerCutError):
        await machine.set_up(before)
    assert is_setup_due(machine.config)
    await machine.set_up(after)
    again = {"setup.network", "setup.server", "setup.station", "setup.approve", "setup.tested"}
    assert set(before.names) & set(after.names) <= {question, *again}
    assert "setup.language" not in after.names
    if question == "setup.approve":
        assert "setup.code" not in after.names
        assert len(after.keys) == 1, "the same enrolment goes on"


async def test_a_fixed_address_is_typed_and_what_is_none_is_said(site: EnrolmentSite, machine: Machine) -> None:
    machine.wired = ("end0", "end1")
    installer = Installer(
        site,
        typing(
            site, "fixed", network=["static"], interface="end1", address=["192.0.2.10", "192.0.2.10/24"],
            no_address="again", gateway="192.0.2.1", dns=["nowhere", ""],
        ),
    )  # fmt: skip
    await machine.set_up(installer)
    (wired,) = machine.applied
    assert (wired.interface, wired.address, wired.gateway, wired.dns) == ("end1", "192.0.2.10/24", "192.0.2.1", ())
    assert installer.names.count("setup.no_address") == 2


async def test_a_proxy_is_written_before_the_server_is_asked(site: EnrolmentSite, machine: Machine) -> None:
    answers = typing(
        site, "proxied", network=["proxy", "keep"], proxy=["3128", "proxy.example:3128"], no_address="again"
    )
    await machine.set_up(Installer(site, answers))
    assert load(machine.config).network.proxy == "proxy.example:3128"
    assert [str(proxy) for proxy in machine.proxies] == ["Proxy(host='proxy.example', port=3128)"]


async def test_without_network_manager_the_network_stays(site: EnrolmentSite, machine: Machine) -> None:
    machine.wired = ()
    installer = Installer(site, typing(site, "unmanaged", network="keep"))
    await machine.set_up(installer)
    (view,) = [view for view in installer.shown if view.name == "setup.network"]
    assert isinstance(view, Choose)
    assert [option.value for option in view.options if option.reason is None] == ["keep"]
    assert machine.applied == []


async def test_what_fails_is_told_and_asked_again(site: EnrolmentSite, machine: Machine) -> None:
    machine.network.append(NetworkError("refused", "no lease"))
    machine.enrolment.append(EstError("wrong_code", "no such code"))
    machine.off_s.extend([TimeoutError("no way"), 7200])
    machine.results = [NO_PAPER]
    machine.paired = deque(["no_port", "pairing_refused"])
    answers = typing(
        site, "trouble", fault="again", not_paired=["again", "without"], tested=["again", "next"], printed_page="yes"
    )
    installer = Installer(site, answers)
    await machine.set_up(installer)
    faults = [view.title.key for view in installer.shown if view.name in ("setup.fault", "setup.not_paired")]
    assert faults == [
        "setup.fault.no_network", "setup.fault.wrong_code", "setup.not_paired.absent", "setup.not_paired.failed",
        "setup.fault.no_link", "setup.fault.clock",
    ]  # fmt: skip
    assert "setup.printed_page" not in installer.names, "it did not print"
    assert load(machine.config).cabinet.kind == "none"
    assert machine.log.count("devices") == 2


async def test_a_server_that_does_not_answer_at_once_is_asked_again_until_the_firewall_is_open(
    site: EnrolmentSite, machine: Machine
) -> None:
    machine.enrolment.extend([EstError("unreachable", "no route")] * 3)
    installer = Installer(site, typing(site, "slow"))
    await machine.set_up(installer)
    assert "setup.fault" not in installer.names


async def test_who_waits_for_approval_may_take_another_code(site: EnrolmentSite, machine: Machine) -> None:
    first, second = typing(site, "mistaken"), typing(site, "right")
    names = ("setup.server", "setup.station", "setup.code")
    both: Answers = {name: [str(first[name]), str(second[name])] for name in names}
    installer = Installer(site, {**USUAL, **both}, not_approved={"mistaken"})
    assert await machine.set_up(installer) == "right"
    assert len(set(installer.keys)) == 1, "the key is as good as any"


async def test_a_disk_that_does_not_take_the_settings_is_told_and_tried_again(
    site: EnrolmentSite, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = deque([OSError(errno.ENOSPC, "No space left on device")])
    write = files.write_file

    def write_file(path: Path, *how: Any) -> None:
        if full:
            raise full.popleft()
        write(path, *how)

    monkeypatch.setattr("kiosk.first_boot.assistant.files.write_file", write_file)
    installer = Installer(site, typing(site, "full", fault="again"))
    assert await machine.set_up(installer) == "full"
    assert installer.names[:3] == ["setup.language", "setup.fault", "setup.language"]
    assert machine.log[0] == "disk: [Errno 28] No space left on device"


async def test_what_the_screen_hears_is_let_go_while_devices_are_tried(site: EnrolmentSite, machine: Machine) -> None:
    await machine.set_up(Installer(site, typing(site, "let-go")))
    assert machine.log[-4:] == ["released", "devices", "heard again", "time"]


async def test_each_device_is_named_as_soon_as_it_was_tried(site: EnrolmentSite, machine: Machine) -> None:
    installer = Installer(site, typing(site, "one-by-one"))

    def named() -> list[Busy]:
        return [view for view in installer.shown if isinstance(view, Busy) and view.name == "setup.testing"]

    def wait_until_named(count: int) -> None:
        until = time.monotonic() + LIMIT_S
        while len(named()) <= count and time.monotonic() < until:
            time.sleep(0.005)

    machine.results, machine.tried = (READER, NO_PAPER, CABINET), wait_until_named
    await machine.set_up(installer)
    assert [len(view.tasks) for view in named()] == [1, 2, 3, 3]
    assert [task.state for task in named()[-1].tasks] == ["failed", "done", "now"]


async def test_two_readers_are_told_apart_by_a_card(site: EnrolmentSite, machine: Machine) -> None:
    machine.untold = True
    installer = Installer(site, typing(site, "two-readers"))
    await machine.set_up(installer)
    assert {"setup.reader_holder", "setup.reader_holder_out"} <= set(installer.names)
    assert machine.told == [("1-2", "1-1")]


async def test_settings_that_a_person_wrote_stand(site: EnrolmentSite, machine: Machine) -> None:
    machine.folder.mkdir()
    text = f'[station]\ntitle = "By hand"\n[network]\nservers = ["localhost:{site.at.port}"]\n'
    machine.config.write_text(text)
    installer = Installer(site, typing(site, "by-hand"))
    assert await machine.set_up(installer) == "by-hand"
    assert machine.config.read_text() == text
    assert {"setup.language", "setup.which_printer", "setup.cabinet"}.isdisjoint(installer.names)


async def test_the_language_of_an_image_is_asked_for_once(site: EnrolmentSite, machine: Machine) -> None:
    """Its file says nothing of the language, and what is chosen is what counts without a word."""
    machine.folder.mkdir()
    machine.config.write_text("[station]\nassistant = true\n")
    answers = typing(site, "once")
    with pytest.raises(PowerCutError):
        await machine.set_up(Installer(site, answers, cut_at="setup.network"))
    await machine.set_up(after := Installer(site, answers))
    assert "setup.language" not in after.names


async def test_a_file_that_asks_for_the_assistant_is_completed(site: EnrolmentSite, machine: Machine) -> None:
    machine.folder.mkdir()
    wanted = {
        "station": {"assistant": True, "title": "Entré A"},
        "network": {"servers": ["updates.example:443"]},
        "printer": {"kind": "network", "host": "printer.example"},
    }
    machine.config.write_text(settings_text(Config.model_validate(wanted)))
    before = load(machine.config)
    answers = typing(site, "completed", tested="next", printed_page="yes")
    await machine.set_up(installer := Installer(site, answers))
    written = load(machine.config)
    assert (written.station.title, written.printer) == ("Entré A", before.printer)
    assert written.network.servers == ("updates.example:443", f"localhost:{site.at.port}")
    assert (written.station.language, written.readers.holder, written.cabinet.kind) == ("sv", "auto", "serial")
    assert "setup.which_printer" not in installer.names


async def test_a_fault_in_a_technicians_words_is_told_to_the_log_and_in_plain_words_on_the_screen(
    site: EnrolmentSite, machine: Machine
) -> None:
    """English words of a library stand on no screen."""
    why = "the server gave no certificate for this station's key"
    machine.enrolment.append(EstError("other", why))
    installer = Installer(site, typing(site, "ostra", fault="again"))
    assert await machine.set_up(installer) == "ostra"
    (view,) = [view for view in installer.shown if view.name == "setup.fault"]
    assert isinstance(view, Tell)
    assert [text.args for text in (view.title, *view.lead, *(point.text for point in view.points))] == [(), ()]
    assert f"other: {why}" in machine.log


async def test_a_keypad_is_tested_by_its_own_name() -> None:
    """It was called a scanner, where the settings name none."""
    keypad = GrabbedKeypad(UsbId.parse("0627:0001"), list)
    [tried] = await check_devices(Devices(keypads=(keypad,)), SelfTestOptions())
    [point] = views.tested([tried]).points
    assert Texts.load().plain(point.text, "sv").startswith("Knappsats: ")


def block_devices() -> str:
    """As lsblk tells the station of a machine with a disk of Windows, an empty one, a small one and a stick; not where the root
    lies."""
    disks = {
        "nvme0n1": ("nvme", 250, "ntfs"),
        "sda": ("sata", 120, None),
        "mmcblk0": (None, 2, None),
        "sdb": ("usb", 32, "vfat"),
    }
    empty = {"tran": None, "model": None, "partlabel": None, "label": None, "fstype": None}
    rows = []
    for name, (tran, gigabytes, fstype) in disks.items():
        part = {**empty, "name": f"{name}p1", "type": "part", "fstype": fstype}
        rows.append(
            {**empty, "name": name, "type": "disk", "tran": tran, "size": gigabytes * 10**9, "children": [part]}
        )
    return json.dumps({"blockdevices": rows})


def write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n")


async def made_up_service(installer: DiskInstaller, ends: Sequence[str]) -> list[str]:
    """Root's, which takes each request and ends it so; gives the disks that were asked for."""
    asked = []
    for end in ends:
        while not installer.request.exists():  # noqa: ASYNC110  # as the path's unit does
            await asyncio.sleep(0.001)
        asked.append(installer.request.read_text())
        write(installer.state_file, "writing")
        installer.request.unlink()
        await asyncio.sleep(0)
        write(installer.state_file, end)
    return asked


async def test_from_a_stick_the_system_goes_to_the_chosen_disk(site: EnrolmentSite, machine: Machine) -> None:
    machine.started_from = "sdb"
    answers: Answers = {"disk": "sda", "erase": ["no", "yes"], "not_installed": "again", "installed": "restart"}
    installer = Installer(site, {**USUAL, **{f"setup.{name}": answer for name, answer in answers.items()}})
    service = asyncio.create_task(made_up_service(machine.installer, ["failed", "done"]))
    with pytest.raises(PowerCutError):
        await machine.set_up(installer)
    assert await service == ["sda", "sda"]
    choice = next(view for view in installer.shown if isinstance(view, Choose) and view.name == "setup.disk")
    assert [(option.value, option.detail) for option in choice.options] == [
        ("nvme0n1", say("setup.disk.holds", names="ntfs")),
        ("sda", say("setup.disk.empty")),
        ("stay", say("setup.disk.stay.detail")),
    ]
    asked = [name.removeprefix("setup.") for name in installer.names]
    assert asked == ["language", *["disk", "erase"] * 2, "not_installed", "disk", "erase", "installed"]
    assert machine.log == ["install: the system could not be written to sda", "reboot"]


@pytest.mark.parametrize("disk", ["nvme0n1", ""])
def test_a_machine_that_runs_from_no_stick_offers_no_disk(disk: str, machine: Machine) -> None:
    machine.started_from = disk
    assert machine.installer.disks() == ()
