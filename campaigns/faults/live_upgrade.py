"""The upgrade from a version before while stations send through a broker: `make campaign PART=live-upgrade`.

`live-upgrade:cluster`: RabbitMQ and PostgreSQL, two workers of the version before and its stations, which send all the time. This
version migrates the schema under the workers that run on; then they are replaced one by one, so that both versions take from the
same queues. `live-upgrade:single`: one server on SQLite with its own mosquitto, which ends and is started again as this version,
on the same folder. The stations stay those of the version before: servers are updated first. In the end each event that a
station has sent must be held once, in an intact chain, and nothing may be set aside.

The version before is `BEFORE`; `live-upgrade:single:COMMIT` takes a later one. Without the version, or without broker and
PostgreSQL, a case says so and is skipped.
"""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from campaigns.faults.cluster_stand import Program, new_database
from campaigns.faults.parts import Options, Progress, Verdict
from campaigns.faults.upgrade import ASIDE, FIRST, unpacked
from fleet.server.database.database import FILE_NAME
from sim.fleet import identities
from tests.fakes.brokers.rabbitmq import PROGRAMS, rabbit_cluster
from tests.fakes.machine.ports import free_address
from tests.fakes.server.postgres import cluster, programs

PART, BEFORE = "live-upgrade", FIRST
STATIONS = 6
LOAD = ("--stations", str(STATIONS), "--errands-per-hour", "1800", "--faults", "60", "--hasty")
MODULE, STEP = "fleet.server.cli", 60
"""The program `kortkiosk-fleet`; so many events more are held before the next step."""
LIMIT_S = 240.0
MAKE_AUTHORITY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from provisioning.authority import Authority
Authority.init(Path(sys.argv[1]), [], datetime.now(UTC))
"""
HELD = """
SELECT s.name, e.epoch, count(*), count(DISTINCT e.sequence), max(e.sequence), c.intact FROM events e
JOIN stations s ON s.id = e.station JOIN chains c ON c.station = e.station AND c.epoch = e.epoch
GROUP BY s.name, e.epoch, c.intact
"""
Query = Callable[[str], list[tuple[Any, ...]]]
Result = tuple[dict[str, Any], tuple[str, ...]]
"""What was seen, and what is wrong."""


@dataclass(frozen=True)
class Version:
    """A version before, unpacked in a folder."""

    folder: Path

    def program(self, words: Sequence[str]) -> Program:
        """One of its processes."""
        return Program(words, MODULE, self.folder, ("--unseparated",))

    def make_authority(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-c", MAKE_AUTHORITY, str(folder)], cwd=self.folder, check=True)

    def send(self, stack: contextlib.ExitStack, *places: str) -> "subprocess.Popen[str]":
        """Its stations, which send until they are told to end, and then wait until all is acknowledged."""
        command = [sys.executable, "-m", MODULE, "simulate", "--json", *LOAD, *places]
        sending = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        stack.callback(sending.wait)
        stack.callback(sending.kill)
        return sending


def upgrade_cluster(folder: Path, old: Version) -> Result:
    """Two workers on RabbitMQ and PostgreSQL, replaced one by one."""
    authority = folder / "authority"
    old.make_authority(authority)
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(cluster(sync=True))
        rabbit = stack.enter_context(rabbit_cluster(authority, identities.names(STATIONS), 1))
        database = new_database(postgres)
        places = ["worker", "--broker", rabbit.url, "--database", database, "--authority", str(authority)]
        workers = [old.program(places), old.program(places)]
        for worker in workers:
            stack.callback(worker.end)
            worker.start()
        mqtt = str(rabbit.nodes[0].mqtt)
        sending = old.send(stack, "--broker", mqtt, "--data", str(folder), "--authority", str(authority))
        session = stack.enter_context(psycopg.connect(database, autocommit=True))

        def query(text: str) -> list[tuple[Any, ...]]:
            return session.execute(text.encode()).fetchall()

        counts = [_wait_for_more(query, STEP)]
        migrate = [sys.executable, "-m", "fleet.server.cli", "migrate", "--database", database]
        subprocess.run(migrate, check=True, stdout=subprocess.DEVNULL)
        counts.append(_wait_for_more(query, STEP))
        for worker in workers:
            assert worker.end() == 0
            new = Program(places)
            stack.callback(new.end)
            new.start()
            counts.append(_wait_for_more(query, STEP))
        return _compare(_sent_by(sending), query, counts)


def upgrade_single(folder: Path, old: Version) -> Result:
    """One server on SQLite with mosquitto, ended and started again as this version."""
    data, authority, mqtt = folder / "data", folder / "authority", str(free_address())
    old.make_authority(authority)
    words = ["serve", "--data", str(data), "--authority", str(authority), "--mqtt", mqtt, "--http", "127.0.0.1:0"]
    with contextlib.ExitStack() as stack:
        before = old.program(words)
        stack.callback(before.end)
        before.start()
        sending = old.send(stack, "--broker", mqtt, "--data", str(data), "--authority", str(authority))

        def query(text: str) -> list[tuple[Any, ...]]:
            with contextlib.closing(sqlite3.connect(f"file:{data / FILE_NAME}?mode=ro", uri=True, timeout=30)) as store:
                return store.execute(text).fetchall()

        counts = [_wait_for_more(query, STEP)]
        assert before.end() == 0
        after = Program(words)
        stack.callback(after.end)
        after.start()
        counts.append(_wait_for_more(query, STEP))
        return _compare(_sent_by(sending), query, counts)


def _sent_by(sending: "subprocess.Popen[str]") -> dict[str, Any]:
    """Stop the stations; return what they sent, once all of it is acknowledged or their patience is over."""
    sending.send_signal(signal.SIGTERM)
    output, _ = sending.communicate(timeout=LIMIT_S)
    report: dict[str, Any] = json.loads(output)
    return report


def _wait_for_more(query: Query, step: int) -> int:
    """Until `step` events more are held than now. Gives how many are. Raises AssertionError after a time."""
    moment, until = threading.Event(), time.monotonic() + LIMIT_S
    begun = held_count = _count(query)
    while held_count < begun + step:
        assert time.monotonic() < until, f"{held_count} events are held, and no more come"
        moment.wait(0.2)
        held_count = _count(query)
    return held_count


def _count(query: Query) -> int:
    return int(query("SELECT count(*) FROM events")[0][0])


def _compare(report: dict[str, Any], query: Query, counts: Sequence[int]) -> Result:
    held_rows = {(name, epoch): tuple(rest) for name, epoch, *rest in query(HELD)}
    aside = query(ASIDE)[0][0]
    sent = {(each["station"], each["epoch"]): each["last"] for each in report["sent"]}
    seen = {
        "held after each step": list(counts), "sent": sum(sent.values()), "held": sum(row[0] for row in held_rows.values()),
        "not acknowledged": report["unheld"], "sent again": report["resent"], "set aside": aside,
    }  # fmt: skip
    return seen, tuple(differences(sent, held_rows, aside, report["unheld"]))


def differences(sent: dict[Any, int], held_rows: dict[Any, tuple[Any, ...]], aside: int, unheld: int) -> Iterator[str]:
    """Yield what is wrong. `sent`: the last sequence by station and epoch; `held_rows`: rows, sequences, the highest, whether the
    chain is intact."""
    for place, (rows, sequences, highest, intact) in held_rows.items():
        if rows != sequences or highest > sent[place] or not intact:
            yield f"{place}: {rows} rows of {sequences} events up to {highest}, {sent[place]} were sent, chain: {intact}"
        if sequences != sent[place]:
            yield f"{place}: {sequences} events of {sent[place]} are held"
    if unheld or held_rows.keys() != sent.keys():
        yield f"{unheld} events of {len(sent)} stations were never acknowledged"
    if aside:
        yield f"{aside} messages were set aside"


CASES = {"cluster": upgrade_cluster, "single": upgrade_single}


def _missing(name: str) -> str:
    """Return what the case needs and this machine has not."""
    if name == "single":
        return "" if shutil.which("mosquitto") else "mosquitto"
    try:
        programs()
    except FileNotFoundError:
        return "PostgreSQL"
    return "" if (PROGRAMS / "rabbitmq-server").exists() else "RabbitMQ"


def run_part(options: Options) -> int:
    """Both, or those that are named."""
    progress = Progress.open(PART, options)
    names = options.ids or tuple(f"{PART}:{name}" for name in CASES)
    for case in options.ids or progress.missing(names):
        _, name, *commit = case.split(":")
        version = commit[0] if commit else BEFORE
        with tempfile.TemporaryDirectory(prefix="kk-") as folder:
            old = unpacked(Path(folder) / "old", version)
            if old is None or _missing(name):
                print(f"{case} is skipped: there is no {_missing(name) or version} here")
                continue
            seen, broken = CASES[name](Path(folder), Version(old))
        print(json.dumps(seen), flush=True)
        progress.add(Verdict(case, "replaced while stations send", f"{name}, from {version}", broken), of=len(names))
    print(progress.table())
    return int(any(verdict.broken for verdict in progress.verdicts.values()))
