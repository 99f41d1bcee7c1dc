"""The program `kortkiosk-fleet`: serve, import-orders, import-administrators, migrate.

Exit codes: 0 done, 1 our own error, 2 bad input or usage, 130 interrupted. With `--json` the result is one object on
standard output.

    $ kortkiosk-fleet import-orders orders.csv --data /var/lib/kortkiosk-fleet
    imported 12, changed 0, unchanged 0
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fleet.server.addresses import Address, AddressError
from fleet.server.broker import BrokerError
from fleet.server.config import HTTP, MQTT, ServerConfig
from fleet.server.csvfile import FileError
from fleet.server.orders import read_administrators, read_orders
from fleet.server.server import FleetServer, ServerError, utc_now
from fleet.server.signing import SigningKeyError
from fleet.server.store import ordering
from fleet.server.store.database import FILE_NAME, StoreError, migrate, opened
from fleet.server.store.ordering import Imported, Problem, RefusedError
from fleet.server.verifier.client import VerifierAwayError

_log = logging.getLogger(__name__)

DONE, OWN_ERROR, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_ALWAYS = ("imported", "unchanged")
"""Figures that are said even where they are 0."""

_CANNOT_START = (ServerError, AddressError, BrokerError, SigningKeyError, VerifierAwayError, StoreError, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program. Gives its exit code; argparse itself ends with 2 where the usage is wrong."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=arguments.log.upper())
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _serve(arguments: argparse.Namespace) -> int:
    config = ServerConfig(arguments.data, arguments.authority, arguments.mqtt, arguments.http, arguments.broker)
    if arguments.no_broker and config.broker is None:
        config = ServerConfig(config.data, config.authority, config.mqtt, config.http, config.mqtt)
    if not arguments.authority.is_dir():
        return _complain(arguments, f"--authority {arguments.authority}: no such directory", BAD_INPUT)
    try:
        return asyncio.run(_serve_until_told(config, arguments.json))
    except _CANNOT_START as error:
        return _complain(arguments, str(error), BAD_INPUT)


async def _serve_until_told(config: ServerConfig, as_json: bool) -> int:
    """Serve until SIGTERM or SIGINT, or until a part ends by itself, which is an error of ours."""
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _tell, told, number)
    async with FleetServer(config) as server:
        _say_ready(server, as_json)
        failing = asyncio.create_task(server.wait())
        either: set[asyncio.Future[Any]] = {told, failing}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            _log.error("a part of the server has ended", exc_info=failing.exception())
            return OWN_ERROR
        failing.cancel()
    return INTERRUPTED if told.result() == signal.SIGINT else DONE


def _tell(told: "asyncio.Future[int]", number: int) -> None:
    if not told.done():
        told.set_result(number)


def _say_ready(server: FleetServer, as_json: bool) -> None:
    http, mqtt = f"http://{server.http}", str(server.mqtt)
    line = json.dumps({"ready": True, "http": http, "mqtt": mqtt}) if as_json else f"ready http={http} mqtt={mqtt}"
    print(line, flush=True)


def _import_orders(arguments: argparse.Namespace) -> int:
    def work(raw: bytes) -> Callable[[Connection], Imported]:
        rows = read_orders(raw)
        return lambda connection: ordering.import_orders(connection, rows, utc_now())

    return _import(arguments, work)


def _import_administrators(arguments: argparse.Namespace) -> int:
    def work(raw: bytes) -> Callable[[Connection], Imported]:
        people = read_administrators(raw)
        return lambda connection: ordering.replace_administrators(connection, people)

    return _import(arguments, work)


def _import(arguments: argparse.Namespace, work: Callable[[bytes], Callable[[Connection], Imported]]) -> int:
    """Read the whole file, then store all of it or nothing."""
    try:
        store = work(arguments.file.read_bytes())
        arguments.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened(arguments.data / FILE_NAME) as database, database.writing.begin() as connection:
            done = store(connection)
    except (FileError, RefusedError) as error:
        return _refuse(arguments, error.problems, error.more if isinstance(error, FileError) else 0)
    except OSError as error:
        return _complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return _complain(arguments, f"the store cannot be written: {getattr(error, 'orig', error)}", OWN_ERROR)
    figures = {"imported": done.added, "changed": done.changed, "unchanged": done.unchanged, "removed": done.removed}
    _say(
        arguments,
        {"ok": True, **figures},
        ", ".join(f"{name} {number}" for name, number in figures.items() if number or name in _ALWAYS),
    )
    return DONE


def _migrate(arguments: argparse.Namespace) -> int:
    try:
        arguments.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened(arguments.data / FILE_NAME) as database:
            _, now = migrate(database)
    except OSError as error:
        return _complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except StoreError as error:
        return _complain(arguments, str(error), OWN_ERROR)
    _say(arguments, {"ok": True, "revision": now}, f"the database is at revision {now}")
    return DONE


def _refuse(arguments: argparse.Namespace, problems: Sequence[Problem], more: int) -> int:
    for problem in problems if not arguments.json else ():
        column = f", column {problem.column}" if problem.column else ""
        print(f"{arguments.file}: line {problem.line}{column}: {problem.reason}", file=sys.stderr)
    named = [{"line": one.line, "column": one.column, "reason": one.reason} for one in problems]
    said = f"nothing was imported{f' ({more} problems more)' if more else ''}"
    _say(arguments, {"ok": False, "problems": named, "more": more}, said)
    return BAD_INPUT


def _complain(arguments: argparse.Namespace, text: str, code: int) -> int:
    if arguments.json:
        print(json.dumps({"ok": False, "error": text}, ensure_ascii=False), flush=True)
    else:
        print(f"kortkiosk-fleet: {text}", file=sys.stderr)
    return code


def _say(arguments: argparse.Namespace, result: dict[str, object], text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if arguments.json else text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kortkiosk-fleet", description="The fleet server and its administration.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", _serve, "run broker, ingest, answers and dashboard")
    serve.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    serve.add_argument(
        "--mqtt", type=_address, default=MQTT, metavar="HOST:PORT", help="where the broker listens (%(default)s)"
    )
    serve.add_argument(
        "--http", type=_address, default=HTTP, metavar="HOST:PORT", help="where pages are served (%(default)s)"
    )
    instead = serve.add_mutually_exclusive_group()
    instead.add_argument("--broker", type=_address, metavar="HOST:PORT", help="use this broker and start none")
    instead.add_argument("--no-broker", action="store_true", help="start none: use the one at --mqtt")
    for name, run, what in (
        ("import-orders", _import_orders, "take orders from a CSV file, all or none"),
        ("import-administrators", _import_administrators, "replace the list of ID administrators by a CSV file's"),
    ):
        _command(commands, name, run, what).add_argument("file", type=Path, metavar="FILE.csv")
    _command(commands, "migrate", _migrate, "bring the database up to date")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's data directory")
    command.add_argument("--json", action="store_true", help="one object on standard output")
    command.add_argument(
        "--log", choices=("debug", "info", "warning", "error"), default="warning", help=argparse.SUPPRESS
    )
    command.set_defaults(run=run)
    return command


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
