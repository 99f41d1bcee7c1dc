"""Command line of stations: `kortkiosk-fleet station add`, `claim`, `retire` and `return`.

Orders are taken for stations of the fleet that the server knows: those that were added before they have spoken, and those that it
has heard. A station that leaves is retired: its history stays, and nothing else of it. While cards belong to it, that is refused,
and the cards are named.

    $ kortkiosk-fleet station add entre-a entre-b --data /var/lib/kortkiosk-fleet
    added 2, known 0
    $ kortkiosk-fleet station retire entre-b --reason "the entrance is closed" --data /var/lib/kortkiosk-fleet
    entre-b is retired; revoke its certificate: kortkiosk-provision revoke AUTHORITY entre-b
"""

import argparse
import getpass
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from fleet.messages.topics import STATION_NAME
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.database.database import Database
from fleet.server.database.options import DONE, Result, add_store_arguments, run_on_store
from fleet.server.enrolment.model import MOST_HOURS, EnrolmentRefusedError
from fleet.server.enrolment.service import ClaimTerms, make_claim
from fleet.server.retirement.model import REVOKE, RetirementRefusedError, UnknownStationError
from fleet.server.retirement.service import retire, take_back
from fleet.server.station_listener import StationListenerError, authority_of_listener
from fleet.server.stations.service import add_stations, retired_stations
from fleet.subcommands import whole_number

REFUSED = 3
Who = tuple[str, str]


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    several = commands.add_parser("station").add_subparsers(required=True, metavar="COMMAND")
    adding = command(several, "add", _add, "name stations to the server before they have spoken")
    add_store_arguments(adding)
    adding.add_argument("names", nargs="+", type=station_name, metavar="STATION")
    _add_claim(several, command)
    for name, run, text in (
        ("retire", _retire, "take a station out of the fleet; its history stays"),
        ("return", _return, "take a retired station into the fleet again"),
    ):
        changing = command(several, name, run, text)
        add_store_arguments(changing)
        changing.add_argument("name", type=station_name, metavar="STATION")
        changing.add_argument(
            "--reason", required=True, type=reason_of, help="why, for the audit and the station's page"
        )


def _add_claim(several: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    claiming = command(several, "claim", _claim, "make a one-time code for a station that enrols over the network")
    add_store_arguments(claiming)
    claiming.add_argument("name", type=station_name, metavar="STATION")
    claiming.add_argument("--authority", type=Path, required=True, metavar="DIR", help="the server's part of it")
    claiming.add_argument(
        "--server", required=True, type=_https, metavar="https://HOST:PORT", help="where stations enrol"
    )
    claiming.add_argument(
        "--hours", type=whole_number(1, MOST_HOURS, "hours"), default=24, help="good for so long (%(default)s)"
    )


def _https(text: str) -> str:
    if re.fullmatch(r"https://[A-Za-z0-9.:\[\]-]+", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no address of a server: https://HOST:PORT")
    return text


def station_name(text: str) -> str:
    """Of an argument. Raises ArgumentTypeError."""
    if not STATION_NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no station name: 1 to 40 of a-z, 0-9 and hyphens")
    return text


def reason_of(text: str) -> str:
    """Of an argument. Raises ArgumentTypeError."""
    if len(text) > MOST_REASON or re.fullmatch(REASON, text) is None:
        raise argparse.ArgumentTypeError(
            f"a reason is one line with a letter or digit, of at most {MOST_REASON} characters"
        )
    return text.strip()


def _add(arguments: argparse.Namespace) -> int:
    def add(connection: Connection, actor: Who, now: datetime) -> Result:
        if retired := sorted(retired_stations(connection, arguments.names)):
            return (
                REFUSED,
                None,
                f"retired: {', '.join(retired)} (`kortkiosk-fleet station return` takes a station back)",
            )
        added = add_stations(connection, arguments.names)
        for name in added:
            append(connection, now, *actor, AuditEvent("station.add", name))
        existing = len(set(arguments.names)) - len(added)
        return DONE, {"added": len(added), "known": existing}, f"added {len(added)}, known {existing}"

    return _in_store(arguments, add)


def _claim(arguments: argparse.Namespace) -> int:
    def make(connection: Connection, actor: Who, now: datetime) -> Result:
        terms = ClaimTerms(arguments.server, authority_of_listener(arguments.authority))
        claim = make_claim(connection, terms, arguments.name, arguments.hours, actor, now)
        report = {"station": claim.station, "server": claim.server, "code": str(claim.code), "text": claim.text}
        return DONE, {**report}, f"{claim.code}\nfor {claim.station}, once, within {arguments.hours} hours"

    return _in_store(arguments, make)


def _retire(arguments: argparse.Namespace) -> int:
    def change(connection: Connection, actor: Who, now: datetime) -> Result:
        retire(connection, arguments.name, arguments.reason, actor, now)
        revoke = REVOKE.format(station=arguments.name)
        message = f"{arguments.name} is retired; revoke its certificate: {revoke}"
        return DONE, {"station": arguments.name, "revoke": revoke}, message

    return _in_store(arguments, change)


def _return(arguments: argparse.Namespace) -> int:
    def change(connection: Connection, actor: Who, now: datetime) -> Result:
        take_back(connection, arguments.name, arguments.reason, actor, now)
        return DONE, {"station": arguments.name}, f"{arguments.name} is in the fleet again"

    return _in_store(arguments, change)


def _in_store(arguments: argparse.Namespace, change: Callable[[Connection, Who, datetime], Result]) -> int:
    """The change in one transaction; gives the exit code."""

    def work(database: Database) -> Result:
        try:
            with database.writing.begin() as connection:
                return change(connection, (f"machine:{getpass.getuser()}", ""), datetime.now(UTC))
        except EnrolmentRefusedError as error:
            return REFUSED, None, str(error)
        except RetirementRefusedError as error:
            left: dict[str, object] = {"error": str(error), "left": error.left.lines}
            return REFUSED, left if arguments.json else None, str(error)

    return run_on_store(arguments, work, UnknownStationError, StationListenerError)
