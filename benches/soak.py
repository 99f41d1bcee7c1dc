"""Does the server grow, or slow down, while it runs? A line for each ten seconds, and in the end the growth of the second half.

    python -m benches.soak SECONDS

Two hundred stations tell 200 events a second; dashboards come and go, so that streams are opened and closed; pages are read. The
first half fills caches; what the second adds is stated for each hour, beside what the store grew by, which is no leak.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benches.crowd import Program, run_program
from benches.figures import percentile
from benches.mqtt import signing_key
from fleet.server.platform.database.database import FILE_NAME
from sim.cli.simulate import enrol_missing
from sim.fleet import identities
from tests.fakes.fleet.region import Region

STATIONS = 200
RATE = 200
DASHBOARDS = 20
WINDOW_S = 10.0
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
    median_ms: float
    p99_ms: float

    def line(self) -> str:
        return (
            f"{self.at_s:6.0f} s  {self.memory:7.1f} MB  {self.files:4} files  {self.threads:3} threads"
            f"  store {self.store:7.1f} MB  acked {self.median_ms:6.1f} ms, p99 {self.p99_ms:6.1f} ms"
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
        began = time.perf_counter()
        while len(samples) < 2 or time.perf_counter() - began < seconds:
            samples.append(_window(region, server, load, began, cookies))
            print(samples[-1].line(), flush=True)
    return samples


def _window(region: Region, server: "subprocess.Popen[str]", load: Program, began: float, cookies: str) -> Sample:
    with run_program("benches.dashboards", region.http, cookies, DASHBOARDS):
        for page in PAGES:
            region.page(page)
        waits = [1000 * (held - sent) for sent, held in load.told("tell", RATE, WINDOW_S)["waits"]]
    process = psutil.Process(server.pid)
    return Sample(
        time.perf_counter() - began,
        process.memory_info().rss / MEGA,
        process.num_fds(),
        process.num_threads(),
        (region.places.fleet_data / FILE_NAME).stat().st_size / MEGA,
        statistics.median(waits),
        percentile(waits, 0.99),
    )


def growth(samples: list[Sample]) -> str:
    """What the second half added, by the line that fits its samples best."""
    half = samples[len(samples) // 2 :] if len(samples) > 3 else samples
    slope = statistics.linear_regression([one.at_s for one in half], [one.memory for one in half]).slope
    files = half[-1].files - half[0].files
    threads = half[-1].threads - half[0].threads
    return f"second half: memory {3600 * slope:+.1f} MB an hour, open files {files:+}, threads {threads:+}"


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="kortkiosk-soak-", ignore_cleanup_errors=True) as folder:
        print(growth(soak(Path(folder), seconds)))


if __name__ == "__main__":
    main(float(sys.argv[1]))
