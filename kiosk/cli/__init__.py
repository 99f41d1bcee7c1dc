"""Command line of `kortkiosk`: the program and its subcommands.

Each subcommand is a module with `add_parser(subparsers)`, which sets `func(arguments) -> exit code`. Only the one that
was asked for is loaded, so the others may miss a package, and starting is quick. Other packages add subcommands by entry
points of the group `kortkiosk.commands`: a module with `add_parser` and `HELP`, under the subcommand's name.

Exit codes, the same for all programs: see `Exit`.
"""

import argparse
import contextlib
import importlib
import io
import logging
import os
import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from fleet.hardening import forbid_dumps

_log = logging.getLogger("kortkiosk")
_log.propagate = False
_GLOBAL_HELP = "Stations where staff fetch, mend and return their electronic ID card."


class Exit(IntEnum):
    """Exit codes of all programs."""

    DONE = 0
    OUR_ERROR = 1
    BAD_INPUT = 2
    REFUSED = 3
    """By a rule, or by the card."""
    FAULT = 4
    """Of a device; card torn; outcome unknown."""
    CANCELLED = 5
    """Cancelled, or timed out."""
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand that is loaded when it is asked for."""

    name: str
    module: str
    help: str


SUBCOMMANDS = (
    Subcommand("run", "kiosk.cli.run", "the station"),
    Subcommand("card", "kiosk.cli.card", "look at, test and mend one card at a desk"),
    Subcommand("devices", "kiosk.cli.devices", "the station's devices, their states, a self test"),
    Subcommand("walk", "kiosk.cli.walk", "an errand without a screen, answered by a file"),
    Subcommand("verify-receipt", "kiosk.cli.verify_receipt", "is this receipt real, and who signed it"),
)

GROUP = "kortkiosk.commands"
OF_SIM = ("demo", "gallery", "virtual-card")
"""Subcommands that the package `kortkiosk-sim` adds."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    forbid_dumps()  # of the codes that are in memory (reliability I5)
    try:
        parsed = _parser(arguments).parse_args(arguments)
        code = int(cast(Callable[[argparse.Namespace], int], parsed.func)(parsed))
        _nobody_listens()
        return code
    except SystemExit as leaving:  # argparse: help (0) and bad usage (2)
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError as fault:
        return Exit.CANCELLED if _nobody_listens() else _our_error(fault)
    except Exception as fault:
        return _our_error(fault)


def _nobody_listens() -> bool:
    """Whether whoever read the output is gone (`| head`); what is still to be said then goes nowhere, without a word."""
    with contextlib.suppress(io.UnsupportedOperation):  # an output that is no file
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return True
    sys.stdout.flush()
    return False


def state_directory() -> Path:
    """Where programs at a desk keep what must outlive them (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "state") / "kortkiosk"


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """A parser that knows every subcommand by name, and the one that was asked for in full."""
    parser = argparse.ArgumentParser(prog="kortkiosk", description=_GLOBAL_HELP)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    for subcommand in SUBCOMMANDS:
        if subcommand.name == wanted:
            importlib.import_module(subcommand.module).add_parser(subparsers)
        else:
            subparsers.add_parser(subcommand.name, help=subcommand.help)
    if wanted not in {subcommand.name for subcommand in SUBCOMMANDS}:
        _add_plugins(parser, subparsers, wanted)
    return parser


def _add_plugins(parser: argparse.ArgumentParser, subparsers: Any, wanted: str) -> None:
    """The subcommands of other packages: one of them in full, or all by name with their help."""
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if wanted in OF_SIM and wanted not in {entry.name for entry in entries}:
        parser.exit(Exit.BAD_INPUT, f"kortkiosk {wanted}: install kortkiosk-sim, which has this command\n")
    for entry in entries:
        if entry.name == wanted:
            entry.load().add_parser(subparsers)
        else:
            subparsers.add_parser(entry.name, help=None if wanted else entry.load().HELP)


def _our_error(fault: Exception) -> int:
    """One line for the person, the rest for whoever mends it. A traceback of ours holds no values, so no codes."""
    path = state_directory() / "kortkiosk.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as reason:
        where = f"no log: {reason.strerror}"
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        _log.addHandler(handler)
        _log.error("unexpected error", exc_info=fault)
        _log.removeHandler(handler)
        handler.close()
        where = f"see {path}"
    print(f"kortkiosk: unexpected error ({type(fault).__name__}); {where}", file=sys.stderr)
    return Exit.OUR_ERROR
