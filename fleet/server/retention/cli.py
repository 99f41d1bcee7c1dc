"""Command line of retention, `kortkiosk-fleet retain` and `erase`: what has expired, and what is known of one person on request.

Rules: both tell the audit how many, never what. A request that something else has to be kept for is refused whole (exit 3), with
reasons. `serve` does what `retain` does, once a day.

    $ kortkiosk-fleet retain --dry-run --data /var/lib/kortkiosk-fleet --authority /srv/authority
    would erase: errands 1204, stations 311
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.guards.service import last_clock_reading, share_of
from fleet.server.process.default_settings import SettingsError
from fleet.server.retention.ledger import LEDGER_FILE, LedgerError
from fleet.server.retention.person_erasure import NothingErased, PersonErased, PersonError, erase_person, replay
from fleet.server.retention.pseudonyms import KEY_FILE, PseudonymKeyError, load_or_make
from fleet.server.retention.retention_run import RetentionRun, count_due, run
from fleet.server.retention.settings import load

REFUSED = 3

Making = Callable[..., argparse.ArgumentParser]


def add_parsers(commands: Any, command: Making) -> None:
    """`command` makes a parser with the options that all have."""
    retain = command(commands, "retain", _doing(_retain))
    retain.add_argument(
        "--confirm", action="store_true", help="erase also more than a day's share (2 %% of the events)"
    )
    person = command(commands, "erase", _doing(_erase))
    person.add_argument("--hsa-id", required=True, metavar="ID")
    for parser in (retain, person):
        add_store_arguments(parser, serves=True)
        parser.add_argument("--authority", type=Path, required=True, metavar="DIR", help="holds the key of pseudonyms")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        add_retention_option(parser)


def add_retention_option(parser: argparse.ArgumentParser) -> None:
    """The file that changes the periods."""
    parser.add_argument("--retention", type=Path, metavar="FILE.toml", help="how long what is kept, and holds")


def _doing(work: Callable[[argparse.Namespace, RetentionRun], Result]) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: _run(arguments, work)


def _run(arguments: argparse.Namespace, work: Callable[[argparse.Namespace, RetentionRun], Result]) -> int:
    def run_once(database: Database) -> Result:
        settings = load(arguments.retention)
        pseudonyms = load_or_make(arguments.authority / "server" / KEY_FILE)
        return work(arguments, RetentionRun(database, settings, pseudonyms, datetime.now(UTC), arguments.dry_run))

    return run_on_store(arguments, run_once, SettingsError, PseudonymKeyError, LedgerError, PersonError)


def _retain(arguments: argparse.Namespace, job: RetentionRun) -> Result:
    if not job.dry:
        with job.database.reading.begin() as connection:
            clock = last_clock_reading(connection)
        if clock is not None and clock.leapt is not None:
            text = (
                "refused: the clock has leapt since {clock.leapt:%Y-%m-%d %H:%M}; `kortkiosk-fleet guard confirm clock`"
            )
            return REFUSED, {"error": "clock_leapt"}, text.format(clock=clock)
    if not (job.dry or arguments.confirm):
        due, rows = count_due(job)
        if due > share_of(rows):
            most = share_of(rows)
            text = f"refused: {due} rows are over their time, and at most {most} go in a day: see the clock, then add --confirm"
            return REFUSED, {"error": "too_many", "due": due, "most": most}, text
    again = 0 if job.dry else replay(job, arguments.data / LEDGER_FILE)
    counts = {**run(job), "again": again}
    summary = ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"
    return DONE, {"dry_run": job.dry, "erased": counts}, f"{'would erase' if job.dry else 'erased'}: {summary}"


def _erase(arguments: argparse.Namespace, job: RetentionRun) -> Result:
    match erase_person(job, arguments.hsa_id, arguments.data / LEDGER_FILE):
        case PersonErased(events=events, orders=orders):
            done = "would erase" if job.dry else "erased"
            return DONE, {"events": events, "orders": orders}, f"{done}: {events} events, {orders} orders"
        case NothingErased(reasons=reasons):
            entries = [
                {**asdict(reason), "until": reason.until.isoformat() if reason.until else None} for reason in reasons
            ]
            words = [
                f"{reason.what} {reason.count}" + (f" until {reason.until}" if reason.until else "")
                for reason in reasons
            ]
            return REFUSED, {"reasons": entries}, f"refused, nothing was erased; to be kept: {', '.join(words)}"
