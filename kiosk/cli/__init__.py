"""Command line of `kortkiosk`: the program and its subcommands.

Each subcommand is a module with `add_parser(subparsers)`, which sets `func(arguments) -> exit code`; it is loaded on demand
(`fleet.subcommands`). Those of other packages are entry points of the group `kortkiosk.commands`.

Exit codes, the same for all programs: see `Exit`.
"""

import argparse
import contextlib
import io
import logging
import os
import select
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import cast

from drivers.reader.system import state_directory
from fleet.hardening import forbid_dumps
from fleet.subcommands import Subcommand, add_subcommands

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


SUBCOMMANDS = (
    Subcommand("run", "the station", "kiosk.cli.run"),
    Subcommand("desk", "a station in a window: a PC and one or two readers", "kiosk.cli.desk"),
    Subcommand("card", "look at, test and mend one card at a desk", "kiosk.cli.card_parser"),
    Subcommand("devices", "the station's devices, their states, a self test", "kiosk.cli.devices"),
    Subcommand("store", "the station's file: is it whole, and what to do where it is damaged", "kiosk.cli.store"),
    Subcommand("setup", "from a blank station to one in service, by a file", "kiosk.cli.setup"),
    Subcommand("reset", "forget everything: for a station that moves or goes", "kiosk.cli.reset"),
    Subcommand("walk", "an errand without a screen, answered by a file", "kiosk.cli.walk"),
    Subcommand("verify-receipt", "is this receipt real, and who signed it", "kiosk.cli.verify_receipt"),
    Subcommand("demo", "station, bench and fleet server on made-up cards and orders"),
    Subcommand("gallery", "every screen as a picture"),
    Subcommand("virtual-card", "plug a virtual card into the virtual PC/SC reader"),
)


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
    """Return whether the reader of the output is gone (`| head`); later output is then discarded, without a word."""
    with contextlib.suppress(io.UnsupportedOperation):  # an output that is no file
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return True
    sys.stdout.flush()
    return False


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kortkiosk", description=_GLOBAL_HELP)
    add_subcommands(
        parser, arguments, SUBCOMMANDS, "kortkiosk.commands", lambda commands, module: module.add_parser(commands)
    )
    return parser


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
