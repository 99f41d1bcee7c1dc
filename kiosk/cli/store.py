"""Command line of a station's file, `kortkiosk store`: is it whole, and what to do where it is damaged.

    kortkiosk store check [--config FILE] [--json]
    kortkiosk store set-aside [--config FILE] [--json]

`check` reads all of it and changes nothing. `set-aside` moves a damaged file into the folder `set-aside` of the station's data,
where it stays as evidence, with the events that the fleet has not had; the station then begins with a new file and, since the
fleet holds more than is in that one, a new epoch. The count of tries (`tries.json`) goes the same way where it is damaged. What
is whole is not set aside. End the station first. Exit codes: 0 done, or whole; 2 bad input; 3 the station runs, or all is whole;
4 it is damaged, or cannot be moved.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from drivers.reader.pin.try_ledger import FileLedger
from fleet.agent.identity import Identity
from fleet.agent.proxy import Proxy
from fleet.agent.store import set_aside
from kiosk.cli import Exit
from kiosk.clock import SystemClock
from kiosk.config import Config, ConfigError, load
from kiosk.station.build_fleet import (
    STORE_FILE,
    JoinError,
    connect,
    load_identity,
    lock_folder,
    open_file,
    open_records,
)
from kiosk.station.file_check import FileFindings, check_file
from kiosk.station.reader_settings import tries_file


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its own; each namespace carries `func`."""
    parser = subparsers.add_parser(
        "store", help="the station's file: is it whole", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, text, func in (
        ("check", "read all of it", run_check),
        ("set-aside", "keep a damaged file beside, and begin with a new one", run_set_aside),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument(
            "--config", type=Path, metavar="FILE", help="station.toml; default: ./station.toml if there"
        )
        action.add_argument("--json", action="store_true", help="one JSON object")
        action.set_defaults(func=func)


def run_check(args: argparse.Namespace) -> int:
    """Read the file. Exit codes as above."""
    try:
        config, base = _config(args)
        problem = _problem(config, base)
    except (ConfigError, JoinError, OSError) as error:
        return _refuse(error)
    _say(args, {"file": str(base / config.station.data / STORE_FILE), "whole": problem is None, "problem": problem})
    return Exit.DONE if problem is None else Exit.FAULT


def run_set_aside(args: argparse.Namespace) -> int:
    """Move the file, where it is damaged. Exit codes as above."""
    try:
        config, base = _config(args)
        path = base / config.station.data / STORE_FILE
        problem = _problem(config, base)
        tries = tries_file(config, base)
        counts_damaged = not FileLedger(tries).is_readable
        if problem is None and not counts_damaged:
            print(f"kortkiosk store: {path} is whole; nothing was set aside", file=sys.stderr)
            return Exit.REFUSED
        with lock_folder(path.parent):
            folder = set_aside([*([path] if problem else []), *([tries] if counts_damaged else [])], datetime.now(UTC))
    except (ConfigError, JoinError, OSError) as error:
        return _refuse(error)
    _say(args, {"file": str(path), "problem": problem, "set_aside": str(folder)})
    return Exit.DONE


def _problem(config: Config, base: Path) -> str | None:
    """Return the fault of the file, in words; None where it is whole. Raises JoinError where it is in use, OSError.

    It is looked at in a copy, which is opened as the station opens it: only then is it known whether the station can go on.
    """
    data = base / config.station.data
    with lock_folder(data), tempfile.TemporaryDirectory() as folder:
        for part in data.glob(f"{STORE_FILE}*"):
            shutil.copy(part, folder)
        station = config.station.model_copy(update={"data": folder})
        return asyncio.run(_problem_of_copy(config.model_copy(update={"station": station}), base))


async def _problem_of_copy(config: Config, base: Path) -> str | None:
    identity: Identity | None = None
    with contextlib.suppress(JoinError):
        identity = load_identity(config, base)
    try:
        file = await open_file(config, base, "check", identity)
    except JoinError as error:
        return str(error)
    try:
        findings = check_file(file.store.path, file.chain.station)
        clock = SystemClock()
        fleet = (
            connect(identity, file, clock, proxy=Proxy.at(config.network.proxy_server))
            if identity is not None
            else None
        )
        await open_records(file, identity, fleet, clock)
    except JoinError as error:
        return str(error)
    finally:
        file.close()
    return _in_words(findings)


def _in_words(findings: FileFindings) -> str | None:
    parts = list(findings.faults)
    if findings.indexes:
        parts.append("an index does not fit its table")
    if findings.events:
        parts.append(f"{len(findings.events)} events are damaged")
    return "; ".join(parts) or None


def _config(args: argparse.Namespace) -> tuple[Config, Path]:
    path = args.config or Path("station.toml")
    config = load(path) if args.config or path.exists() else Config()
    return config, path.resolve().parent


def _refuse(error: ConfigError | JoinError | OSError) -> int:
    reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    print(f"kortkiosk store: {reason}", file=sys.stderr)
    if isinstance(error, ConfigError):
        return Exit.BAD_INPUT
    return Exit.REFUSED if isinstance(error, JoinError) and error.code == "running" else Exit.FAULT


def _say(args: argparse.Namespace, document: dict[str, object]) -> None:
    if args.json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for name, value in document.items():
        print(f"{name:10} {'-' if value is None else value}")
