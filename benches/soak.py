"""Does the server grow, or slow down, while it runs? A line for each window, and in the end what the second half added.

    python -m benches.soak SECONDS

A thousand stations of twelve errands an hour run at twenty times that speed: 260 events a second, a day in 4,320 s. Five people
have the dashboard open and read its pages all the time; others come and go, so that streams are opened and closed. The first half
fills caches; what the second adds is stated beside what the store grew by, which is no leak.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benches.crowd import Program, run_program
from benches.figures import percentile
from benches.mqtt import signing_key
from fleet.server.database.database import FILE_NAME
from sim.cli.simulate import enrol_missing
from sim.fleet import identities
from tests.fakes.fleet.region import Region

STATIONS = 1000
SPEED = 20
RATE = STATIONS * 12 * 3.9 * SPEED / 3600
"""Events a second: 3.9 an errand, as measured."""
DASHBOARDS = 20
PEOPLE = 5
BETWEEN_PAGES_S = 0.5
WINDOWS = 24
SHORTEST_S, LONGEST_S = 10.0, 180.0
"""Of a window."""
PAGES = ("/", "/stations", "/errands", "/stations/sim-00001")
MEGA = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """The server after one window."""

    at_s: float
    memory: float
    files: int
    threads: int
    store: float
    log: float
    median_ms: float
    p99_ms: float

    def line(self) -> str:
        return (
            f"{self.at_s:6.0f} s  {self.memory:7.1f} MB  {self.files:4} files  {self.threads:3} threads"
            f"  store {self.store:7.1f} MB, log {self.log:5.1f} MB  acked {self.median_ms:6.1f} ms, p99 {self.p99_ms:6.1f} ms"
        )


def soak(folder: Path, seconds: float) -> list[Sample]:
    """At least two windows. Raises CannotMeasureError."""
    region = Region(folder / "region")
    keys = folder / "identities"
    enrol_missing(region.places.authority, keys, identities.names(STATIONS))
    samples: list[Sample] = []
    with (
        region.serve() as server,
        run_program("benches.load", keys, region.mqtt, STATIONS, signing_key(region)) as load,
    ):
        load.told("connect")
        cookies = region.cookies(DASHBOARDS)
        window_s = min(max(seconds / WINDOWS, SHORTEST_S), LONGEST_S)
        began = time.perf_counter()
        with _people_reading(region):
            while len(samples) < 2 or time.perf_counter() - began < seconds:
                waits = _window(region, load, cookies, window_s)
                samples.append(_sample(region, server, time.perf_counter() - began, waits))
                print(samples[-1].line(), flush=True)
    return samples


@contextmanager
def _people_reading(region: Region) -> Iterator[None]:
    """Each reads one page after the other, until the block ends."""
    gone = threading.Event()

    def read() -> None:
        while not gone.is_set():
            for page in PAGES:
                region.page(page)
                gone.wait(BETWEEN_PAGES_S)

    with ThreadPoolExecutor(PEOPLE) as people:
        reading = [people.submit(read) for _ in range(PEOPLE)]
        try:
            yield
        finally:
            gone.set()
        for future in reading:
            future.result()


def _window(region: Region, load: Program, cookies: str, seconds: float) -> list[float]:
    """Return how long each event waited for its `acked`, in milliseconds. Who only looks on for an hour is signed
    out: each goes to a page first."""
    for cookie in cookies.split(","):
        region.page("/", cookie)
    with run_program("benches.dashboards", region.http, cookies, DASHBOARDS):
        return [1000 * (acked_at - sent) for sent, acked_at in load.told("tell", RATE, seconds)["waits"]]


def _sample(region: Region, server: "subprocess.Popen[str]", at_s: float, waits: list[float]) -> Sample:
    process = psutil.Process(server.pid)
    store = region.places.fleet_data / FILE_NAME
    return Sample(
        at_s,
        process.memory_info().rss / MEGA,
        process.num_fds(),
        process.num_threads(),
        store.stat().st_size / MEGA,
        store.with_name(f"{FILE_NAME}-wal").stat().st_size / MEGA,
        statistics.median(waits),
        percentile(waits, 0.99),
    )


def growth(samples: list[Sample]) -> str:
    """Say what the second half added, by the line that fits its samples best, and its share of what the server takes."""
    half = samples[len(samples) // 2 :] if len(samples) > 3 else samples
    slope = statistics.linear_regression([sample.at_s for sample in half], [sample.memory for sample in half]).slope
    added = slope * (half[-1].at_s - half[0].at_s)
    hours = SPEED * samples[-1].at_s / 3600
    return (
        f"{hours:.1f} hours of {STATIONS} stations; second half: memory {added:+.1f} MB ({added / half[0].memory:+.1%}; "
        f"{3600 * slope:+.1f} MB an hour), open files {half[-1].files - half[0].files:+}, "
        f"threads {half[-1].threads - half[0].threads:+}, log {half[-1].log - half[0].log:+.1f} MB, "
        f"acked p99 {half[-1].p99_ms - half[0].p99_ms:+.1f} ms"
    )


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="kortkiosk-soak-", ignore_cleanup_errors=True) as folder:
        print(growth(soak(Path(folder), seconds)))


if __name__ == "__main__":
    main(float(sys.argv[1]))
