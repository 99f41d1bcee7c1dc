"""Command line of guards, `kortkiosk-fleet guard list` and `guard confirm`: what waits for a person, and the person's word.

    $ kortkiosk-fleet guard list --data /var/lib/kortkiosk-fleet
    clock: leapt; it showed 2026-06-01 10:00 before, and shows 2036-06-01 10:00 now
    $ kortkiosk-fleet guard confirm clock --data /var/lib/kortkiosk-fleet
    confirmed: clock

`confirm clock` says that the clock of this machine is right now; `confirm BATCH`, that as many rows as were due may go within a
day. Exit code 3 where nothing of that name waits.
"""

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.guards.model import CLOCK, GuardState
from fleet.server.guards.service import confirm, guard_state

REFUSED = 3
_FORM = "%Y-%m-%d %H:%M"


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    several = commands.add_parser("guard").add_subparsers(required=True, metavar="COMMAND")
    add_store_arguments(command(several, "list", lambda arguments: _run(arguments, _list), "what waits for a person"))
    confirming = command(several, "confirm", lambda arguments: _run(arguments, _confirm), "say that the clock is right")
    confirming.add_argument("name", metavar="clock|BATCH", help="as `guard list` names it")
    add_store_arguments(confirming)


def _run(arguments: argparse.Namespace, work: Callable[[argparse.Namespace, Connection, datetime], Result]) -> int:
    def in_one_transaction(database: Database) -> Result:
        with database.writing.begin() as connection:
            return work(arguments, connection, datetime.now(UTC))

    return run_on_store(arguments, in_one_transaction)


def _list(_arguments: argparse.Namespace, connection: Connection, now: datetime) -> Result:
    state = guard_state(connection, now)
    leapt = state.clock.leapt if state.clock else None
    stops = [
        {
            "batch": stop.batch,
            "due": stop.due,
            "most": stop.most,
            "until": stop.until.isoformat() if stop.until else None,
        }
        for stop in state.stops
    ]
    figures: dict[str, object] = {"clock": leapt.isoformat() if leapt else None, "batches": stops}
    return DONE, figures, "\n".join(_lines(state, now)) or "nothing waits for a person"


def _lines(state: GuardState, now: datetime) -> list[str]:
    leapt = state.clock.leapt if state.clock else None
    lines = [f"{CLOCK}: leapt; it showed {leapt:{_FORM}} before, and shows {now:{_FORM}} now"] if leapt else []
    for stop in state.stops:
        waits = f"allowed until {stop.until:{_FORM}}" if stop.until else "waits"
        lines.append(f"{stop.batch}: {stop.due} rows in a day, at most {stop.most} go by themselves; {waits}")
    return lines


def _confirm(arguments: argparse.Namespace, connection: Connection, now: datetime) -> Result:
    if confirm(connection, arguments.name, now, (f"machine:{getpass.getuser()}", "")):
        return DONE, {"confirmed": arguments.name}, f"confirmed: {arguments.name}"
    return REFUSED, None, f"{arguments.name}: nothing of that name waits for a person; see `guard list`"
