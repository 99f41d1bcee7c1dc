"""Command line of the first boot, `kortkiosk setup`: settings, network, claim, devices, time; then the station can be started.

    kortkiosk setup [--config station.toml] [--file setup.toml] [--json]

Without a claim in the file a person at the terminal is asked for it: the QR code is scanned, or its parts are typed.
Says a line for each step, and the key's fingerprint while somebody is to approve it on the dashboard. What is finished is not
done again: after a power cut or a fault, begin it anew. At a station's own screen `kortkiosk run` asks the same. End the station
first. Exit codes: 0 ready; 2 bad input; 3 refused, or the station runs; 4 a device, the network, the clock or the disk; 5 nobody
approved, or no answer in time.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fleet.agent.answer_verification import SyncRefused
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.link import Timing
from fleet.agent.proxy import Proxy
from fleet.agent.store import StoreError
from kiosk.cli import Exit
from kiosk.cli.devices import check_configured
from kiosk.clock import SystemClock
from kiosk.config import Config, ConfigError, load
from kiosk.first_boot.assistant import Assistant, Fault, StepFailedError, StepOutcome, StepResult
from kiosk.first_boot.network_manager import NmcliNetwork
from kiosk.first_boot.plan import SetupPlan, load_plan
from kiosk.station.build_fleet import JoinError, connect, load_identity, lock_folder, open_file, region_listeners
from kiosk.station.reset import finish_erasing
from kiosk.station.self_test import SelfTestOptions, SelfTestResult
from kiosk.station.virtual_devices import CabinetPowerError
from kiosk.station.virtual_plugin import VirtualDevicesError, require
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import KeyShown

EXITS = {
    Fault.INPUT: Exit.BAD_INPUT, Fault.REFUSED: Exit.REFUSED, Fault.DEVICE: Exit.FAULT, Fault.TIMEOUT: Exit.CANCELLED,
}  # fmt: skip


LOOK_EVERY_S = 0.2


async def measure_clock(config: Config, base: Path, wait_s: float, clock: SystemClock | None = None) -> int:
    """By how many seconds the machine's clock is ahead of the server's. Writes no event.

    Raises TimeoutError with what kept the server from answering, JoinError.
    """
    clock, identity = clock or SystemClock(), load_identity(config, base)
    why = "no connection"
    file = await open_file(config, base, "setup", identity)
    try:
        listeners = region_listeners(config, base, clock, lambda: None)
        timing, proxy = Timing(first_s=0.0), Proxy.at(config.network.proxy_server)
        fleet = connect(identity, file, clock, timing, region=listeners, proxy=proxy)
        fleet.link.start()
        try:
            async with asyncio.timeout(wait_s):
                while clock.off_s is None:
                    try:
                        await fleet.issuer.region.refresh()
                    except (LinkDown, AskTimeout, SyncRefused) as error:
                        why = str(error) or why
                        await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            address = f"{identity.broker.host}:{identity.broker.port}"
            raise TimeoutError(f"the fleet server at {address} does not answer over the link ({why})") from None
        finally:
            await fleet.link.stop()
    finally:
        file.close()
    return clock.off_s


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "setup", help="from a blank station to one in service, by a file", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=Path("station.toml"), metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="setup.toml")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes as above."""
    screen = _Output(args.json)
    try:
        plan = load_plan(args.file) if args.file else SetupPlan()
        if args.config.exists():
            _begin(load(args.config), args.config.resolve().parent)
        assistant = make_assistant(args.config, plan, screen.key, _ask_claim)
        for result in assistant.steps():
            screen.step(result)
    except StepFailedError as error:
        return screen.failed(EXITS[error.fault], error.step, error.code, str(error))
    except (ConfigError, VirtualDevicesError) as error:
        return screen.failed(Exit.BAD_INPUT, None, "bad_input", str(error))
    except JoinError as error:
        return screen.failed(Exit.REFUSED if error.code == "running" else Exit.FAULT, None, error.code, str(error))
    except CabinetPowerError as error:
        return screen.failed(Exit.FAULT, None, "cabinet", str(error))
    except StoreError as error:
        return screen.failed(Exit.FAULT, None, "store", str(error))
    except OSError as error:
        return screen.failed(Exit.FAULT, None, "disk", f"{error.filename or 'disk'}: {error.strerror or error}")
    screen.ready()
    return Exit.DONE


def _begin(config: Config, base: Path) -> None:
    """End a reset that was cut off. Raises JoinError where the station runs, OSError."""
    if not finish_erasing(config, base):
        with lock_folder(base / config.station.data):
            pass


def make_assistant(
    config: Path,
    plan: SetupPlan | None = None,
    tell: Callable[[KeyShown], None] = lambda shown: None,
    ask: Callable[[], Claim | None] = lambda: None,
) -> Assistant:
    """The assistant of this machine."""
    return Assistant(plan or SetupPlan(), config, NmcliNetwork(), _check, _measure, tell, ask)


def _check(config: Config, base: Path, wishes: SelfTestOptions) -> Sequence[SelfTestResult]:
    require(config)
    return asyncio.run(check_configured(config, base, wishes))


def _measure(config: Config, base: Path, wait_s: float) -> int:
    return asyncio.run(measure_clock(config, base, wait_s))


def _ask_claim() -> Claim | None:
    """Of the person at the terminal; None where there is none. Raises ClaimRefused."""
    if not sys.stdin.isatty():
        return None
    try:
        first = _answer("Scan the QR code of New stations, or type the server's address (https://HOST:PORT): ")
        if first.startswith("kortkiosk:"):
            return Claim.parse(first)
        return Claim(first, _answer("Name of the station: "), ClaimCode.parse(_answer("Claim code: ")))
    except EOFError:
        return None


def _answer(question: str) -> str:
    """Return the typed answer; the question goes to stderr, where no program reads."""
    print(question, end="", file=sys.stderr, flush=True)
    return input().strip()


class _Output:
    """Lines for a person, or objects for a program."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._shown: KeyShown | None = None

    def step(self, result: StepResult) -> None:
        document = {"step": result.step, "outcome": result.outcome, "text": result.text, **result.details}
        devices = {"devices": [asdict(device) for device in result.devices]} if result.devices else {}
        lines = [f"  {'ok   ' if device.ok else 'FAULT'} {device.name}: {device.text}" for device in result.devices]
        self._say({**document, **devices}, "\n".join([f"{result.step}: {result.outcome}: {result.text}", *lines]))

    def key(self, shown: KeyShown) -> None:
        """Once, however often the server is asked."""
        if shown != self._shown:
            document = {
                "step": "claim",
                "outcome": StepOutcome.WAITING,
                "station": shown.station,
                "fingerprint": shown.fingerprint,
            }
            text = f"approve {shown.station} on the dashboard, if the same key is shown there: {shown.fingerprint}"
            self._say(document, f"claim: waiting: {text}")
        self._shown = shown

    def ready(self) -> None:
        self._say({"outcome": StepOutcome.READY}, "The station is set up: start it with `kortkiosk run`.")

    def failed(self, exit_code: Exit, step: str | None, code: str, text: str) -> Exit:
        if self._as_json:
            print(
                json.dumps(
                    {"step": step, "outcome": StepOutcome.FAILED, "error": code, "text": text}, ensure_ascii=False
                )
            )
        else:
            print(f"kortkiosk setup: {step}: {text}" if step else f"kortkiosk setup: {text}", file=sys.stderr)
        return exit_code

    def _say(self, document: Mapping[str, object], text: str) -> None:
        print(json.dumps(document, ensure_ascii=False) if self._as_json else text, flush=True)
