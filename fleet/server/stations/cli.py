"""Command line of stations, `kortkiosk-fleet station add`: names a station to the server before it has spoken for the first time.

Orders are taken for stations that the server knows: those that were added, and those that it has heard.

    $ kortkiosk-fleet station add entre-a entre-b --data /var/lib/kortkiosk-fleet
    added 2, known 0
"""

import argparse
import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from fleet.messages.topics import STATION_NAME
from fleet.server.platform.audit.log import AuditEvent, append
from fleet.server.platform.database.database import StoreError, open_database
from fleet.server.platform.database.database_url import DatabaseUrlError
from fleet.server.platform.database.options import add_store_arguments, complain, place_of, store_fault
from fleet.server.stations.service import add_stations

DONE, OWN_ERROR, BAD_INPUT = 0, 1, 2


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    several = commands.add_parser("station").add_subparsers(required=True, metavar="COMMAND")
    adding = command(several, "add", _add, "name stations to the server before they have spoken")
    add_store_arguments(adding)
    adding.add_argument("names", nargs="+", type=_name, metavar="STATION")


def _name(text: str) -> str:
    if not STATION_NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no station name: 1 to 40 of a-z, 0-9 and hyphens")
    return text


def _add(arguments: argparse.Namespace) -> int:
    now, who = datetime.now(UTC), f"machine:{getpass.getuser()}"
    try:
        with open_database(place_of(arguments)) as database, database.writing.begin() as connection:
            added = add_stations(connection, arguments.names)
            for name in added:
                append(connection, now, who, "", AuditEvent("station.add", name))
    except DatabaseUrlError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return complain(arguments, store_fault(arguments, error), OWN_ERROR)
    figures = {"added": len(added), "known": len(set(arguments.names)) - len(added)}
    print(json.dumps({"ok": True, **figures}) if arguments.json else f"added {len(added)}, known {figures['known']}")
    return DONE
