"""`kortkiosk devices`: every device of a station, its state in words, and a self test.

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.secret import Secret
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
from kiosk.station.self_test import Checked, Wishes, check
from sim.bench import cards
from sim.bench.cabinet import board_of
from sim.bench.faults import FAULTS, Bench, unknown
from sim.bench.world import World, WorldError
from sim.cabinet import unix_board
from sim.cabinet.twin import TwinError
from sim.demo import seed

CARD = "1:old"
"""The virtual card in the holder's virtual reader."""
VIRTUAL_SET = Config(
    readers=ReadersSection(holder=VIRTUAL, administrator=VIRTUAL), printer=PrinterSection(kind="virtual"),
    cabinet=CabinetSection(kind="virtual"), pins=PinsSection(kind="virtual"), scanner=ScannerSection(kind="virtual"),
)  # fmt: skip


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
                            + ", ".join(FAULTS))  # fmt: skip
        action.set_defaults(func=run, thorough=name == "test", print=False, open=None)
        if name == "test":
            action.add_argument("--print", action="store_true", help="print a test page")
            action.add_argument("--open", type=int, metavar="SLOT", help="open this slot of the cabinet")


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes as above."""
    try:
        path = args.config or Path("station.toml")
        config = load(path) if args.config or path.exists() else VIRTUAL_SET
        wrong = [text for name in args.fault if (text := unknown(name))]
        if wrong:
            raise WorldError(f"{'; '.join(wrong)}; there are: {', '.join(FAULTS)}")
        if _is_running(path.resolve().parent / config.station.data / LOCK_FILE):
            print("kortkiosk devices: the station runs and has its devices; end it first", file=sys.stderr)
            return Exit.REFUSED
        found = asyncio.run(_checked(args, config, path.resolve().parent))
    except (ConfigError, WorldError) as error:
        print(f"kortkiosk devices: {error}", file=sys.stderr)
        return Exit.BAD_INPUT
    except TwinError as error:
        print(f"kortkiosk devices: {error}", file=sys.stderr)
        return Exit.FAULT
    _say(found, as_json=args.json)
    return Exit.DONE if all(one.ok for one in found) else Exit.FAULT


async def _checked(args: argparse.Namespace, config: Config, base: Path) -> list[Checked]:
    with tempfile.TemporaryDirectory() as folder:
        firmware = config.cabinet.kind == VIRTUAL and unix_board.available()
        world = World.open(Path(folder), seed.scenario(), SystemClock().now(), firmware=firmware)
        async with _powered(config, base, world) as devices:
            if config.readers.holder == VIRTUAL:
                world.insert(CARD, "holder")
            for name in args.fault:
                _break(name, Bench(world, devices), config)
            board = board_of(world.cabinet)
            if board is not None and args.fault:
                await board.settled()
            devices.start()
            return await check(devices, Wishes(args.thorough, args.print, args.open, pin_of=_pin_of))


@asynccontextmanager
async def _powered(config: Config, base: Path, world: World) -> AsyncIterator[Devices]:
    """The devices of the configuration, the virtual ones with power."""
    board = board_of(world.cabinet)
    try:
        kept = reader_settings(config, base, SystemClock(), world)
        settings = replace(kept, ledger=MemoryLedger())  # only made-up codes are tried here
    except NoAnchorsError:
        settings = ReaderSettings(now=SystemClock().now)
    devices = make_devices(config, base, settings, world)
    try:
        if config.printer.kind == VIRTUAL:
            world.printer.become(config.printer.model)
            devices.printer = virtual_printer(*await world.printer.start(), config.printer.model)
        if board is not None:
            await board.start()
        yield devices
    finally:
        await devices.close()
        await world.printer.stop()
        if board is not None:
            await board.stop()


def _break(name: str, bench: Bench, config: Config) -> None:
    """Set a fault. Raises WorldError where that device is not a virtual one."""
    virtual = {
        "reader": config.readers.administrator if "administrator" in name else config.readers.holder,
        "printer": config.printer.kind, "cabinet": config.cabinet.kind, "scanner": config.scanner.kind,
        "pins": config.pins.kind,
    }[name.partition(".")[0]] == VIRTUAL  # fmt: skip
    if not virtual:
        raise WorldError(f"{name}: that device is not virtual")
    FAULTS[name](bench)


def _pin_of(number: str | None) -> Secret | None:
    """The made-up code of the virtual card that was put in."""
    persona = cards.persona(CARD)
    return Secret(persona.pin) if number == persona.card_number else None


def _is_running(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _say(found: list[Checked], *, as_json: bool) -> None:
    if as_json:
        document = {"ok": all(one.ok for one in found), "devices": [asdict(one) for one in found]}
        print(json.dumps(document, ensure_ascii=False))
        return
    for one in found:
        mark, kind = ("ok   " if one.ok else "FAULT"), f"{one.kind}, virtual" if one.virtual else one.kind
        print(f"{mark} {one.name} ({kind}): {one.state}: {one.text}")
    if not found:
        print("No devices are configured.")
