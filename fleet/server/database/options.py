"""Command-line options of the store, and the commands of `kortkiosk-fleet` that work on it.

$ kortkiosk-fleet rebuild --database postgresql://fleet@db.example/fleet --database-password /etc/kortkiosk/db-password
rebuilt from 4,711 events of 12 stations
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from fleet.server.database.database import FILE_NAME, Database, StoreError, fault, open_database
from fleet.server.database.database_url import DatabaseUrlError, Place, postgres_place
from fleet.subcommands import whole_number

DONE, OWN_ERROR, BAD_INPUT = 0, 1, 2
Result = tuple[int, dict[str, object] | None, str]
"""Exit code, result as an object (None: the text is a complaint), and as text."""


def run_on_store(
    arguments: argparse.Namespace,
    work: Callable[[Database], Result],
    *bad_input: type[Exception],
    migrates: bool = True,
) -> int:
    """Open the store, work, and print what came of it. `bad_input`: errors that are the input's, beside files that cannot be
    read. Gives the exit code."""
    refused: tuple[type[Exception], ...] = (DatabaseUrlError, *bad_input)
    try:
        with open_database(place_of(arguments), migrates=migrates) as database:
            code, figures, text = work(database)
    except refused as error:
        return complain(arguments, str(error), BAD_INPUT)
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except (StoreError, DBAPIError) as error:
        return complain(arguments, store_fault(arguments, error), OWN_ERROR)
    if figures is None:
        return complain(arguments, text, code)
    result = {"ok": code == DONE, **figures}
    print(json.dumps(result, ensure_ascii=False) if arguments.json else text, flush=True)
    return code


def add_store_arguments(command: argparse.ArgumentParser, *, serves: bool = False, is_store: bool = True) -> None:
    """`--data` and `--database`: either says where the store is; who serves needs a data directory in any case.

    `is_store`: `--data` is the folder of the store itself, and is refused where it holds none (see `missing_data`).
    """
    command.set_defaults(is_store=is_store)
    where: Any = command if serves else command.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, required=serves, metavar="DIR", help="the server's data directory")
    where.add_argument(
        "--database",
        type=_address,
        metavar="postgresql://USER@HOST/DATABASE",
        help="keep the store there instead of in a file of the data directory",
    )
    command.add_argument(
        "--database-password", type=Path, metavar="FILE", help="its password, alone in a file that only you can read"
    )


def add_set_aside_option(command: argparse.ArgumentParser) -> None:
    """Add the option for how much unreadable data is kept of a station."""
    command.add_argument(
        "--set-aside-mb",
        type=whole_number(1, 1000, "megabytes"),
        default=5,
        metavar="N",
        help="so much of a station is set aside in a day; what is more waits there (%(default)s)",
    )


def database_of(arguments: argparse.Namespace) -> URL | None:
    """The address of the PostgreSQL database with its password, or None. Raises DatabaseUrlError."""
    if arguments.database is None:
        if arguments.database_password is not None:
            raise DatabaseUrlError("--database-password is of use with --database only")
        return None
    return postgres_place(arguments.database, arguments.database_password)


def place_of(arguments: argparse.Namespace) -> Place:
    """Return the place of the store. Raises DatabaseUrlError."""
    database = database_of(arguments)
    if database is not None:
        return database
    data: Path = arguments.data
    return data / FILE_NAME


def missing_data(arguments: argparse.Namespace) -> str | None:
    """Why the folder of `--data` cannot be meant, and what to do; None where it can, or none was named.

    A folder that was mistyped becomes no new, empty store: only `init` and `serve --init` make one.
    """
    data: Path | None = getattr(arguments, "data", None)
    if data is None or getattr(arguments, "init", False):
        return None
    is_file = getattr(arguments, "is_store", False) and arguments.database is None
    if data.is_dir() and not (is_file and not (data / FILE_NAME).is_file()):
        return None
    missing = f"{data} holds no store ({FILE_NAME})" if data.is_dir() else f"--data {data}: no such folder"
    begin = f"; `kortkiosk-fleet init --data {data}` makes a new one" if hasattr(arguments, "is_store") else ""
    return f"{missing}: name the folder that is in use{begin}"


def store_fault(arguments: argparse.Namespace, error: Exception) -> str:
    """Describe what is wrong with which store, in one line."""
    if not isinstance(error, DBAPIError):
        return str(error)
    return fault(database_of(arguments) or arguments.data / FILE_NAME, error)


def complain(arguments: argparse.Namespace, text: str, code: int) -> int:
    """Say what is wrong, as the program's options ask for it. Gives `code` back."""
    if arguments.json:
        print(json.dumps({"ok": False, "error": text}, ensure_ascii=False), flush=True)
    else:
        print(f"kortkiosk-fleet: {text}", file=sys.stderr)
    return code


def _address(text: str) -> str:
    try:
        postgres_place(text)
    except DatabaseUrlError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
