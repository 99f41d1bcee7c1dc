"""Command-line options of the store, and the commands of `kortkiosk-fleet` that work on it.

$ kortkiosk-fleet rebuild --database postgresql://fleet@db.example/fleet --database-password /etc/kortkiosk/db-password
rebuilt from 4,711 events of 12 stations
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from fleet.server.platform.database.database import FILE_NAME, fault
from fleet.server.platform.database.database_url import DatabaseUrlError, Place, postgres_place


def add_store_arguments(command: argparse.ArgumentParser, *, serves: bool = False) -> None:
    """`--data` and `--database`: either says where the store is; who serves needs a data directory in any case."""
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
    """How much of what cannot be read is kept of a station."""
    command.add_argument(
        "--set-aside-mb",
        type=_megabytes,
        default=5,
        metavar="N",
        help="so much of a station is set aside in a day; what is more waits there (%(default)s)",
    )


def _megabytes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of megabytes from 1 to 1000")
    return int(text)


def database_of(arguments: argparse.Namespace) -> URL | None:
    """The address of the PostgreSQL database with its password, or None. Raises PlaceError."""
    if arguments.database is None:
        if arguments.database_password is not None:
            raise DatabaseUrlError("--database-password is of use with --database only")
        return None
    return postgres_place(arguments.database, arguments.database_password)


def place_of(arguments: argparse.Namespace, *, begun: bool = False) -> Place:
    """Where the store is; a data directory is made where there is none. Raises PlaceError, OSError.

    `begun`: of use only where there is a store already. On a directory that was mistyped it must not say that all is well.
    """
    database = database_of(arguments)
    if database is not None:
        return database
    data: Path = arguments.data
    if begun and not (data / FILE_NAME).exists():
        raise DatabaseUrlError(f"{data} holds no store ({FILE_NAME}): name the server's data directory")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data / FILE_NAME


def store_fault(arguments: argparse.Namespace, error: Exception) -> str:
    """What is wrong with which store, in one line."""
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
