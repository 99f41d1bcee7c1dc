"""Setup assistant: settings, network, claim, devices and time, one after the other, each done once.

Rules:
- What is finished is noted in the station's data folder after each step, with a digest of what the step was told. Who starts
  again, after a power cut or a fault, goes on at the first step that is not finished or was told something else.
- `station.toml` is written anew as long as it is what was written here and the setup is not finished, or asks for the assistant
  and there is no identity; other files that a person wrote, or changed, are never touched, nor is an identity.
- The setup is under way from its first step until its last: so the station's program knows that the assistant has to go on.
- A step that fails ends the run; what it says is for the installer.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fleet.agent.identity import KEY_FILE, Identity, IdentityError, staging
from fleet.agent.proxy import Proxy
from fleet.messages.vocabulary import DeviceKind
from kiosk.config import Config, load
from kiosk.first_boot.network_manager import Network, NetworkError
from kiosk.first_boot.plan import ClaimSection, ClockSection, DevicesSection, SetupPlan, WiredSection, settings_text
from kiosk.first_boot.progress import WRITTEN, Progress, is_vacant
from kiosk.station.self_test import SelfTestOptions, SelfTestResult
from provisioning import files
from provisioning.claim import ClaimRefused
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import (
    EnrolledIdentity,
    EstError,
    FileKey,
    KeyShown,
    claim_under_way,
    enrol,
    forget_claim,
    offered_authority,
)
from provisioning.keys.station_keys import best_kind, kept_kind
from provisioning.keys.storage import Kind

Details = Mapping[str, str | int | bool | None]
DeviceCheck = Callable[[Config, Path, SelfTestOptions], Sequence[SelfTestResult]]
ClockMeasure = Callable[[Config, Path, float], int]
Sleep = Callable[[float], Any]


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
    """Outcome of a step, so far. `kept`: it was finished before; `ready`: the last one is finished."""

    DONE = "done"
    KEPT = "kept"
    SKIPPED = "skipped"
    WAITING = "waiting"
    FAILED = "failed"
    READY = "ready"


@unique
class Fault(StrEnum):
    """Cause of a step's failure."""

    INPUT = "input"
    REFUSED = "refused"
    DEVICE = "device"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of a step. `devices`: as each was found."""

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


class Enrolment(Protocol):
    """Function that turns a claim into an identity: see `enrol_over_network`."""

    def __call__(
        self, claim: Claim, into: Path, tell: Callable[[KeyShown], None], *, proxy: Proxy | None, sleep: Sleep
    ) -> EnrolledIdentity: ...


def enrol_over_network(
    claim: Claim, into: Path, tell: Callable[[KeyShown], None], *, proxy: Proxy | None, sleep: Sleep
) -> EnrolledIdentity:
    """With the safest key that this machine has. Raises EstError, IdentityError, ValueError, OSError."""
    keys = partial(FileKey.load_or_make, kind=best_kind())
    return enrol(claim, into, keys, tell=tell, proxy=proxy, sleep=sleep)


EST_FAULTS = {
    "bad_address": Fault.INPUT, "unreachable": Fault.DEVICE, "bad_answer": Fault.DEVICE, "timed_out": Fault.TIMEOUT,
}  # fmt: skip
"""Faults by why enrolment went no further; REFUSED where none is named."""


def _claim_failed(error: EstError) -> StepFailedError:
    return StepFailedError(Step.CLAIM, EST_FAULTS.get(error.code, Fault.REFUSED), error.code, str(error))


@dataclass(frozen=True, slots=True)
class Assistant:
    """One run for the station whose settings are, or will be, in the file `config`.

    Args:
        measure: gives by how many seconds the machine's clock is ahead of the server's, from its signed time.
        tell: called with what is to be compared on the dashboard, each time that approval is waited for.
        sleep: waits so many seconds between two tries; what it raises ends the enrolment.
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
    sleep: Sleep = time.sleep

    def steps(self) -> Iterator[StepResult]:
        """Do one step after the other, as the plan says, and give how each ended.

        Raises StepFailedError, ConfigError, OSError.
        """
        plan = self.plan
        yield self.write_settings(plan.settings)
        yield self.set_up_network(plan.network)
        yield self.claim(plan.claim)
        yield self.try_devices(plan.devices)
        yield self.compare_time(plan.time)
        self.finish()

    @property
    def may_write(self) -> bool:
        """True where `station.toml` is not there, asks for the assistant, or is as it was written here."""
        if not self.config.exists():
            return True
        if load(self.config).station.assistant and is_vacant(self._identity_folder):
            return True
        return self._progress.is_finished(WRITTEN, self.config.read_text("utf-8"))

    def is_finished(self, step: Step) -> bool:
        return self.config.exists() and step in self._progress.finished()

    def write_settings(self, settings: Config | None, *, in_words: bool = False) -> StepResult:
        """Write `station.toml`; `in_words`: also where it means the same by what it leaves out.

        Raises StepFailedError where somebody else's says something else, ConfigError, OSError.
        """
        if self.config.exists() and (settings is None or (not in_words and load(self.config) == settings)):
            return StepResult(Step.SETTINGS, StepOutcome.KEPT, f"{self.config} is there")
        if settings is None:
            text = f"there is no {self.config}, and the setup file has no [settings] to write it from"
            raise StepFailedError(Step.SETTINGS, Fault.INPUT, "no_settings", text)
        if not self.may_write:
            text = f"{self.config} is there already and says something else: take [settings] out, or move it away"
            raise StepFailedError(Step.SETTINGS, Fault.INPUT, "other_settings", text)
        self.config.resolve().parent.mkdir(files.DIRECTORY, parents=True, exist_ok=True)
        text = settings_text(settings)
        Progress.of(self.config, settings).note(WRITTEN, text)
        files.write_file(self.config, text.encode())
        return StepResult(Step.SETTINGS, StepOutcome.DONE, f"{self.config} is written")

    def set_up_network(self, wired: WiredSection) -> StepResult:
        """Raises StepFailedError, ConfigError, OSError."""
        return self._once(Step.NETWORK, wired.model_dump_json(), lambda: self._wired(wired))

    def _wired(self, wired: WiredSection) -> StepResult:
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

    @property
    def claim_under_way(self) -> Claim | None:
        """The claim of an enrolment that was cut off."""
        return claim_under_way(self._identity_folder)

    @property
    def key_kind(self) -> Kind | None:
        """Kind of storage of the key for which approval is waited."""
        return kept_kind(staging(self._identity_folder) / KEY_FILE)

    def forget_claim(self) -> None:
        """Another one is to be asked for. Raises ConfigError, OSError."""
        forget_claim(self._identity_folder)

    @property
    def identity(self) -> Identity | None:
        """Identity that enrolment wrote. Raises IdentityError where it is damaged."""
        return _identity(self._identity_folder)

    def claim(self, section: ClaimSection) -> StepResult:
        """Enrol. Raises StepFailedError, ConfigError, OSError."""
        claim, into = section.claim, self._identity_folder
        try:
            if (identity := self.identity) is not None:
                shutil.rmtree(staging(into), ignore_errors=True)
                return _kept_identity(identity, section)
            chosen = claim or claim_under_way(into) or self.ask()
            if chosen is None:
                text = (
                    "there is no claim: make one on the dashboard, under New stations, and write it into the setup file"
                )
                raise StepFailedError(Step.CLAIM, Fault.INPUT, "no_claim", text)
            proxy = Proxy.at(load(self.config).network.proxy_server)
            enrolled = self.enrolment(chosen, into, self.tell, proxy=proxy, sleep=self.sleep)
        except ClaimRefused as error:
            raise StepFailedError(Step.CLAIM, Fault.INPUT, "no_claim", str(error)) from None
        except EstError as error:
            raise _claim_failed(error) from None
        except (IdentityError, ValueError) as error:
            raise StepFailedError(Step.CLAIM, Fault.DEVICE, "identity", str(error)) from None
        off_s = round(enrolled.clock_off.total_seconds())
        late = f"; {_clock_words(off_s)}" if abs(off_s) > self.plan.time.most_off_s else ""
        details = {**_stated(enrolled.identity), "clock_off_s": off_s}
        return StepResult(Step.CLAIM, StepOutcome.DONE, f"this station is {enrolled.identity.station}{late}", details)

    def new_claim(self, server: str, station: str) -> Claim:
        """A claim whose code is made here, for the authority that the server shows; an operator makes it good there.

        Raises StepFailedError, ConfigError.
        """
        try:
            authority = offered_authority(server, Proxy.at(load(self.config).network.proxy_server))
        except EstError as error:
            raise _claim_failed(error) from None
        return Claim(server, station, ClaimCode.make(authority))

    def try_devices(self, section: DevicesSection) -> StepResult:
        """Raises StepFailedError, ConfigError, OSError."""
        return self._once(
            Step.DEVICES, self._told_of_devices(section), lambda: judge_devices(self.device_results(section), section)
        )

    def device_results(
        self, section: DevicesSection, tell: Callable[[SelfTestResult], None] = lambda result: None
    ) -> tuple[SelfTestResult, ...]:
        """Every device, tried. `tell`: told of each as soon as it was."""
        options = SelfTestOptions(thorough=True, print_page=section.test_page, tell=tell)
        return tuple(self.check(load(self.config), self.folder, options))

    def accept_devices(self, section: DevicesSection) -> None:
        """A person has seen how they are: the step is finished."""
        self._progress.note(Step.DEVICES, self._told_of_devices(section))

    def _told_of_devices(self, section: DevicesSection) -> str:
        return section.model_dump_json() + self.config.read_text("utf-8")

    def compare_time(self, section: ClockSection) -> StepResult:
        """Raises StepFailedError, ConfigError, OSError."""
        identity = Identity.load(self._identity_folder)
        inputs = f"{section.model_dump_json()} {identity.station} {identity.epoch}"
        return self._once(Step.TIME, inputs, lambda: self._time(section))

    def _time(self, section: ClockSection) -> StepResult:
        try:
            off_s = self.measure(load(self.config), self.folder, section.wait_s)
        except TimeoutError as error:
            raise StepFailedError(Step.TIME, Fault.TIMEOUT, "no_link", str(error)) from None
        if abs(off_s) > section.most_off_s:
            advice = "name a time server that it reaches: `time` of [network] in station.toml"
            raise StepFailedError(Step.TIME, Fault.DEVICE, "clock", f"{_clock_words(off_s)}: {advice}")
        text = f"the server answers, and the clock is right to {section.most_off_s} s"
        return StepResult(Step.TIME, StepOutcome.DONE, text, {"clock_off_s": off_s})

    def finish(self) -> None:
        """The setup is over: `station.toml` is a person's from now on. Raises ConfigError, OSError."""
        self._progress.forget(WRITTEN)

    @property
    def folder(self) -> Path:
        """Paths of the settings are relative to it."""
        return self.config.resolve().parent

    @property
    def _identity_folder(self) -> Path:
        return self.folder / load(self.config).station.identity

    @property
    def _progress(self) -> Progress:
        return Progress.of(self.config, load(self.config))

    def _once(self, step: Step, inputs: str, work: Callable[[], StepResult]) -> StepResult:
        """Do it, unless it was done with the same words."""
        if self._progress.is_finished(step, inputs):
            return StepResult(step, StepOutcome.KEPT, "it was done before")
        result = work()
        if result.outcome is StepOutcome.DONE:
            self._progress.note(step, inputs)
        return result


def judge_devices(results: tuple[SelfTestResult, ...], section: DevicesSection) -> StepResult:
    """Return the step's result from the devices' tests. Raises StepFailedError where a fault is not accepted."""
    faults = [f"{result.name}: {result.text}" for result in results if not result.ok]
    counted = slots_counted(results)
    if section.slots is not None and counted != section.slots:
        seen = "none can be counted" if counted is None else f"{counted} are there"
        faults.append(f"{section.slots} slots are to be there, and {seen}: look for cables, or mend the setup file")
    if faults and not section.accept_faults:
        raise StepFailedError(Step.DEVICES, Fault.DEVICE, "device_fault", "; ".join(faults))
    well = sum(result.ok for result in results)
    text = "; ".join([f"{well} of {len(results)} devices work", *faults])
    return StepResult(Step.DEVICES, StepOutcome.DONE, text, {"slots": counted}, results)


def slots_counted(results: Sequence[SelfTestResult]) -> int | None:
    """Return the number of slots that the cabinet reports; None where there is no cabinet, or it does not answer."""
    counted = next((result.details.get("slots") for result in results if result.kind is DeviceKind.CABINET), None)
    return counted if isinstance(counted, int) else None


def _identity(into: Path) -> Identity | None:
    """None where the station has none. Raises IdentityError where it has one that is damaged."""
    return None if is_vacant(into) else Identity.load(into)


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
