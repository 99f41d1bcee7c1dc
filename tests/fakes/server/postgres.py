"""A PostgreSQL cluster of the tests' own, on a unix socket in a folder of its own.

PostgreSQL refuses to run as root: then its programs run as Debian's user `postgres`. Programs are taken from the newest version
that Debian has installed. `sync=False` leaves out fsync, which no test but that of durability needs.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import URL

from fleet.server.database.database_url import postgres_place
from sim.stories.patience import LIMIT_S

USER = "fleet"
SETTINGS = ("listen_addresses=", "max_connections=100", "shared_buffers=32MB", "log_min_messages=error")
UNSYNCED = ("fsync=off", "synchronous_commit=on", "full_page_writes=off")


def programs() -> Path:
    """Where initdb and postgres are. Raises FileNotFoundError where Debian's package is not installed."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed (Debian package postgresql-17)")
    return max(found, key=lambda path: int(path.parent.name))


class Cluster:
    """One server. Its folder stays the same over `kill` and `start`."""

    def __init__(self, *, sync: bool = False) -> None:
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._settings = SETTINGS if sync else SETTINGS + UNSYNCED
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", f"--pgdata={self.folder / 'data'}", *options)

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = [word for setting in self._settings for word in ("-c", setting)]
        words = [str(programs() / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *arguments]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stderr=log, stdout=log, cwd=self.folder, **self._as_user())
        deadline = time.monotonic() + LIMIT_S
        while not self._answers():
            assert self._process.poll() is None, f"PostgreSQL ended: {self.log()}"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL to the server and, through it, to all that it started; it cannot be started again before they are gone."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        server.suspend()  # it starts no more
        started = server.children(recursive=True)
        self._end(signal.SIGKILL)
        _, left = psutil.wait_procs(started, LIMIT_S)
        assert not left, left

    def stop(self) -> None:
        """End it at once, in order."""
        if self._process is not None:
            self._end(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def session(self) -> "psycopg.Connection[Any]":
        """A connection to the server itself, for `with`."""
        return psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True)

    def place(self, template: str = "template1") -> URL:
        """A new database: empty, or a copy of `template`, to which nobody may be connected."""
        self._made += 1
        with self.session() as session:
            session.execute(f"CREATE DATABASE fleet_{self._made} TEMPLATE {template}")
        return postgres_place(self.address(f"fleet_{self._made}"))

    def address(self, database: str) -> str:
        """As `--database` takes it."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs on this server, such as pg_dump."""
        self._run(name, "--host", str(self.folder), "--username", USER, *arguments)

    def log(self) -> str:
        """What it has written."""
        return (self.folder / "log").read_text()

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self.session():
            return True
        return False

    def _run(self, name: str, *arguments: str) -> None:
        words = [str(programs() / name), *arguments]
        done = subprocess.run(words, capture_output=True, text=True, cwd=self.folder, **self._as_user())
        assert done.returncode == 0, f"{name}: {done.stderr}"

    def _as_user(self) -> dict[str, str]:
        return {"user": self._user, "group": self._user} if os.geteuid() == 0 else {}

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(LIMIT_S)
        self._process = None


@contextmanager
def cluster(*, sync: bool = False) -> Iterator[Cluster]:
    """A running one, until the context ends."""
    made = Cluster(sync=sync)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One for the whole run; databases in it are cheap."""
    with cluster() as made:
        yield made
