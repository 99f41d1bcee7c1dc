"""Command line of devices, `kortkiosk devices`: every device of a station, its state in words, and a self test.

    kortkiosk devices list [--config FILE] [--json]
    kortkiosk devices test [--config FILE] [--json] [--print] [--open SLOT] [--fault NAME]

Without a file the whole virtual set is taken. Virtual devices are made for the run, with a card in the holder's reader; `--fault`
breaks one of them by name, and may be given more than once. Real devices must not be in use: end the station first. Exit
codes: 0 all well, 2 bad input, 3 the station runs, 4 a device has a fault.
"""

import argparse
import asyncio
import fcntl
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.pin.try_ledger import MemoryLedger
from fleet.agent.identity import KEY_FILE
from kiosk.cli import Exit
from kiosk.clock import SystemClock
from kiosk.config import (
    VIRTUAL,
    CabinetSection,
    Config,
    ConfigError,
    PinsSection,
    PrinterSection,
    ReadersSection,
    ScannerSection,
    load,
)
from kiosk.station.build_devices import make_devices, virtual_printer
from kiosk.station.build_fleet import LOCK_FILE
from kiosk.station.devices import Devices
from kiosk.station.reader_settings import NoAnchorsError, reader_settings
from kiosk.station.self_test import SelfTestOptions, SelfTestResult, check_devices
from kiosk.station.virtual_devices import CabinetPowerError, VirtualDevices
from kiosk.station.virtual_plugin import Plugin, VirtualDevicesError, missing_wheel, plugin, require
from provisioning.keys.station_keys import kept_kind
from provisioning.keys.storage import Kind

VIRTUAL_SET = Config(
    readers=ReadersSection(holder=VIRTUAL, administrator=VIRTUAL), printer=PrinterSection(kind="virtual"),
    cabinet=CabinetSection(kind="virtual"), pins=PinsSection(kind="virtual"), scanner=ScannerSection(kind="virtual"),
)  # fmt: skip

KEPT: dict[Kind, str] = {
    "tpm": "in this machine's TPM",
    "sealed": "in a file that is sealed to this machine",
    "file": "in a file that is not sealed: who reads the disk has it",
    "pkcs11": "on a PKCS#11 token",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its own; each namespace carries `func`."""
    parser = subparsers.add_parser(
        "devices", help="the station's devices, their states, a self test", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, text in (("list", "each device and its state"), ("test", "the same, and a self test of each")):
        action = actions.add_parser(name, help=text)
        action.add_argument(
            "--config", type=Path, metavar="FILE", help="station.toml; default: ./station.toml if there"
        )
        action.add_argument("--json", action="store_true", help="one JSON object")
        action.add_argument("--fault", action="append", default=[], metavar="NAME", help="break a virtual device: "
                            + ", ".join(_faults()))  # fmt: skip
        action.set_defaults(func=run, thorough=name == "test", print=False, open=None)
        if name == "test":
            action.add_argument("--print", action="store_true", help="print a test page")
            action.add_argument("--open", type=int, metavar="SLOT", help="open this slot of the cabinet")


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes as above."""
    try:
        path = args.config or Path("station.toml")
        config = load(path) if args.config or path.exists() else VIRTUAL_SET
        require(config)
        _need_known(args.fault)
        if _is_running(path.resolve().parent / config.station.data / LOCK_FILE):
            print("kortkiosk devices: the station runs and has its devices; end it first", file=sys.stderr)
            return Exit.REFUSED
        wishes = SelfTestOptions(args.thorough, args.print, args.open)
        results = asyncio.run(check_configured(config, path.resolve().parent, wishes, args.fault))
    except (ConfigError, VirtualDevicesError) as error:
        print(f"kortkiosk devices: {error}", file=sys.stderr)
        return Exit.BAD_INPUT
    except CabinetPowerError as error:
        print(f"kortkiosk devices: {error}", file=sys.stderr)
        return Exit.FAULT
    _say(results, kept_kind(path.resolve().parent / config.station.identity / KEY_FILE), as_json=args.json)
    return Exit.DONE if all(result.ok for result in results) else Exit.FAULT


def _plugin() -> Plugin | None:
    """The plug-in for virtual devices, where it is installed."""
    try:
        return plugin()
    except VirtualDevicesError:
        return None


def _faults() -> Sequence[str]:
    """Names of faults of virtual devices."""
    brought = _plugin()
    return () if brought is None else brought.FAULTS


def _need_known(faults: Sequence[str]) -> None:
    """Raises VirtualDevicesError where one of these is no fault, or none can be set."""
    fault_names = _faults()
    if faults and not fault_names:
        raise missing_wheel("--fault")
    wrong = [f"there is no fault {name!r}" for name in faults if name not in fault_names]
    if wrong:
        raise VirtualDevicesError(f"{'; '.join(wrong)}; there are: {', '.join(fault_names)}")


async def check_configured(
    config: Config, base: Path, wishes: SelfTestOptions, faults: Sequence[str] = ()
) -> list[SelfTestResult]:
    """The devices of a configuration, opened for this alone. Raises VirtualDevicesError, CabinetPowerError."""
    brought = _plugin()
    with tempfile.TemporaryDirectory() as folder:
        virtual = None
        if brought is not None:
            cabinet = config.cabinet.kind == VIRTUAL
            virtual = brought.open_devices(Path(folder), SystemClock().now(), cabinet=cabinet)
        async with _powered(config, base, virtual) as drivers:
            if brought is not None and virtual is not None:
                await _prepare(faults, config, brought, virtual, drivers)
                wishes = replace(wishes, pin_of=virtual.pin_of)
            drivers.start()
            return await check_devices(drivers, wishes)


async def _prepare(
    faults: Sequence[str], config: Config, brought: Plugin, virtual: VirtualDevices, drivers: Devices
) -> None:
    """A card in the holder's reader, and the faults. Raises VirtualDevicesError."""
    if config.readers.holder == VIRTUAL:
        brought.insert_card(virtual)
    for name in faults:
        _need_virtual(name, config)
        brought.apply_fault(name, virtual, drivers)
    if faults:
        await virtual.settled()


@asynccontextmanager
async def _powered(config: Config, base: Path, virtual: VirtualDevices | None) -> AsyncIterator[Devices]:
    """The devices of the configuration, the virtual ones with power."""
    try:
        kept = reader_settings(config, base, SystemClock(), virtual)
        settings = replace(kept, ledger=MemoryLedger())  # only made-up codes are tried here
    except NoAnchorsError:
        settings = ReaderSettings(now=SystemClock().now)
    drivers = make_devices(config, base, settings, virtual)
    try:
        if virtual is not None:
            if config.printer.kind == VIRTUAL:
                address = await virtual.start_printer(config.printer.model)
                drivers.printer = virtual_printer(*address, config.printer.model)
            await virtual.power_on()
        yield drivers
    finally:
        await drivers.close()
        if virtual is not None:
            await virtual.stop_printer()
            await virtual.power_off()


def _need_virtual(fault: str, config: Config) -> None:
    """Raises VirtualDevicesError where the device of that fault is not a virtual one."""
    device = fault.partition(".")[0]
    setting = {"reader": "readers.administrator" if "administrator" in fault else "readers.holder"}
    if setting.get(device, f"{device}.kind") not in config.virtual:
        raise VirtualDevicesError(f"{fault}: that device is not virtual")


def _is_running(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _say(results: list[SelfTestResult], key: Kind | None, *, as_json: bool) -> None:
    if as_json:
        document = {
            "ok": all(result.ok for result in results), "key": key, "devices": [asdict(result) for result in results],
        }  # fmt: skip
        print(json.dumps(document, ensure_ascii=False))
        return
    for device in results:
        kind = f"{device.kind}, virtual" if device.virtual else device.kind
        print(f"{'ok   ' if device.ok else 'FAULT'} {device.name} ({kind}): {device.state}: {device.text}")
    if not results:
        print("No devices are configured.")
    print(f"the station's key: {KEPT[key] if key else 'none yet: the station is not enrolled'}")
