"""Command line of the verifier, `kortkiosk-fleet verifier`: a service of its own user, behind a Unix socket.

It reads the keys of the code letters once, at its start, and counts tries in a file of its own or in the fleet's PostgreSQL. The
one user who may ask is named; the socket's folder and the keys belong to the verifier's user, and nobody else reads them.

    $ kortkiosk-fleet verifier --socket /run/kortkiosk-verifier/socket --keys /etc/kortkiosk/verifier \
        --data /var/lib/kortkiosk-verifier --peer kortkiosk-fleet
    ready socket=/run/kortkiosk-verifier/socket
"""

import argparse
import json
import logging
import os
import pwd
import sqlite3
import time
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from fleet.hardening import forbid_dumps
from fleet.server.database.database_url import DatabaseUrlError
from fleet.server.database.options import add_store_arguments, complain, database_of
from fleet.server.process.privileges import PrivilegeError, add_user_options, give_up_root
from fleet.server.process.run import DONE, run, until_told
from fleet.server.verifier.attempt_counters import (
    AttemptCounters,
    AttemptStore,
    FileAttemptStore,
    TriesDamagedError,
    begin_anew,
)
from fleet.server.verifier.judge import Judge, Keys, KeysError
from fleet.server.verifier.postgres_counters import PostgresAttemptStore
from fleet.server.verifier.service import SocketError, VerifierService

BAD_INPUT, REFUSED = 2, 3
TRIES_FILE = "verifier.sqlite"

_log = logging.getLogger(__name__)


def add_parsers(commands: Any, make: Any) -> None:
    verifier = make(commands, "verifier", run_verifier)
    verifier.add_argument("--socket", type=Path, required=True, metavar="PATH", help="where it is asked")
    verifier.add_argument("--keys", type=Path, required=True, metavar="DIR", help="the authority's folder `verifier`")
    verifier.add_argument("--peer", required=True, metavar="NAME", help="the user who may ask: the server's")
    add_store_arguments(verifier, is_store=False)
    add_user_options(verifier, help_unseparated="for tests: may run as root, or as the user who asks")
    anew = make(commands, "begin-tries", begin_tries)
    anew.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the verifier counts")


def begin_tries(arguments: argparse.Namespace) -> int:
    """Set a damaged file aside and begin another; 3 where it is sound."""
    path = arguments.data / TRIES_FILE
    if not path.exists():
        return complain(arguments, f"{path}: no such file", BAD_INPUT)
    try:
        done = begin_anew(path, time.gmtime())
    except OSError as error:
        return complain(arguments, f"{error.filename}: {error.strerror}", BAD_INPUT)
    except sqlite3.Error as error:
        return complain(arguments, f"{path}: {error}", BAD_INPUT)
    if done is None:
        return complain(arguments, f"{path}: is sound, and goes on counting", REFUSED)
    aside, kept = done
    _log.warning("tries are counted anew: %s is set aside, %d tries of it are kept", aside, kept)
    summary = f"{aside}: set aside; {kept} tries of it are kept, all others are forgotten"
    print(json.dumps({"ok": True, "aside": str(aside), "kept": kept}) if arguments.json else summary, flush=True)
    return DONE


def run_verifier(arguments: argparse.Namespace) -> int:
    """Until it is told to stop, or a try cannot be counted."""
    try:
        peer = _entry(arguments.peer)
        folders = () if arguments.data is None else (arguments.data,)
        give_up_root(arguments.user, unseparated=arguments.unseparated, folders=folders, groups=(peer.pw_gid,))
        forbid_dumps()  # of keys, and of the code that is being judged
        if peer.pw_uid == os.geteuid() and not arguments.unseparated:
            raise PrivilegeError(f"--peer {arguments.peer}: the verifier must run as another user than who asks it")
        service = _Running(arguments.socket, arguments.keys, arguments.data, database_of(arguments), peer)
        return run(until_told("verifier", service, lambda: _say_ready(arguments)))
    except PrivilegeError as error:
        return complain(arguments, str(error), REFUSED)
    except (KeysError, SocketError, DatabaseUrlError, TriesDamagedError, OSError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except (sqlite3.Error, SQLAlchemyError) as error:
        return complain(arguments, f"tries cannot be counted: {type(error).__name__}", BAD_INPUT)


class _Running:
    """Keys, counters and socket, for as long as the context lasts."""

    def __init__(self, path: Path, keys: Path, data: Path | None, place: URL | None, peer: pwd.struct_passwd) -> None:
        self._path, self._data, self._place, self._peer = path, data, place, peer
        self._judge = Judge(Keys.load(keys))
        self._counters: AttemptCounters | None = None
        self._service: VerifierService | None = None

    async def __aenter__(self) -> Self:
        self._counters = AttemptCounters(self._tries())
        peers, group = frozenset({self._peer.pw_uid}), self._peer.pw_gid
        self._service = VerifierService(self._path, self._judge, self._counters, peers, group, time.time)
        await self._service.__aenter__()
        return self

    async def __aexit__(self, *fault: object) -> None:
        if self._service is not None:
            await self._service.__aexit__(*fault)
        if self._counters is not None:
            self._counters.close()

    async def wait(self) -> None:
        """Raises what the database said when a try could not be counted."""
        assert self._service is not None
        await self._service.wait()

    def _tries(self) -> AttemptStore:
        if self._place is not None:
            return PostgresAttemptStore(self._place)
        assert self._data is not None
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileAttemptStore(self._data / TRIES_FILE)


def _entry(name: str) -> pwd.struct_passwd:
    """Raises PrivilegeError."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise PrivilegeError(f"--peer {name}: there is no such user") from None


def _say_ready(arguments: argparse.Namespace) -> None:
    report = {"ready": True, "socket": str(arguments.socket)}
    print(json.dumps(report) if arguments.json else f"ready socket={arguments.socket}", flush=True)
