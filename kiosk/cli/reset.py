"""Command line of the factory reset, `kortkiosk reset`: for a station that moves, is given away or is thrown away.

    kortkiosk reset --config FILE                     # says what would be lost, and erases nothing
    kortkiosk reset --config FILE --confirm STATION   # tells the fleet server, then erases keys, events and lists

Unsent events are sent first; where the server cannot be reached nothing is erased, unless `--lose-unsent` is said. Cards in slots
and bin are named: take them out first. The configuration stays. `--finish` ends a reset that was cut off. End the station first.
Exit codes: 0 erased; 2 bad input; 3 refused, and nothing was erased; 4 the disk.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from fleet.agent.store import StoreError
from kiosk.administration_ports import ResetLosses
from kiosk.cli import Exit
from kiosk.config import Config, ConfigError, load
from kiosk.station.build_fleet import JoinError
from kiosk.station.reset import UnsentError, begin_erasing, find_losses, finish_erasing, tell_server

WAIT_S = 60.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "reset", help="forget everything: for a station that moves or goes", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="station.toml")
    parser.add_argument("--confirm", metavar="STATION", help="the station's name: erase it")
    parser.add_argument("--lose-unsent", action="store_true", help="also where the server does not hold every event")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="S", help="for the server (%(default)s)")
    parser.add_argument("--finish", action="store_true", help="end a reset that was cut off; else do nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes as above."""
    try:
        config, base = load(args.config), args.config.resolve().parent
        finished = finish_erasing(config, base)
        if finished or args.finish:
            _say(args, {"erased": finished})
            return Exit.DONE
        return _reset(args, config, base)
    except ConfigError as error:
        return _refuse(str(error), Exit.BAD_INPUT)
    except JoinError as error:
        return _refuse(str(error), Exit.REFUSED if error.code == "running" else Exit.FAULT)
    except (StoreError, OSError) as error:
        return _refuse(str(error), Exit.FAULT)


def _reset(args: argparse.Namespace, config: Config, base: Path) -> int:
    losses = asyncio.run(find_losses(config, base))
    if args.confirm is None:
        _tell(args, losses)
        return _refuse(f"nothing was erased; to erase it: --confirm {losses.station}", Exit.REFUSED)
    if args.confirm != losses.station:
        return _refuse(f"this station is {losses.station}; nothing was erased", Exit.BAD_INPUT)
    try:
        losses = asyncio.run(tell_server(config, base, wait_s=args.wait, lose_unsent=args.lose_unsent))
    except UnsentError as error:
        return _refuse(f"{error}; nothing was erased. Where they may be lost: --lose-unsent", Exit.REFUSED)
    begin_erasing(base)
    finish_erasing(config, base)
    _say(args, {"erased": True, "station": losses.station, "lost": losses.unsent})
    return Exit.DONE


def _tell(args: argparse.Namespace, losses: ResetLosses) -> None:
    document = {
        "station": losses.station,
        "unsent": losses.unsent,
        "slots": list(losses.slots),
        "binned": losses.binned,
    }
    if args.json:
        print(json.dumps(document))
        return
    print(f"{losses.station} would forget its keys, its events, its lists and what it counted of cards' tries.")
    print(f"{losses.unsent} events and asks are not at the fleet server yet; they are sent first.")
    if losses.slots:
        print(f"Cards lie in slots {', '.join(map(str, losses.slots))}: take them out first.")
    if losses.binned:
        print(f"{losses.binned} cards lie in the bin: empty it first.")


def _say(args: argparse.Namespace, document: dict[str, object]) -> None:
    if args.json:
        print(json.dumps(document))
    else:
        print("The station is erased." if document["erased"] else "No reset was begun; nothing was erased.")


def _refuse(text: str, code: Exit) -> int:
    print(f"kortkiosk reset: {text}", file=sys.stderr)
    return code
