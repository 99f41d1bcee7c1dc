"""Command line of the quarantine, `kortkiosk-fleet quarantine list` and `requeue`: what was set aside, and taking it back.

Rules: what is in a message is never printed; `--out` writes it to a file that only its owner reads, and the audit says so. What
still cannot be taken stays, and the exit code is 3.

    $ kortkiosk-fleet quarantine requeue --station entre-a --data /var/lib/kortkiosk-fleet
    taken back 116, held already 0, kept 0
"""

import argparse
import base64
import getpass
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.ingest.requeue import DeadLetter, contents, dead_letters, requeue

REFUSED = 3

Making = Callable[..., argparse.ArgumentParser]
Work = Callable[[argparse.Namespace, Database], Result]


def add_parsers(commands: Any, command: Making) -> None:
    """`command` makes a parser with the options that all have."""
    several = commands.add_parser("quarantine").add_subparsers(required=True, metavar="COMMAND")
    listing = command(several, "list", _doing(_list), "list what was set aside, without what is in it")
    listing.add_argument("--out", type=Path, metavar="FILE", help="write the messages there too, a line of JSON each")
    again = command(
        several, "requeue", _doing(_requeue), "take back what can be read and stored now; 3 where some stays"
    )
    for parser in (listing, again):
        add_store_arguments(parser)
        parser.add_argument("--station", default="", metavar="NAME", help="of this station alone")
        parser.add_argument(
            "--id", type=int, action="append", default=[], metavar="N", help="this one; may be given again"
        )


def _doing(work: Work) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: run_on_store(arguments, partial(work, arguments))


def _list(arguments: argparse.Namespace, database: Database) -> Result:
    with database.reading.begin() as connection:
        letters = list(dead_letters(connection, arguments.station, arguments.id))
    if arguments.out is not None:
        _write_contents(arguments, database)
    rows: list[dict[str, object]] = [{**asdict(letter), "received": letter.received.isoformat()} for letter in letters]
    return DONE, {"messages": rows}, "\n".join(map(_line, letters)) or "nothing is set aside"


def _line(letter: DeadLetter) -> str:
    place = f"{letter.epoch}:{letter.sequence}" if letter.epoch is not None else "-"
    description = f"{letter.kind}  {letter.received:%Y-%m-%d %H:%M:%S}Z  {letter.size} bytes  {letter.reason}"
    return f"{letter.id}  {letter.station}  {place}  {description}"


def _write_contents(arguments: argparse.Namespace, database: Database) -> None:
    """Raises OSError, also where the file is there already."""
    out = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(out, "w", encoding="utf-8") as lines, database.writing.begin() as connection:
        written = 0
        for number, raw in contents(connection, arguments.station, arguments.id):
            lines.write(json.dumps({"id": number, "raw": base64.b64encode(raw).decode()}) + "\n")
            written += 1
        note = AuditEvent("quarantine.read", arguments.station, str(written))
        audit.append(connection, datetime.now(UTC), f"machine:{getpass.getuser()}", "", note)


def _requeue(arguments: argparse.Namespace, database: Database) -> Result:
    done = requeue(database, datetime.now(UTC), arguments.station, arguments.id)
    kept: list[dict[str, object]] = [{"id": number, "reason": reason} for number, reason in done.kept]
    lines = [f"taken back {done.taken}, held already {done.held}, kept {len(kept)}"]
    lines += [f"{number}: {reason}" for number, reason in done.kept]
    figures: dict[str, object] = {"taken": done.taken, "held": done.held, "kept": kept}
    return REFUSED if kept else DONE, figures, "\n".join(lines)
