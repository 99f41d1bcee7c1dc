"""Command line of updates: `kortkiosk-fleet update order` and `list`, for several stations at once.

A bundle is named by its digest or by the beginning of it. Nothing is ordered for any station while one of them cannot take the
bundle; those are named. The server that runs signs what was ordered and sends it.

    $ kortkiosk-fleet update order 5e5e5e5e entre-a entre-b --port 8444 --reason "security" --data /var/lib/kortkiosk-fleet
    2026.48.1 is ordered for 2 stations
    $ kortkiosk-fleet update list --data /var/lib/kortkiosk-fleet
    entre-a  2026.47.1  2026.48.1  fetching
"""

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.server.commands.model import VALID_S, CommandRequest, Requester
from fleet.server.commands.roll_out import Progress, roll_out, unfit_stations
from fleet.server.commands.service import CommandService
from fleet.server.database.database import Database
from fleet.server.database.options import BAD_INPUT, DONE, Result, add_store_arguments, complain, run_on_store
from fleet.server.live_feed.hub import Hub
from fleet.server.proposals.effects import roll_out_wish
from fleet.server.proposals.service import ProposalService
from fleet.server.readings.queries import StoreReadings
from fleet.server.station_cli import reason_of, station_name
from fleet.server.updates.service import FOLDER, BundleFolder
from fleet.subcommands import whole_number

REFUSED = 3


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    several = commands.add_parser("update").add_subparsers(required=True, metavar="COMMAND")
    order = command(several, "order", _order, "order one bundle for several stations")
    add_store_arguments(order)
    order.add_argument("bundle", metavar="SHA256", help="as `bundle list` says it, or its beginning")
    order.add_argument("stations", nargs="+", type=station_name, metavar="STATION")
    order.add_argument("--reason", required=True, type=reason_of, help="why, for the audit and the station's page")
    order.add_argument(
        "--port", required=True, type=whole_number(1, 65535), metavar="N", help="that of `serve --updates`"
    )
    order.add_argument("--bundles", type=Path, metavar="DIR", help="where they are kept (updates in --data)")
    order.add_argument(
        "--now", action="store_true", help="at once when nobody is there, not in the station's hours alone"
    )
    order.add_argument("--older", action="store_true", help="also where a newer version runs")
    listing = command(several, "list", _list, "how far each station has come with the version that was ordered")
    add_store_arguments(listing)


def _order(arguments: argparse.Namespace) -> int:
    folder = arguments.bundles or (arguments.data / FOLDER if arguments.data else None)
    if folder is None:
        return complain(arguments, "name the folder of the bundles: --bundles DIR", BAD_INPUT)
    bundles = BundleFolder(folder, arguments.port)
    fitting = [bundle for bundle in bundles.all() if bundle.sha256.startswith(arguments.bundle)]
    if len(fitting) != 1:
        problem = "there is no such bundle" if not fitting else "more than one bundle begins so"
        return complain(arguments, f"{arguments.bundle}: {problem} (`kortkiosk-fleet bundle list`)", BAD_INPUT)
    order = bundles.order(fitting[0].sha256, older=arguments.older, now=arguments.now)
    names = tuple(dict.fromkeys(arguments.stations))

    def work(database: Database) -> Result:
        now = datetime.now(UTC)
        readings = StoreReadings(database, lambda: now)
        rows = [*readings.stations(now), *readings.retired_stations(now)]
        unfit = unfit_stations(names, rows, fitting[0], older=arguments.older)
        if unfit:
            reasons = "\n".join(f"  {name}: {why}" for name, why in unfit.items())
            return REFUSED, None, f"nothing was ordered; these cannot take {fitting[0].version}:\n{reasons}"
        service = CommandService(database, Hub(), lambda: now)
        by = Requester(f"machine:{getpass.getuser()}", stepped_up=True)
        wishes = [
            CommandRequest(name, "update", arguments.reason, valid_s=VALID_S[-1], update_order=order) for name in names
        ]
        proposals = ProposalService(database, Hub(), lambda: now)
        if order is not None and proposals.is_for_fleet(wishes):
            row = proposals.propose(roll_out_wish(wishes, order), by).row
            waits = f"{fitting[0].version} is proposal {row.id}: another person confirms it on the page of proposals"
            return DONE, {"version": fitting[0].version, "proposal": row.id}, waits
        made = [service.ask(wish, by).id for wish in wishes]
        summary = f"{fitting[0].version} is ordered for {len(made)} stations"
        return DONE, {"version": fitting[0].version, "commands": made}, summary

    return run_on_store(arguments, work)


def _list(arguments: argparse.Namespace) -> int:
    def work(database: Database) -> Result:
        now = datetime.now(UTC)
        orders = CommandService(database, Hub(), lambda: now).latest_updates()
        rows = [_facts(progress) for progress in roll_out(StoreReadings(database, lambda: now).stations(now), orders)]
        lines = ("  ".join(str(value) for value in row.values() if value is not None) for row in rows)
        return DONE, {"stations": rows}, "\n".join(lines)

    return run_on_store(arguments, work)


def _facts(progress: Progress) -> dict[str, str | None]:
    image = progress.row.state.image if progress.row.state else None
    return {
        "station": progress.row.name,
        "image": image or "-",
        "version": progress.version or "-",
        "state": progress.state or "-",
        "reason": progress.reason or None,
    }
