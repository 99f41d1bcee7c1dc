"""Setup assistant: settings, network, claim, devices and time, one after the other, each done once.

Rules:
- What is finished is noted in the station's data folder after each step, with a digest of what the step was told. Who starts
  again, after a power cut or a fault, goes on at the first step that is not finished or was told something else.
- `station.toml` and identity are never overwritten.
- A step that fails ends the run; what it says is for the installer.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from functools import partial
from pathlib import Path

from fleet.agent.identity import Identity, IdentityError, staging
from fleet.messages.vocabulary import DeviceKind
from kiosk.config import Config, load
from kiosk.first_boot.network_manager import Network, NetworkError
from kiosk.first_boot.plan import ClaimSection, SetupPlan, settings_text
from kiosk.station.self_test import SelfTestOptions, SelfTestResult
from provisioning import files
from provisioning.claim import ClaimRefused
from provisioning.est.claim_codes import Claim
from provisioning.est.client import EnrolledIdentity, EstError, FileKey, KeyShown, claim_under_way, enrol
from provisioning.keys.station_keys import best_kind

PROGRESS = "setup.json"
"""In the station's data folder: digests of finished steps."""

Details = Mapping[str, str | int | bool | None]
Enrolment = Callable[[Claim, Path, Callable[[KeyShown], None]], EnrolledIdentity]
DeviceCheck = Callable[[Config, Path, SelfTestOptions], Sequence[SelfTestResult]]
ClockMeasure = Callable[[Config, Path, float], int]


@unique
class Step(StrEnum):
    """In their order."""

    SETTINGS = "settings"
    NETWORK = "network"
    CLAIM = "claim"
    DEVICES = "devices"
    TIME = "time"


@unique
class StepOutcome(StrEnum):
    """How a step ended, or goes on. `kept`: it was finished before; `ready`: the last one is finished."""

    DONE = "done"
    KEPT = "kept"
    SKIPPED = "skipped"
    WAITING = "waiting"
    FAILED = "failed"
    READY = "ready"


@unique
class Fault(StrEnum):
    """Whose fault it is that a step failed."""

    INPUT = "input"
    REFUSED = "refused"
    DEVICE = "device"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended. `devices`: as each was found."""

    step: Step
    outcome: StepOutcome
    text: str
    details: Details = field(default_factory=dict)
    devices: tuple[SelfTestResult, ...] = ()


class StepFailedError(Exception):
    """A step failed. `code` is stable; the text says what to do."""

    def __init__(self, step: Step, fault: Fault, code: str, text: str) -> None:
        super().__init__(text)
        self.step, self.fault, self.code = step, fault, code


def enrol_over_network(claim: Claim, into: Path, tell: Callable[[KeyShown], None]) -> EnrolledIdentity:
    """With the safest key that this machine has. Raises EstError, IdentityError, ValueError, OSError."""
    return enrol(claim, into, partial(FileKey.load_or_make, kind=best_kind()), tell=tell)


EST_FAULTS = {
    "bad_address": Fault.INPUT, "unreachable": Fault.DEVICE, "bad_answer": Fault.DEVICE, "timed_out": Fault.TIMEOUT,
}  # fmt: skip
"""Faults by why enrolment went no further; REFUSED where none is named."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """One run for the station whose settings are, or will be, in the file `config`.

    Args:
        measure: gives by how many seconds the machine's clock is ahead of the server's, from its signed time.
        tell: called with what is to be compared on the dashboard, each time that approval is waited for.
        ask: asks a person for the claim, where the plan has none; None where nobody is there.
    """

    plan: SetupPlan
    config: Path
    network: Network
    check: DeviceCheck
    measure: ClockMeasure
    tell: Callable[[KeyShown], None]
    ask: Callable[[], Claim | None] = lambda: None
    enrolment: Enrolment = enrol_over_network

    def steps(self) -> Iterator[StepResult]:
        """Do one step after the other, and give how each ended. Raises StepFailedError, ConfigError, OSError."""
        yield self._settings()
        config, base = load(self.config), self.config.resolve().parent
        done = _Progress(base / config.station.data / PROGRESS)
        plan, text = self.plan, self.config.read_text("utf-8")
        yield done.once(Step.NETWORK, plan.network.model_dump_json(), self._wired)
        yield self._claim(base / config.station.identity)
        told = plan.devices.model_dump_json() + text
        yield done.once(Step.DEVICES, told, lambda: self._devices(config, base))
        identity = Identity.load(base / config.station.identity)
        told = f"{plan.time.model_dump_json()} {identity.station} {identity.epoch}"
        yield done.once(Step.TIME, told, lambda: self._time(config, base))

    def _settings(self) -> StepResult:
        settings = self.plan.settings
        if self.config.exists():
            if settings is not None and load(self.config) != settings:
                text = f"{self.config} is there already and says something else: take [settings] out, or move it away"
                raise StepFailedError(Step.SETTINGS, Fault.INPUT, "other_settings", text)
            return StepResult(Step.SETTINGS, StepOutcome.KEPT, f"{self.config} is there")
        if settings is None:
            text = f"there is no {self.config}, and the setup file has no [settings] to write it from"
            raise StepFailedError(Step.SETTINGS, Fault.INPUT, "no_settings", text)
        self.config.resolve().parent.mkdir(files.DIRECTORY, parents=True, exist_ok=True)
        files.write_file(self.config, settings_text(settings).encode())
        return StepResult(Step.SETTINGS, StepOutcome.DONE, f"{self.config} is written")

    def _wired(self) -> StepResult:
        wired = self.plan.network
        if wired.method == "keep":
            return StepResult(Step.NETWORK, StepOutcome.SKIPPED, "the network stays as the machine has it")
        try:
            interface = self.network.apply(wired)
        except NetworkError as error:
            if error.code == "absent":
                return StepResult(
                    Step.NETWORK, StepOutcome.SKIPPED, f"{error}: the network stays as the machine has it"
                )
            fault = Fault.INPUT if error.code == "which_interface" else Fault.DEVICE
            raise StepFailedError(Step.NETWORK, fault, error.code, str(error)) from None
        how = wired.address or "an address by DHCP"
        return StepResult(Step.NETWORK, StepOutcome.DONE, f"{interface} has {how}", {"interface": interface})

    def _claim(self, into: Path) -> StepResult:
        claim = self.plan.claim.claim
        try:
            if (identity := _identity(into)) is not None:
                shutil.rmtree(staging(into), ignore_errors=True)
                return _kept_identity(identity, self.plan.claim)
            chosen = claim or claim_under_way(into) or self.ask()
            if chosen is None:
                text = (
                    "there is no claim: make one on the dashboard, under New stations, and write it into the setup file"
                )
                raise StepFailedError(Step.CLAIM, Fault.INPUT, "no_claim", text)
            enrolled = self.enrolment(chosen, into, self.tell)
        except ClaimRefused as error:
            raise StepFailedError(Step.CLAIM, Fault.INPUT, "no_claim", str(error)) from None
        except EstError as error:
            fault = EST_FAULTS.get(error.code, Fault.REFUSED)
            raise StepFailedError(Step.CLAIM, fault, error.code, str(error)) from None
        except (IdentityError, ValueError) as error:
            raise StepFailedError(Step.CLAIM, Fault.DEVICE, "identity", str(error)) from None
        off_s = round(enrolled.clock_off.total_seconds())
        late = f"; {_clock_words(off_s)}" if abs(off_s) > self.plan.time.most_off_s else ""
        details = {**_stated(enrolled.identity), "clock_off_s": off_s}
        return StepResult(Step.CLAIM, StepOutcome.DONE, f"this station is {enrolled.identity.station}{late}", details)

    def _devices(self, config: Config, base: Path) -> StepResult:
        wanted = self.plan.devices
        results = tuple(self.check(config, base, SelfTestOptions(thorough=True, print_page=wanted.test_page)))
        faults = [f"{result.name}: {result.text}" for result in results if not result.ok]
        counted = next((result.details.get("slots") for result in results if result.kind is DeviceKind.CABINET), None)
        if wanted.slots is not None and counted != wanted.slots:
            seen = "none can be counted" if counted is None else f"{counted} are there"
            faults.append(f"{wanted.slots} slots are to be there, and {seen}: look for cables, or mend the setup file")
        if faults and not wanted.accept_faults:
            raise StepFailedError(Step.DEVICES, Fault.DEVICE, "device_fault", "; ".join(faults))
        well = sum(result.ok for result in results)
        text = "; ".join([f"{well} of {len(results)} devices work", *faults])
        return StepResult(Step.DEVICES, StepOutcome.DONE, text, {"slots": counted}, results)

    def _time(self, config: Config, base: Path) -> StepResult:
        wanted = self.plan.time
        try:
            off_s = self.measure(config, base, wanted.wait_s)
        except TimeoutError as error:
            raise StepFailedError(Step.TIME, Fault.TIMEOUT, "no_link", str(error)) from None
        if abs(off_s) > wanted.most_off_s:
            advice = "name a time server that it reaches: `time` of [network] in station.toml"
            raise StepFailedError(Step.TIME, Fault.DEVICE, "clock", f"{_clock_words(off_s)}: {advice}")
        text = f"the server answers, and the clock is right to {wanted.most_off_s} s"
        return StepResult(Step.TIME, StepOutcome.DONE, text, {"clock_off_s": off_s})


def _identity(into: Path) -> Identity | None:
    """None where the station has none. Raises IdentityError where it has one that is damaged."""
    return Identity.load(into) if into.is_dir() and any(into.iterdir()) else None


def _kept_identity(identity: Identity, section: ClaimSection) -> StepResult:
    claim = section.claim
    if claim is not None and claim.station != identity.station:
        text = f"this station is {identity.station} already, not {claim.station}: `kortkiosk reset` forgets it"
        raise StepFailedError(Step.CLAIM, Fault.REFUSED, "other_station", text)
    return StepResult(Step.CLAIM, StepOutcome.KEPT, f"this station is {identity.station}", _stated(identity))


def _stated(identity: Identity) -> Details:
    return {"station": identity.station, "epoch": identity.epoch}


def _clock_words(off_s: int) -> str:
    return f"this machine's clock is {abs(off_s)} s {'ahead' if off_s > 0 else 'behind'}"


class _Progress:
    """Which steps are finished, and what each had been told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def once(self, step: Step, told: str, work: Callable[[], StepResult]) -> StepResult:
        """Do it, unless it was done with the same words."""
        digest = hashlib.sha256(told.encode()).hexdigest()
        finished = self._finished()
        if finished.get(step) == digest:
            return StepResult(step, StepOutcome.KEPT, "it was done before")
        result = work()
        if result.outcome is StepOutcome.DONE:
            self._path.parent.mkdir(files.DIRECTORY, parents=True, exist_ok=True)
            files.write_json(self._path, {**finished, step: digest})
        return result

    def _finished(self) -> dict[str, object]:
        """Nothing where the file is not what was written: then all is done again, which does no harm."""
        try:
            content = files.read_json(self._path, {})
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
