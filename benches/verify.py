"""The check of the store: events a second and memory, of the program `kortkiosk-fleet verify-store` on 200,000 events.

The store is made before: fifty stations' errands in batches, as ingest writes them. The whole check looks at chains, content and
columns and makes the read models anew; the other one looks at nothing new, as on a quiet night. Memory is the program's peak, as
the kernel counts it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benches.events import errands
from benches.figures import Figure
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.ingest.parse import arrived_event
from fleet.server.ingest.write import Writer
from fleet.server.integrity.queries import keep_check
from fleet.server.integrity.service import check_store

EVENTS, STATIONS, BATCH = 200_000, 50, 500
NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
MEGA = 1 << 20


def measure(folder: Path) -> list[Figure]:
    """Both checks, each by a program of its own."""
    fill(folder)
    whole_s, whole, memory = run_check(folder)
    with open_database(folder / FILE_NAME) as database:
        check = check_store(database)
        with database.writing.begin() as connection:
            keep_check(connection, check, NOW, None)
    quiet_s, _, _ = run_check(folder, "--since", "last")
    return [
        Figure("verify-store, all of it", whole / whole_s, "events/s", f"{whole:,} events in {whole_s:.0f} s"),
        Figure("memory of it, at its peak", memory / MEGA, "MB"),
        Figure("verify-store, where nothing is new", quiet_s, "s", "with the start of the program"),
    ]


def fill(folder: Path) -> None:
    """So many events of so many stations, none of which is missing."""
    with open_database(folder / FILE_NAME) as database:
        writer = Writer(database)
        for number in range(STATIONS):
            made = errands(f"bench-{number:02}", 1, EVENTS // STATIONS)
            arrived = [arrived_event(event.station, event, event.wire) for event in made]
            for start in range(0, len(arrived), BATCH):
                writer.commit(arrived[start : start + BATCH], NOW)


def run_check(folder: Path, *words: str) -> tuple[float, int, int]:
    """Seconds, how many events it looked at, and the most memory in bytes. Raises AssertionError where the store differs."""
    program: Sequence[str] = (sys.executable, "-m", "fleet.server.cli", "verify-store", "--json", "--data", str(folder))
    began = time.perf_counter()
    with subprocess.Popen([*program, *words], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        report = json.loads(running.stdout.read())
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, report
    return time.perf_counter() - began, int(report["events"]), usage.ru_maxrss * 1024
