"""The upgrade from the version before on PostgreSQL, live: `make campaign PART=upgrade`.

A writer of the version before stores pick-ups and reserve cards, batch after batch, as its ingest worker does. Meanwhile this
version migrates the schema, and a writer of this version begins beside it; then the old one ends. What is held must be what
each has written, with chains that are intact and nothing set aside. A program of the version before that starts after the
migration must refuse with the reason. (A program of this version that meets the older schema migrates it.) No broker stands
between: what the two versions share is the database.

The version before is the commit `FIRST`, the first one with the first schema, unpacked from this repository and run in this
environment. Where there is no such commit, the part says so and is skipped.
"""

import contextlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg

from campaigns.faults.cluster_stand import new_database
from campaigns.faults.parts import Options, Progress, Verdict
from tests.fakes.server.postgres import cluster

PART, FIRST = "upgrade", "74522f2a"
ROOT = Path(__file__).parents[2]
BATCHES, LIMIT_S = 40, 240.0
"""So many batches are written before the next step."""
NAMES = (
    "from fleet.server.database.database import Database\n"
    "from fleet.server.database.database_url import postgres_place\nfrom fleet.server.ingest.write import Writer\n"
)
WRITE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.fleet.server.conftest import SealingStation, arrived

address, name, stop = sys.argv[1:]
station, writer, number = SealingStation(name), Writer(Database.open(postgres_place(address))), 0
while not Path(stop).exists():
    number += 1
    events = station.pickup(f"{name}-{number}", f"9752{number:06d}")
    reserve = {"errand": f"{name}-{number}", "card_number": f"9753{number:06d}", "slot": number % 24 + 1, "by": "TEST000000-A001"}
    events.append(station.seal("se.kortkiosk.card.stored", reserve))
    committed = writer.commit(arrived(*events), datetime.now(UTC))
    print(len(station.sealed), flush=True)
"""
"""Each writes for a station of its own until it is told to stop; each line says how many events are committed."""
HELD: LiteralString = """
SELECT s.name, count(DISTINCT e.sequence), bool_and(c.intact) FROM events e JOIN stations s ON s.id = e.station
JOIN chains c ON c.station = e.station AND c.epoch = e.epoch GROUP BY s.name
"""
ASIDE: LiteralString = "SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM conflicts)"


@dataclass
class Writing:
    """A writer of one of the versions, in a process of its own."""

    folder: Path
    names: str
    database: str
    station: str
    stop: Path
    committed: int = 0
    process: "subprocess.Popen[str] | None" = field(default=None)

    def start(self) -> None:
        words = [self.database, self.station, str(self.stop)]
        command = [sys.executable, "-c", self.names + WRITE, *words]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def write(self, batches: int) -> None:
        """Wait until it has committed so many more. Raises AssertionError where it has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        for _ in range(batches):
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()[-1500:] if self.process.stderr else ""
            self.committed = int(line)

    def end(self) -> None:
        """Let it end its batch."""
        self.stop.touch()
        assert self.process is not None
        output, complaints = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, complaints[-1500:]
        self.committed = max([self.committed, *map(int, output.split())])


def unpacked(folder: Path, version: str = FIRST) -> Path | None:
    """The version before, in that folder; None where this repository has no such commit."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", version], capture_output=True, check=False)
    if archive.returncode != 0:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def upgrade(folder: Path, old_version: Path) -> tuple[dict[str, object], tuple[str, ...]]:
    """One upgrade while events are written. Gives what was seen, and what is wrong."""
    with contextlib.ExitStack() as stack:
        database = new_database(stack.enter_context(cluster(sync=True)))
        old = Writing(old_version, NAMES, database, "written-by-old", folder / "stop-old")
        new = Writing(ROOT, NAMES, database, "written-by-new", folder / "stop-new")
        for writing in (old, new):
            stack.callback(_killed, writing)
        old.start()
        old.write(BATCHES)
        before, begun = old.committed, time.monotonic()
        _migrate(database)
        migrated_s = time.monotonic() - begun
        refused = _refused(old_version, database)
        old.write(BATCHES)
        new.start()
        new.write(BATCHES)
        old.end()
        new.write(BATCHES)
        new.end()
        with psycopg.connect(database) as session:
            held_rows = {name: (count, intact) for name, count, intact in session.execute(HELD).fetchall()}
            (aside,) = session.execute(ASIDE).fetchone() or (None,)
    seen: dict[str, object] = {
        "committed before": before, "migrated in s": round(migrated_s, 2), "by the old writer": old.committed,
        "by the new writer": new.committed, "held": held_rows, "set aside": aside, "an old program that starts now": refused,
    }  # fmt: skip
    return seen, tuple(_wrong(held_rows, {writer.station: writer.committed for writer in (old, new)}, aside, refused))


def _wrong(
    held_rows: dict[str, tuple[int, bool]], written: dict[str, int], aside: int | None, refused: str
) -> Iterator[str]:
    for name, count in written.items():
        if held_rows.get(name) != (count, True):
            yield f"{name}: {count} events were committed, held are {held_rows.get(name)}"
    if aside:
        yield f"{aside} messages were set aside"
    if "newer program" not in refused:
        yield f"an old program that starts after the migration: {refused}"


def _migrate(database: str) -> None:
    command = [sys.executable, "-m", "fleet.server.cli", "migrate", "--database", database]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _refused(old: Path, database: str) -> str:
    """Return what a program of the version before says of the newer schema."""
    command = [sys.executable, "-m", "fleet.server.cli", "rebuild", "--database", database]
    done = subprocess.run(command, cwd=old, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return f"exit {done.returncode}: {done.stderr.strip()[-200:]}"


def _killed(writing: Writing) -> None:
    if writing.process is not None:
        writing.process.kill()
        writing.process.wait()


def run_part(options: Options) -> int:
    """One upgrade, or as many as `count` says."""
    progress = Progress.open(PART, options)
    names = options.ids or tuple(f"{PART}:{number}" for number in range(options.count or 1))
    for name in options.ids or progress.missing(names):
        with tempfile.TemporaryDirectory(prefix="kk-") as folder:
            old = unpacked(Path(folder) / "old")
            if old is None:
                print(f"skipped: there is no commit {FIRST} here")
                return 0
            seen, broken = upgrade(Path(folder), old)
        print(json.dumps(seen, indent=1))
        progress.add(Verdict(name, "migrated while written to", f"PostgreSQL, from {FIRST}", broken), of=len(names))
    print(progress.table())
    return int(any(verdict.broken for verdict in progress.verdicts.values()))
