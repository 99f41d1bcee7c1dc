"""The program `kortkiosk-fleet`: serve, verifier, worker, import-orders, import-administrators, import-directory, user, token,
verify-audit, migrate, rebuild, export-evidence, verify-evidence, retain, erase, simulate, issuer-simulator, broker-files,
units.

Exit codes: 0 done, 1 our own error, 2 bad input or usage, 3 refused or not genuine, 4 the issuer does not answer, 130
interrupted. With `--json` the result is one object on standard output.

    $ kortkiosk-fleet import-orders orders.csv --data /var/lib/kortkiosk-fleet
    imported 12, changed 0, unchanged 0
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from fleet.hardening import forbid_dumps
from fleet.server import worker_cli as cluster_commands
from fleet.server.accounts import cli as access_commands
from fleet.server.accounts.sign_in.secret_encryption import SecretsError
from fleet.server.alerts.settings import AlertSettingsError
from fleet.server.asks.revocation_list import AuthorityFileError
from fleet.server.deadlines.settings import DeadlineSettingsError
from fleet.server.diagnosis import cli as upkeep_commands
from fleet.server.evidence import cli as evidence_commands
from fleet.server.evidence.settings import EvidenceSettingsError
from fleet.server.evidence.signature import SealError
from fleet.server.import_files import IMPORTS
from fleet.server.ingest.rebuild import rebuild
from fleet.server.issuers.card_keys import CardKeysError
from fleet.server.issuers.ports import IssuerAwayError
from fleet.server.issuers.region_data import RegionError
from fleet.server.issuers.settings import IssuerSettings, IssuerSettingsError
from fleet.server.issuers.wiring import fetched_orders
from fleet.server.platform.addresses import AddressError
from fleet.server.platform.broker.mosquitto import BrokerError
from fleet.server.platform.broker.options import add_broker_options, address, chosen_broker
from fleet.server.platform.config import HTTP, ServerConfig
from fleet.server.platform.csv_files import FileError, FileProblem
from fleet.server.platform.database.database import Database, StoreError, migrate, open_database
from fleet.server.platform.database.database_url import DatabaseUrlError
from fleet.server.platform.database.options import add_store_arguments, complain, database_of, place_of, store_fault
from fleet.server.platform.import_files import ImportRefusedError
from fleet.server.platform.process.logs import FORMATS, configure
from fleet.server.platform.process.privileges import PrivilegeError, add_user_options, give_up_root
from fleet.server.platform.process.run import DONE, INTERRUPTED, OWN_ERROR, run, settle, until_told
from fleet.server.platform.process.telemetry import tracing_of
from fleet.server.platform.signing import SigningKeyError
from fleet.server.platform.web.settings import WebSettingsError
from fleet.server.platform.webhook_signatures import HookError
from fleet.server.retention import cli as retention_commands
from fleet.server.retention.pseudonyms import PseudonymKeyError
from fleet.server.retention.settings import RetentionSettingsError
from fleet.server.server import FleetServer, ServerError, utc_now
from fleet.server.verifier import cli as verifier_command
from fleet.server.verifier.model import VerifierAwayError

_log = logging.getLogger(__name__)

BAD_INPUT, REFUSED, AWAY = 2, 3, 4
LISTS_VALID_H, MOST_LISTS_VALID_H = 24, 14 * 24

GROUP = "kortkiosk_fleet.commands"
OF_SIM = ("simulate", "issuer-simulator")
"""Commands that the package `kortkiosk-sim` adds."""

_ALWAYS = ("imported", "unchanged")
"""Figures that are said even where they are 0."""

_CANNOT_START = (
    ServerError,
    AddressError,
    BrokerError,
    SigningKeyError,
    AuthorityFileError,
    VerifierAwayError,
    StoreError,
    DatabaseUrlError,
    IssuerSettingsError,
    AlertSettingsError,
    DeadlineSettingsError,
    RegionError,
    CardKeysError,
    HookError,
    WebSettingsError,
    SecretsError,
    RetentionSettingsError,
    SealError,
    EvidenceSettingsError,
    PseudonymKeyError,
    OSError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program. Gives its exit code; argparse itself ends with 2 where the usage is wrong."""
    arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    configure(arguments.log_format, arguments.log)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _serve(arguments: argparse.Namespace) -> int:
    broker, unseparated = chosen_broker(arguments), arguments.unseparated or arguments.demo
    if not (arguments.verifier or arguments.web_only or unseparated):
        said = "--verifier SOCKET: name the socket of `kortkiosk-fleet verifier`, which runs as a user of its own"
        return complain(arguments, said, BAD_INPUT)
    try:
        give_up_root(arguments.user, unseparated=unseparated, folders=(arguments.data,))
        forbid_dumps()
    except (PrivilegeError, OSError) as error:
        return complain(arguments, str(error), REFUSED if isinstance(error, PrivilegeError) else BAD_INPUT)
    if not arguments.authority.is_dir():
        return complain(arguments, f"--authority {arguments.authority}: no such directory", BAD_INPUT)
    try:
        config = ServerConfig(
            arguments.data,
            arguments.authority,
            arguments.mqtt,
            arguments.http,
            broker.broker,
            arguments.issuer,
            database_of(arguments),
            arguments.alerts,
            arguments.web,
            arguments.demo,
            deadlines=arguments.deadlines,
            order_hook=arguments.order_hook,
            cluster=broker.cluster,
            web_only=arguments.web_only,
            retention=arguments.retention,
            verifier=arguments.verifier,
            lists_valid=timedelta(hours=arguments.lists_valid),
            evidence=arguments.evidence,
            certificate=arguments.certificate,
        )
        server = FleetServer(config, utc_now, tracing_of(os.environ))
        return run(until_told("server", server, lambda: _say_ready(server, arguments.json)))
    except _CANNOT_START as error:
        return complain(arguments, _said(error), BAD_INPUT)


def _said(error: Exception) -> str:
    """A file that cannot be opened in words, without the number that the system gives it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _say_ready(server: FleetServer, as_json: bool) -> None:
    settle()
    assert server.pages is not None
    told = {"http": server.pages.url, **server.broker, **server.pages.links}
    words = " ".join(f"{name}={value}" for name, value in told.items())
    print(json.dumps({"ready": True, **told}) if as_json else f"ready {words}", flush=True)


def _import(arguments: argparse.Namespace) -> int:
    """Read the whole file, then store all of it or nothing."""
    try:
        store = IMPORTS[arguments.what].read(_content(arguments))
        with open_database(place_of(arguments)) as database, database.writing.begin() as connection:
            done = store(connection, utc_now())
    except (FileError, ImportRefusedError) as error:
        return _refuse(arguments, error.problems, error.more if isinstance(error, FileError) else 0)
    except (IssuerSettingsError, DatabaseUrlError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except IssuerAwayError as error:
        return complain(arguments, f"the issuer cannot be asked: {error}", AWAY)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return complain(arguments, f"the store cannot be written: {store_fault(arguments, error)}", OWN_ERROR)
    figures = {"imported": done.added, "changed": done.changed, "unchanged": done.unchanged, "removed": done.removed}
    _say(
        arguments,
        {"ok": True, **figures},
        ", ".join(f"{name} {number}" for name, number in figures.items() if number or name in _ALWAYS),
    )
    return DONE


def _content(arguments: argparse.Namespace) -> bytes:
    """Of the file, or what the issuer has. Raises OSError, SettingsError, IssuerAwayError."""
    if getattr(arguments, "issuer", None) is not None:
        return asyncio.run(fetched_orders(IssuerSettings.load(arguments.issuer)))
    content: bytes = arguments.file.read_bytes()
    return content


def _migrate(arguments: argparse.Namespace) -> int:
    def work(database: Database) -> tuple[dict[str, object], str]:
        _, now = migrate(database)
        return {"revision": now}, f"the database is at revision {now}"

    return _on_store(arguments, work, begun=False)


def _rebuild(arguments: argparse.Namespace) -> int:
    def work(database: Database) -> tuple[dict[str, object], str]:
        done = rebuild(database)
        return asdict(done), f"rebuilt from {done.events} events of {done.stations} stations"

    return _on_store(arguments, work, begun=True)


def _on_store(
    arguments: argparse.Namespace, work: Callable[[Database], tuple[dict[str, object], str]], *, begun: bool
) -> int:
    """Open the store, work, and say what came of it: as figures and as a sentence."""
    try:
        with open_database(place_of(arguments, begun=begun)) as database:
            figures, text = work(database)
    except DatabaseUrlError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return complain(arguments, store_fault(arguments, error), OWN_ERROR)
    _say(arguments, {"ok": True, **figures}, text)
    return DONE


def _refuse(arguments: argparse.Namespace, problems: Sequence[FileProblem], more: int) -> int:
    for problem in problems if not arguments.json else ():
        column = f", column {problem.column}" if problem.column else ""
        print(
            f"{arguments.file or 'the orders of the issuer'}: line {problem.line}{column}: {problem.reason}",
            file=sys.stderr,
        )
    named = [{"line": one.line, "column": one.column, "reason": one.reason} for one in problems]
    said = f"nothing was imported{f' ({more} problems more)' if more else ''}"
    _say(arguments, {"ok": False, "problems": named, "more": more}, said)
    return BAD_INPUT


def _say(arguments: argparse.Namespace, result: dict[str, object], text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if arguments.json else text, flush=True)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kortkiosk-fleet", description="The fleet server and its administration.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", _serve, "run broker, ingest, answers and dashboard")
    add_store_arguments(serve, serves=True)
    serve.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    add_broker_options(serve)
    serve.add_argument(
        "--http", type=address, default=HTTP, metavar="HOST:PORT", help="where pages are served (%(default)s)"
    )
    serve.add_argument("--issuer", type=Path, metavar="FILE.toml", help="where issuer and register are")
    serve.add_argument("--alerts", type=Path, metavar="FILE.toml", help="rules of alerts, maintenance, webhook, e-mail")
    serve.add_argument("--deadlines", type=Path, metavar="FILE.toml", help="rules of what happens by itself, and when")
    serve.add_argument("--order-hook", type=Path, metavar="FILE", help="secret of the order system's signed messages")
    serve.add_argument("--verifier", type=Path, metavar="SOCKET", help="where `kortkiosk-fleet verifier` is asked")
    add_user_options(
        serve, help_unseparated="for tests: may run as root, and starts a verifier of its own as that user"
    )
    access_commands.add_serve_options(serve)
    retention_commands.add_retention_option(serve)
    serve.add_argument(
        "--lists-valid",
        type=_hours,
        default=LISTS_VALID_H,
        metavar="HOURS",
        help="so long a station believes its lists of orders and administrators without newer ones (%(default)s)",
    )
    serve.add_argument("--evidence", type=Path, metavar="FILE.toml", help="the region's time-stamping authority")
    for name, one in IMPORTS.items():
        command = _command(commands, name, _import, one.help)
        command.set_defaults(what=name)
        add_store_arguments(command)
        fetches = name == "import-orders"
        source = command.add_mutually_exclusive_group(required=True) if fetches else command
        source.add_argument("file", type=Path, metavar="FILE.csv", nargs="?" if fetches else None)
        if fetches:
            source.add_argument("--issuer", type=Path, metavar="FILE.toml", help="take what the issuer has")
    add_store_arguments(_command(commands, "migrate", _migrate, "bring the database up to date"))
    add_store_arguments(_command(commands, "rebuild", _rebuild, "make all that follows from events anew"))
    access_commands.add_parsers(commands, _command)
    evidence_commands.add_parsers(commands, _command)
    retention_commands.add_parsers(commands, _command)
    cluster_commands.add_parsers(commands, _command, utc_now)
    verifier_command.add_parser(commands, _command)
    upkeep_commands.add_parsers(commands, _command)
    _add_plugins(commands, arguments)
    return parser


def _add_plugins(commands: Any, arguments: Sequence[str]) -> None:
    """Commands of other packages, by entry points of the group `kortkiosk_fleet.commands`; loaded only where they are needed."""
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    if wanted in commands.choices:
        return
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if wanted in OF_SIM and wanted not in {entry.name for entry in entries}:
        print(f"kortkiosk-fleet {wanted}: install kortkiosk-sim, which has this command", file=sys.stderr)
        raise SystemExit(BAD_INPUT)
    for entry in entries:
        if not wanted or entry.name == wanted:
            entry.load().add_parser(commands, _command)
        else:
            commands.add_parser(entry.name)


def _hours(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_LISTS_VALID_H:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of hours from 1 to {MOST_LISTS_VALID_H}")
    return int(text)


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    command.add_argument("--json", action="store_true", help="one object on standard output")
    command.add_argument(
        "--log", choices=("debug", "info", "warning", "error"), default="warning", help=argparse.SUPPRESS
    )
    command.add_argument("--log-format", choices=FORMATS, default="text", help="the log's lines (%(default)s)")
    command.set_defaults(run=run)
    return command


if __name__ == "__main__":
    sys.exit(main())
