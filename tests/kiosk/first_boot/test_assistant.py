"""The assistant: each step once, on from where it was stopped, never over what is there; and what fails says what to do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.agent.identity import Broker, Identity, staging
from fleet.agent.proxy import Proxy
from fleet.messages.vocabulary import DeviceKind
from kiosk.config import Config, ConfigError, load
from kiosk.first_boot.assistant import Assistant, Fault, Sleep, Step, StepFailedError, StepResult
from kiosk.first_boot.network_manager import NetworkError
from kiosk.first_boot.plan import ClaimSection, DevicesSection, SetupPlan, WiredSection
from kiosk.first_boot.progress import PROGRESS, is_setup_due
from kiosk.station.self_test import SelfTestOptions, SelfTestResult
from provisioning.authority import Authority
from provisioning.enrol import enrol
from provisioning.est.claim_codes import Claim
from provisioning.est.client import EnrolledIdentity, EstError, FileKey, KeyShown
from provisioning.est.client import enrol as enrol_by_est
from tests.fakes.server.enrolling import EnrolmentSite, enrolment_site
from tests.provisioning.conftest import stopped_at

CLAIM = ClaimSection(server="https://fleet.example:8443", station="entre-a", code="0123-4567-89AB-CDEF-GHJK")
SETTINGS = Config.model_validate({"station": {"title": "Entré A"}})
PLAN = SetupPlan(claim=CLAIM, network=WiredSection(method="dhcp"), settings=SETTINGS)
KEPT = {Step.SETTINGS: "kept", Step.NETWORK: "kept", Step.CLAIM: "kept", Step.DEVICES: "kept", Step.TIME: "kept"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.init(tmp_path_factory.mktemp("authority"), [], datetime.now(UTC))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentSite]:
    with enrolment_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@dataclass
class Machine:
    """What the assistant reaches, and what was done with it."""

    folder: Path
    authority: Authority
    results: Sequence[SelfTestResult] = ()
    off_s: int = 0
    network: NetworkError | None = None
    enrolment: EstError | None = None
    log: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "station.toml"

    def apply(self, wired: WiredSection) -> str:
        self.log.append("network")
        if self.network is not None:
            raise self.network
        return "end0"

    def check(self, config: Config, base: Path, wishes: SelfTestOptions) -> Sequence[SelfTestResult]:
        self.log.append("devices")
        return self.results

    def measure(self, config: Config, base: Path, wait_s: float) -> int:
        self.log.append("time")
        return self.off_s

    def enrol(
        self, claim: Claim, into: Path, tell: Callable[[KeyShown], None], *, proxy: Proxy | None, sleep: Sleep
    ) -> EnrolledIdentity:
        self.log.append("claim")
        if self.enrolment is not None:
            raise self.enrolment
        now = datetime.now(UTC)
        code = self.authority.claim(claim.station, now)
        identity = enrol(self.authority, into, Broker("localhost", 8883), code, now)
        return EnrolledIdentity(identity, timedelta(seconds=self.off_s))

    def assistant(self, plan: SetupPlan = PLAN) -> Assistant:
        return Assistant(plan, self.config, self, self.check, self.measure, lambda shown: None, enrolment=self.enrol)

    def run(self, plan: SetupPlan = PLAN) -> dict[Step, str]:
        return {result.step: result.outcome for result in self.assistant(plan).steps()}

    def failure(self, plan: SetupPlan = PLAN) -> StepFailedError:
        with pytest.raises(StepFailedError) as caught:
            self.run(plan)
        return caught.value


@pytest.fixture
def machine(tmp_path: Path, authority: Authority) -> Machine:
    return Machine(tmp_path / "station", authority)


def test_each_step_is_done_once(machine: Machine) -> None:
    assert set(machine.run().values()) == {"done"}
    assert load(machine.config) == SETTINGS
    assert machine.run() == KEPT
    assert machine.log == ["network", "claim", "devices", "time"]


def test_a_step_that_is_told_something_else_is_done_again(machine: Machine) -> None:
    machine.run()
    machine.log.clear()
    changed = PLAN.model_copy(update={"devices": DevicesSection(test_page=False)})
    assert machine.run(changed) == {**KEPT, Step.DEVICES: "done"}
    machine.config.write_text('[station]\ntitle = "Entré B"\n')
    assert machine.run(changed.model_copy(update={"settings": None})) == {**KEPT, Step.DEVICES: "done"}
    assert machine.log == ["devices", "devices"]


def test_progress_that_cannot_be_read_costs_a_second_look_and_nothing_else(machine: Machine) -> None:
    machine.run()
    for content in ("[]", "{", '"done"'):
        (machine.folder / "data" / PROGRESS).write_text(content)
        assert machine.run() == {**KEPT, Step.NETWORK: "done", Step.DEVICES: "done", Step.TIME: "done"}
    assert machine.log.count("claim") == 1


def test_settings_and_identity_are_never_overwritten(machine: Machine) -> None:
    machine.run()
    other = PLAN.model_copy(update={"settings": Config.model_validate({"station": {"title": "Elsewhere"}})})
    failed = machine.failure(other)
    assert (failed.step, failed.fault, failed.code) == (Step.SETTINGS, Fault.INPUT, "other_settings")
    failed = machine.failure(PLAN.model_copy(update={"claim": CLAIM.model_copy(update={"station": "entre-b"})}))
    assert (failed.step, failed.fault, failed.code) == (Step.CLAIM, Fault.REFUSED, "other_station")
    assert load(machine.config) == SETTINGS
    assert Identity.load(machine.folder / "identity").station == "entre-a"


def test_settings_that_were_written_here_may_be_mended_until_the_setup_is_finished(machine: Machine) -> None:
    machine.enrolment = EstError("unreachable", "no route")
    machine.failure()
    mended = PLAN.model_copy(
        update={"settings": Config.model_validate({"network": {"servers": ["fleet.example:8443"]}})}
    )
    machine.failure(mended)
    assert load(machine.config) == mended.settings
    assert is_setup_due(machine.config)
    machine.config.write_text('[station]\ntitle = "By hand"\n')
    assert machine.failure(PLAN).code == "other_settings"
    machine.enrolment = None
    machine.run(PLAN.model_copy(update={"settings": None}))
    assert not is_setup_due(machine.config)
    assert not machine.assistant().may_write


def test_a_folder_that_is_there_stays_open_to_whom_it_was(machine: Machine) -> None:
    machine.folder.mkdir(0o755)
    machine.run()
    assert machine.folder.stat().st_mode & 0o777 == 0o755
    assert machine.config.stat().st_mode & 0o777 == 0o600


def test_what_an_enrolment_left_behind_goes_once_the_station_has_its_identity(machine: Machine) -> None:
    machine.run()
    rest = staging(machine.folder / "identity")
    rest.mkdir()
    (rest / "station.key").write_text("a key")
    assert machine.run() == KEPT
    assert not rest.exists()


def test_what_is_missing_in_the_file_is_said(machine: Machine) -> None:
    failed = machine.failure(SetupPlan())
    assert (failed.step, failed.fault, failed.code) == (Step.SETTINGS, Fault.INPUT, "no_settings")
    failed = machine.failure(SetupPlan(settings=SETTINGS))
    assert (failed.step, failed.fault, failed.code) == (Step.CLAIM, Fault.INPUT, "no_claim")
    machine.config.write_text("[station]\nnonsense = 1\n")
    with pytest.raises(ConfigError):
        machine.run(SetupPlan())


def test_a_machine_without_network_manager_keeps_its_network_and_goes_on(machine: Machine) -> None:
    machine.network = NetworkError("absent", "there is no NetworkManager on this machine")
    assert machine.run()[Step.NETWORK] == "skipped"
    assert machine.log[-1] == "time"
    machine.network = None
    assert machine.run() == {**KEPT, Step.NETWORK: "done"}, "it is there now"


FAULTS = [
    ({"network": NetworkError("refused", "no lease")}, Step.NETWORK, Fault.DEVICE, "no lease"),
    ({"network": NetworkError("which_interface", "two")}, Step.NETWORK, Fault.INPUT, "two"),
    ({"enrolment": EstError("unreachable", "no route")}, Step.CLAIM, Fault.DEVICE, "no route"),
    ({"enrolment": EstError("bad_address", "http")}, Step.CLAIM, Fault.INPUT, "http"),
    ({"enrolment": EstError("wrong_code", "no such code")}, Step.CLAIM, Fault.REFUSED, "no such code"),
    ({"enrolment": EstError("timed_out", "nobody")}, Step.CLAIM, Fault.TIMEOUT, "nobody"),
    ({"off_s": 61}, Step.TIME, Fault.DEVICE, "this machine's clock is 61 s ahead: name a time server"),
    ({"off_s": -7200}, Step.TIME, Fault.DEVICE, "this machine's clock is 7200 s behind: name a time server"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "step", "fault", "said"), FAULTS)
def test_a_fault_ends_the_run_and_once_mended_it_goes_on_from_there(
    machine: Machine, wrong: dict[str, object], step: Step, fault: Fault, said: str
) -> None:
    for name, value in wrong.items():
        setattr(machine, name, value)
    failed = machine.failure()
    assert (failed.step, failed.fault) == (step, fault)
    assert said in str(failed)
    machine.network = machine.enrolment = None
    machine.off_s = -60
    machine.log.clear()
    machine.run()
    assert machine.log == ["network", "claim", "devices", "time"][list(Step).index(step) - 1 :]


def test_a_clock_that_is_wrong_enrols_and_is_told_at_once(machine: Machine) -> None:
    machine.off_s = 7200
    steps = machine.assistant().steps()
    claimed = next(result for result in steps if result.step is Step.CLAIM)
    assert claimed.text == "this station is entre-a; this machine's clock is 7200 s ahead"
    assert claimed.details["clock_off_s"] == 7200


def cabinet(slots: int) -> SelfTestResult:
    return SelfTestResult("cabinet", DeviceKind.CABINET, "ready", True, False, "it answers", {"slots": slots})


def test_slots_are_counted_and_a_fault_is_accepted_only_where_the_file_says_so(machine: Machine) -> None:
    wanted = PLAN.model_copy(update={"devices": DevicesSection(slots=24)})
    failed = machine.failure(wanted)
    assert failed.code == "device_fault"
    assert str(failed).startswith("24 slots are to be there, and none can be counted")
    machine.results = [cabinet(22), SelfTestResult("printer", DeviceKind.PRINTER, "mute", False, False, "no answer")]
    failed = machine.failure(wanted)
    assert (failed.fault, failed.step) == (Fault.DEVICE, Step.DEVICES)
    assert str(failed).startswith("printer: no answer; 24 slots are to be there, and 22 are there")
    accepted = PLAN.model_copy(update={"devices": DevicesSection(slots=24, accept_faults=True)})
    (result,) = [result for result in machine.assistant(accepted).steps() if result.step is Step.DEVICES]
    assert result.text.startswith("1 of 2 devices work; printer: no answer; 24 slots")
    assert result.details == {"slots": 22}
    assert [(device.name, device.ok) for device in result.devices] == [("cabinet", True), ("printer", False)]


def test_a_power_cut_at_any_write_is_gone_on_from(
    site: EnrolmentSite, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its first, second, … write, it goes on with what it has, shows the same key, and ends as one station."""
    number = 1
    while True:
        cut = replace(machine, folder=machine.folder / str(number), log=[])
        claim, shown = site.claim(f"cut-{number}"), set[KeyShown]()
        plan = PLAN.model_copy(update={"claim": ClaimSection(text=claim.text)})
        was_cut = stopped_at(number, monkeypatch, lambda: finish(site, cut, plan, shown))  # noqa: B023 called at once
        if was_cut:
            finish(site, cut, plan, shown)
        assert Identity.load(cut.folder / "identity").station == f"cut-{number}"
        assert len(shown) == 1, number
        assert cut.run(plan) == KEPT
        assert max(cut.log.count(name) for name in ("network", "devices", "time")) <= 2
        if not was_cut:
            break
        number += 1
    assert number > 12


def finish(site: EnrolmentSite, machine: Machine, plan: SetupPlan, shown: set[KeyShown]) -> list[StepResult]:
    """To the end, with real enrolment and a person who approves what is shown first."""

    def approve(key: KeyShown) -> None:
        if key not in shown:
            site.approve(key.station)
        shown.add(key)

    def enrolment(
        claim: Claim, into: Path, tell: Callable[[KeyShown], None], *, proxy: Proxy | None, sleep: Sleep
    ) -> EnrolledIdentity:
        return enrol_by_est(claim, into, FileKey.load_or_make, tell=tell, sleep=lambda _seconds: None)

    return list(replace(machine.assistant(plan), tell=approve, enrolment=enrolment).steps())
