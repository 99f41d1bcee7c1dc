"""Command line of the store: `kortkiosk-fleet import-orders`, `import-administrators`, `import-directory`, `init`, `migrate`,
`rebuild`.

$ kortkiosk-fleet import-orders orders.csv --data /var/lib/kortkiosk-fleet
imported 12, changed 0, unchanged 0

>>> sorted(IMPORTS)
['import-administrators', 'import-directory', 'import-orders']
"""

import argparse
import asyncio
import getpass
import json
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fleet.server.accounts.separation_of_duties import Requester
from fleet.server.database.database import FILE_NAME, Database, StoreError, migrate, open_database
from fleet.server.database.database_url import DatabaseUrlError
from fleet.server.database.generation import copy_store
from fleet.server.database.options import (
    BAD_INPUT,
    DONE,
    OWN_ERROR,
    Result,
    add_store_arguments,
    complain,
    place_of,
    run_on_store,
    store_fault,
)
from fleet.server.files.csv_files import FileError, FileProblem
from fleet.server.files.import_files import ImportRefusedError, ImportResult
from fleet.server.ingest.rebuild import rebuild
from fleet.server.issuer_wiring import fetched_orders
from fleet.server.issuers.ports import IssuerAwayError
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.orders import service
from fleet.server.orders.order_files import read_orders
from fleet.server.people.administrator_files import read_administrators
from fleet.server.people.directory_files import read_directory
from fleet.server.people.leaving import import_guarded
from fleet.server.process.default_settings import SettingsError
from fleet.server.proposals.service import import_administrators

AWAY = 4

_ALWAYS = ("imported", "unchanged")
"""Figures that are said even where they are 0."""


Store = Callable[[Connection, datetime], ImportResult | str]
"""What was stored, or in words why nothing was."""


def _orders(raw: bytes) -> Store:
    rows = read_orders(raw)
    return lambda connection, now: service.import_orders(connection, rows, now)


def _administrators(raw: bytes) -> Store:
    people, by = read_administrators(raw), Requester(f"machine:{getpass.getuser()}", stepped_up=True)
    return lambda connection, now: import_administrators(connection, people, by, now)


def _directory(raw: bytes) -> Store:
    people = read_directory(raw)
    return lambda connection, now: import_guarded(connection, people, now)


IMPORTS: Mapping[str, Callable[[bytes], Store]] = {
    "import-orders": _orders,
    "import-administrators": _administrators,
    "import-directory": _directory,
}
"""What each command reads a file with. It raises FileError; what it gives raises RefusedError."""


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    for name in IMPORTS:
        importing = command(commands, name, _import)
        importing.set_defaults(what=name)
        add_store_arguments(importing)
        fetches = name == "import-orders"
        source = importing.add_mutually_exclusive_group(required=True) if fetches else importing
        source.add_argument("file", type=Path, metavar="FILE.csv", nargs="?" if fetches else None)
        if fetches:
            source.add_argument("--issuer", type=Path, metavar="FILE.toml", help="take what the issuer has")
    begin = command(commands, "init", _init)
    add_store_arguments(begin)
    begin.set_defaults(init=True)
    add_store_arguments(command(commands, "migrate", _migrate))
    add_store_arguments(command(commands, "rebuild", _rebuild))
    backup = command(commands, "backup", _backup)
    backup.add_argument("file", type=Path, metavar="FILE", help="where the copy goes; it must not be there yet")
    backup.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's data directory")


def _import(arguments: argparse.Namespace) -> int:
    """Read the whole file, then store all of it or nothing."""
    try:
        store = IMPORTS[arguments.what](_content(arguments))
        with open_database(place_of(arguments)) as database, database.writing.begin() as connection:
            done = store(connection, datetime.now(UTC))
    except (FileError, ImportRefusedError) as error:
        return _refuse(arguments, error.problems, error.more if isinstance(error, FileError) else 0)
    except (SettingsError, DatabaseUrlError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except IssuerAwayError as error:
        return complain(arguments, f"the issuer cannot be asked: {error}", AWAY)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return complain(arguments, f"the store cannot be written: {store_fault(arguments, error)}", OWN_ERROR)
    if isinstance(done, str):
        return complain(arguments, f"nothing was imported: {done}", BAD_INPUT)
    figures = {"imported": done.added, "changed": done.changed, "unchanged": done.unchanged, "removed": done.removed}
    figures |= {"proposed": done.proposed} if done.proposed else {}
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


def _init(arguments: argparse.Namespace) -> int:
    """The one command that makes a data directory."""
    if arguments.data is not None:
        try:
            arguments.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    return _migrate(arguments)


def _migrate(arguments: argparse.Namespace) -> int:
    def work(database: Database) -> Result:
        _, now = migrate(database)
        return DONE, {"revision": now}, f"the database is at revision {now}"

    return run_on_store(arguments, work)


def _rebuild(arguments: argparse.Namespace) -> int:
    def work(database: Database) -> Result:
        done = rebuild(database)
        return DONE, asdict(done), f"rebuilt from {done.events} events of {done.stations} stations"

    return run_on_store(arguments, work)


def _backup(arguments: argparse.Namespace) -> int:
    """While the server runs. Of a store in PostgreSQL `pg_dump` makes one."""
    source = arguments.data / FILE_NAME
    try:
        if not source.exists():
            raise DatabaseUrlError(f"{arguments.data} holds no store ({FILE_NAME}): name the server's data directory")
        problem = copy_store(source, arguments.file)
    except DatabaseUrlError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except sqlite3.Error as error:
        return complain(arguments, f"{source}: {error}", OWN_ERROR)
    if problem:
        return complain(arguments, f"{arguments.file}: the copy is damaged, and so is the store: {problem}", OWN_ERROR)
    size = arguments.file.stat().st_size
    _say(arguments, {"ok": True, "bytes": size}, f"{arguments.file}: {size} bytes, and sound")
    return DONE


def _refuse(arguments: argparse.Namespace, problems: Sequence[FileProblem], more: int) -> int:
    for problem in problems if not arguments.json else ():
        column = f", column {problem.column}" if problem.column else ""
        print(
            f"{arguments.file or 'the orders of the issuer'}: line {problem.line}{column}: {problem.reason}",
            file=sys.stderr,
        )
    named = [
        {"line": file_problem.line, "column": file_problem.column, "reason": file_problem.reason}
        for file_problem in problems
    ]
    summary = f"nothing was imported{f' ({more} problems more)' if more else ''}"
    _say(arguments, {"ok": False, "problems": named, "more": more}, summary)
    return BAD_INPUT


def _say(arguments: argparse.Namespace, result: dict[str, object], text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if arguments.json else text, flush=True)
