"""Command line of the store's check: `kortkiosk-fleet verify-store`. It changes nothing, and a server may run meanwhile.

$ kortkiosk-fleet verify-store --data /var/lib/kortkiosk-fleet
the store holds what its chains say: 4,711 events in 12 chains, 310 entries of the audit
"""

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.integrity.queries import last_watermarks
from fleet.server.integrity.service import StoreCheck, Watermarks, check_store, watermarks_since

DIFFERENT = 3
LAST = "last"


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    verify = command(commands, "verify-store", _verify)
    add_store_arguments(verify)
    verify.add_argument("--station", metavar="NAME", help="of this one alone")
    how = verify.add_mutually_exclusive_group()
    how.add_argument("--full", action="store_true", help="all of it (the default)")
    how.add_argument(
        "--since", type=_since, metavar="DAY|last", help="what came since that day (UTC), or since the nightly check"
    )


def _since(text: str) -> datetime | str:
    try:
        return text if text == LAST else datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day is written YYYY-MM-DD; or {LAST}") from None


def _verify(arguments: argparse.Namespace) -> int:
    def verify(database: Database) -> Result:
        check = _checked(arguments, database)
        return DIFFERENT if check.count else DONE, as_object(check), as_text(check)

    return run_on_store(arguments, verify, migrates=False)


def _checked(arguments: argparse.Namespace, database: Database) -> StoreCheck:
    watermarks: Watermarks | None = None
    with database.reading.begin() as connection:
        if arguments.since == LAST:
            watermarks = last_watermarks(connection)
        elif arguments.since is not None:
            watermarks = watermarks_since(connection, arguments.since)
    return check_store(database, watermarks, None if arguments.station is None else {arguments.station})


def as_object(check: StoreCheck) -> dict[str, object]:
    """With stable keys, see docs/operations.md."""
    return {
        "whole": check.whole,
        "events": check.events,
        "chains": check.chains,
        "audit_entries": check.audit_entries,
        "known_breaks": check.known_breaks,
        "count": check.count,
        "differences": [msgspec.structs.asdict(difference) for difference in check.differences],
    }


def as_text(check: StoreCheck) -> str:
    seen = f"{check.events:,} events in {check.chains:,} chains, {check.audit_entries:,} entries of the audit"
    if check.known_breaks:
        seen += f"; {check.known_breaks} links were broken when they came, and people were told"
    if not check.count:
        return f"the store holds what its chains say: {seen}"
    more = f"\n{check.count - len(check.differences)} more" if check.count > len(check.differences) else ""
    listed = "\n".join(map(str, check.differences))
    return f"{listed}{more}\n{check.count} differences; looked at: {seen}"
