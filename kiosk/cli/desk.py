"""Command line of desk mode, `kortkiosk desk`: a station as a program on a PC with one or two readers, without an image.

The first start writes `station.toml` and the region's file into the folder; edit them there. Without --region the region is
pilot 0, the unlock corner: a holder tests the card, changes its code, unlocks it with the letter's PUK, or reads whom to call.

    kortkiosk desk                                        # in a window, the only reader
    kortkiosk desk --full-screen --administrator auto     # two readers; under Service it is told whose is which
    kortkiosk desk --reopen                               # the station had closed itself (pilot's stop rule)
"""

import argparse
import json
import shutil
import sys
from filecmp import cmp
from pathlib import Path

from drivers.reader.system import state_directory
from kiosk.cli import Exit
from kiosk.cli import run as station
from kiosk.config import ConfigError, load
from kiosk.region import SHIPPED
from kiosk.station.pilot import reopen

SETTINGS, REGION, ANCHORS = "station.toml", "region.toml", "anchors.pem"
WIDTH, HEIGHT = 1280, 800


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "desk", help="a station in a window: a PC and one or two readers", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, metavar="DIR", help=f"default: {state_directory() / 'desk'}")
    first = parser.add_argument_group("for the first start; later, edit the files")
    first.add_argument("--holder", metavar="READER", help="name, pattern or `auto` (the default)")
    first.add_argument("--administrator", metavar="READER", help="the second reader; without one there is none")
    first.add_argument("--region", type=Path, metavar="FILE", help="a region.toml; without one pilot 0")
    first.add_argument("--anchors", type=Path, metavar="FILE", help="issuers whose cards count, PEM")
    first.add_argument("--full-screen", action="store_true", help=f"not in a window of {WIDTH} by {HEIGHT}")
    parser.add_argument("--reopen", action="store_true", help="open a station that has closed itself, and end")
    parser.add_argument("--check", action="store_true", help="write what is missing, say what is wrong, and end")
    parser.add_argument("--json", action="store_true", help="what is missing as JSON, one object a line")
    parser.set_defaults(func=desk)


def desk(args: argparse.Namespace) -> int:
    """Do it. Exit codes: those of `kortkiosk run`; 2 for a file that is not there, or an option that comes too late; 4 where the
    folder cannot be written."""
    folder = args.folder or state_directory() / "desk"
    try:
        if args.reopen:
            return _reopen(folder)
        if (folder / SETTINGS).exists():
            if late := _late(folder, args):
                return _refuse(f"{', '.join(late)}: {folder / SETTINGS} says otherwise; edit it", Exit.BAD_INPUT)
        else:
            _write(folder, args)
    except FileNotFoundError as error:
        return _refuse(f"{error.filename}: there is no such file", Exit.BAD_INPUT)
    except OSError as error:
        return _refuse(f"{folder}: {error.strerror}", Exit.FAULT)
    args.config = folder / SETTINGS
    return station.run(args)


def _late(folder: Path, args: argparse.Namespace) -> list[str]:
    """Return the options that say something else than the files of the first start. Raises OSError."""
    try:
        config = load(folder / SETTINGS)
    except ConfigError:
        return []  # what is wrong there is said by the station itself
    differs = {
        "--holder": args.holder not in (None, config.readers.holder),
        "--administrator": args.administrator not in (None, config.readers.administrator),
        "--full-screen": args.full_screen and not config.display.fullscreen,
        "--region": args.region and not cmp(args.region, folder / REGION, shallow=False),
        "--anchors": args.anchors and not cmp(args.anchors, folder / ANCHORS, shallow=False),
    }
    return [option for option, late in differs.items() if late]


def _write(folder: Path, args: argparse.Namespace) -> None:
    """Write the files of a first start; `station.toml` last, so that half of them is no start. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(args.region or SHIPPED / "pilot.toml", folder / REGION)
    settings = {
        "station": {"title": "Kortkiosk", "region": REGION},
        "readers": {"holder": args.holder or "auto", "administrator": args.administrator or ""},
        "display": {"width": WIDTH, "height": HEIGHT, "fullscreen": args.full_screen},
    }
    if args.anchors:
        shutil.copyfile(args.anchors, folder / ANCHORS)
        settings["trust"] = {"anchors": ANCHORS}
    lines = [
        "# A station at a desk; docs/operations-reference.md lists all keys. The region's texts and rules: region.toml."
    ]
    for section, keys in settings.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    draft = folder / f"{SETTINGS}.new"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(folder / SETTINGS)


def _reopen(folder: Path) -> int:
    try:
        config = load(folder / SETTINGS)
    except ConfigError as error:
        return _refuse(str(error), Exit.BAD_INPUT)
    print(
        "The station is open again." if reopen(folder / config.station.data) else "The station had not closed itself."
    )
    return Exit.DONE


def _refuse(text: str, code: Exit) -> int:
    print(f"kortkiosk desk: {text}", file=sys.stderr)
    return code
