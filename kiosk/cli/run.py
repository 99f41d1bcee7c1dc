"""Command line of the station: `kortkiosk run`.

Without settings and identity it is the setup assistant (docs/install.md), and once that is done the station.

The window comes up whatever is missing: an unreadable configuration, no reader, no printer, no broker, a full disk. What
is missing is said on the screen, on standard error, and with --json as one object a line; what works is offered.

    kortkiosk run --config /etc/kortkiosk/station.toml
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fleet.service_manager import ServiceManager
from kiosk.cli import Exit
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config, ConfigError
from kiosk.first_boot.progress import is_setup_due
from kiosk.fleet_settings import load_station
from kiosk.region import RegionSettingsError, at_station, region_of
from kiosk.station.build_fleet import JoinError
from kiosk.station.host import Host
from kiosk.station.log_bundle import collect_log
from kiosk.station.reader_settings import reader_settings_or_problems
from kiosk.station.reset import finish_erasing
from kiosk.station.virtual_plugin import VirtualDevicesError, require

DEFAULT = Path("station.toml")
RESTART = -1
"""An administrator wants the program to start anew: it becomes itself again, under the same process number."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "run", help="the station", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--config", type=Path, default=DEFAULT, metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--check", action="store_true", help="read the configuration, say what is wrong or not given yet, and end"
    )
    parser.add_argument("--json", action="store_true", help="what is missing as JSON, one object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes: 0 window closed or SIGTERM; 2 bad configuration (only with --check), or virtual devices that are not
    installed; 4 no display; 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config, own, faults, is_there = Config(), dict[str, Any](), list[str](), args.config.exists()
    try:
        config, own = load_station(args.config, starts=not args.check)
    except ConfigError as error:
        faults = [f"{args.config}: {fault}" for fault in error.faults]
    if is_there or args.check:
        _say_faults(faults, as_json=args.json)
    try:
        require(config)
    except VirtualDevicesError as error:
        _say("config", f"{args.config}: {error}", as_json=args.json)
        return Exit.BAD_INPUT
    if args.check:
        if not faults:
            _say_unset(config, args.config.resolve().parent, as_json=args.json)
        return Exit.BAD_INPUT if faults else Exit.DONE
    if not _display():
        print("kortkiosk run: there is no display; set DISPLAY, or run on a machine with a screen", file=sys.stderr)
        return Exit.FAULT
    if not _has_desktop():  # what SDL would choose; said, so that the station knows who reads the touch panel
        os.environ.setdefault("SDL_VIDEODRIVER", "kmsdrm")
    if not (faults and is_there) and not _finish_reset(config, args.config.resolve().parent):
        return Exit.FAULT
    code = _show(args, config, own, faults, faults_reported=is_there)
    if code == RESTART:
        os.execv(sys.executable, [sys.executable, "-m", "kiosk.cli", *sys.argv[1:]])  # noqa: S606 - itself, as it was begun
    return code


def _say_unset(config: Config, base: Path, *, as_json: bool) -> None:
    """Say what a station still lacks before it serves all, and who gives it."""
    if config.readers.holder != VIRTUAL:
        reader_settings_or_problems(config, base, SystemClock(), None, partial(_say, as_json=as_json))
    try:
        region = at_station(region_of(config.station.region, base), **config.contact.model_dump())
    except RegionSettingsError as error:
        _say("region", str(error), as_json=as_json)
        return
    unset = [name for name in ("block_line", "office") if not getattr(region, name)]
    if unset:
        text = f"{', '.join(unset)}: not given in the region's file; the region's ID managers know them"
        _say("contacts", text, as_json=as_json)
    if not region.pilot.stores_no_person and not (base / config.station.identity).exists():
        text = f"no identity in {base / config.station.identity}: whoever runs the fleet server gives a claim code"
        _say("identity", text, as_json=as_json)


def _show(
    args: argparse.Namespace, config: Config, own: Mapping[str, Any], faults: list[str], *, faults_reported: bool
) -> int:
    """The assistant or the station, until it ends. `faults_reported`: they are printed already."""
    if is_setup_due(args.config):
        return asyncio.run(_set_up(args.config, as_json=args.json))
    if not faults_reported:
        _say_faults(faults, as_json=args.json)
    return asyncio.run(_station(config, own, args.config.resolve().parent, faults, as_json=args.json))


def _finish_reset(config: Config, base: Path) -> bool:
    """End a reset that a power cut left half done, before anything is opened; False where that cannot be."""
    try:
        finish_erasing(config, base)
    except (JoinError, OSError) as error:
        print(f"kortkiosk run: a reset was begun here and cannot be finished: {error}", file=sys.stderr)
        return False
    return True


def _display() -> bool:
    """Return whether SDL has a display to draw on: without one it would run on unseen, and say nothing."""
    return _has_desktop() or bool(os.environ.get("SDL_VIDEODRIVER")) or any(Path("/dev/dri").glob("card*"))


def _has_desktop() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


async def _set_up(config: Path, *, as_json: bool) -> int:
    """The setup assistant; RESTART once the station can be started."""
    from kiosk.cli.setup_screen import SetupScreen  # Kivy opens its window on import: only when a window is wanted

    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, partial(_stop, running))
    with contextlib.suppress(asyncio.CancelledError):
        if await SetupScreen(config, partial(_say, as_json=as_json)).run():
            return RESTART
    return Exit.DONE


def _stop(running: "asyncio.Task[int]") -> None:
    ServiceManager().stopping()
    running.cancel()


async def _station(config: Config, own: Mapping[str, Any], base: Path, faults: list[str], *, as_json: bool) -> int:
    from kiosk.station.app import App  # Kivy opens its window on import: only when a window is wanted

    running = asyncio.current_task()
    assert running is not None
    restarting = asyncio.Event()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, partial(_stop, running))

    def end_program() -> None:
        restarting.set()
        running.cancel()

    ring = collect_log(base / config.station.data)
    host = Host(
        on_problem=lambda code, text: _say(code, text, as_json=as_json),
        log_lines=lambda: ring.lines,
        end_program=end_program,
        own_document=own,
    )
    with contextlib.suppress(asyncio.CancelledError):
        await App(config, base, host, faults).run()
    return RESTART if restarting.is_set() else Exit.DONE


def _say_faults(faults: Sequence[str], *, as_json: bool) -> None:
    for fault in faults:
        _say("config", fault, as_json=as_json)


def _say(code: str, text: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"missing": code, "text": text}, ensure_ascii=False), flush=True)
    else:
        print(f"kortkiosk: {text}", file=sys.stderr, flush=True)
