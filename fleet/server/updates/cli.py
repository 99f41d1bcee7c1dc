"""Command line of bundles, `kortkiosk-fleet bundle`: take one, list them, remove one.

$ kortkiosk-fleet bundle add 2026.48.1.raucb --authority /etc/kortkiosk/fleet --data /var/lib/kortkiosk-fleet
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.server.database.options import complain
from fleet.server.process.config import ServerConfig
from fleet.server.updates.model import StoredBundle
from fleet.server.updates.service import FOLDER, BundleFolder
from provisioning.updates.bundle import BundleError

BAD_INPUT, REFUSED, FAULT = 2, 3, 4


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    parts = commands.add_parser("bundle").add_subparsers(required=True, metavar="COMMAND")
    add = command(parts, "add", _add, "verify a bundle and keep it for stations")
    add.add_argument("file", type=Path, metavar="FILE.raucb")
    add.add_argument("--authority", type=Path, required=True, metavar="DIR", help="whose signer has signed it")
    listed = command(parts, "list", _list, "list the bundles, the newest first")
    remove = command(parts, "remove", _remove, "remove a bundle by its digest")
    remove.add_argument("sha256")
    for parser in (add, listed, remove):
        parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's data")


def _add(arguments: argparse.Namespace) -> int:
    config = ServerConfig(arguments.data, arguments.authority)
    try:
        stored = _folder(arguments).add(arguments.file, config.ca, datetime.now(UTC).replace(microsecond=0))
    except BundleError as error:
        return complain(arguments, str(error), FAULT if error.fault == "no_rauc" else REFUSED)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    _say(arguments, [stored])
    return 0


def _list(arguments: argparse.Namespace) -> int:
    _say(arguments, _folder(arguments).all())
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    if not _folder(arguments).remove(arguments.sha256):
        return complain(arguments, f"{arguments.sha256}: there is no such bundle", BAD_INPUT)
    _say(arguments, [])
    return 0


def _folder(arguments: argparse.Namespace) -> BundleFolder:
    return BundleFolder(arguments.data / FOLDER)


def _say(arguments: argparse.Namespace, bundles: list[StoredBundle]) -> None:
    if arguments.json:
        print(
            json.dumps(
                {
                    "bundles": [
                        {**asdict(stored_bundle), "added": stored_bundle.added.isoformat()} for stored_bundle in bundles
                    ]
                }
            )
        )
    for bundle in bundles if not arguments.json else ():
        print(
            f"{bundle.sha256}  {bundle.version}  {bundle.compatible}  {bundle.size} bytes  {bundle.added:%Y-%m-%d %H:%M}"
        )
