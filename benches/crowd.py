"""Two thousand stations on one server: how soon it acknowledges, how soon dashboards hear, how fast a backlog drains, and how all
come back after a minute without broker.

Stations (`benches.load`) and dashboards (`benches.dashboards`) are processes of their own; the broker is mosquitto as the server
configures it, started here so that it can be taken away. Whether an event is in a frame cannot be seen from outside, so a
dashboard counts as told by the first frame after the server's `acked`: later than it may have been, never earlier.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from benches.broker import OwnBroker
from benches.disk import Syncs
from benches.figures import CannotMeasureError, Figure, compared_with, percentile, with_limit
from benches.mqtt import signing_key
from benches.shares import Shares
from fleet.messages.backoff import Backoff
from fleet.server.live_feed.hub import INTERVAL_S
from sim.cli.simulate import enrol_missing
from sim.fleet import identities
from tests.fakes.fleet.region import Region

STATIONS = 2_000
DASHBOARDS = 100
RATE = 2_000
MEASURED_S = 15.0
EACH = 60
"""Events of each station that wait when the backlog drains."""
BACKLOG = 1_200_000
AWAY_S = 60.0
MODEL = 10_000
_FILES = 8_192


def measure(folder: Path) -> list[Figure]:
    """All of it with one crowd, which takes longest to make."""
    _allow_files()
    region = Region(folder / "region")
    keys = folder / "identities"
    enrol_missing(region.places.authority, keys, identities.names(STATIONS))
    os.sync()  # thousands of files, which are no work of a server
    broker = OwnBroker(region)
    with (
        broker.running(),
        region.serve("--broker", f"127.0.0.1:{region.mqtt}") as server,
        run_program("benches.load", keys, region.mqtt, STATIONS, signing_key(region)) as load,
    ):
        figures = [_connect(load)]
        figures += _latency(region, server, load)
        figures += [_backlog(server, load)]
        return [*figures, *_return(broker, load)]


class Program:
    """A program that does what it is told on standard input, and says one line of JSON each time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def heard(self) -> Any:
        """The next line. Raises CannotMeasureError where it has ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CannotMeasureError("the load generator has ended")
        return json.loads(line)

    def told(self, *words: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self.heard()

    def finish(self) -> Any:
        """Close its standard input, and hear the last line."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.heard()


@contextmanager
def run_program(module: str, *arguments: object) -> Iterator[Program]:
    """One of the benches' programs, once it is ready; ended with the block."""
    words = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        program = Program(process)
        program.heard()
        yield program
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def draw_reconnects(stations: int, away_s: float, random: Random) -> list[float]:
    """Draw when each comes back, in seconds after the broker, by the rule of the link alone: a connection takes no time."""
    back = []
    for _ in range(stations):
        rule, at = Backoff(draw=random.uniform), 0.0
        while at < away_s:
            at += rule.next_s()
        back.append(at - away_s)
    return back


def busiest_second(moments: Sequence[float]) -> float:
    """The part of them that fell into the busiest second, in per cent."""
    return 100 * max(Counter(int(moment) for moment in moments).values()) / len(moments)


def _connect(load: Program) -> Figure:
    seconds = load.told("connect")["seconds"]
    note = "mutual TLS, session, subscription; the stations' half of it is on the same cores"
    return Figure("connections taken, all at once", STATIONS / seconds, "/s", note)


def _latency(region: Region, server: "subprocess.Popen[str]", load: Program) -> list[Figure]:
    with run_program("benches.dashboards", region.http, region.cookies(DASHBOARDS), DASHBOARDS) as boards:
        programs = {"server": server.pid, "stations": load.pid, "dashboards": boards.pid}
        with Syncs(region.places.folder) as syncs, Shares(**programs) as shares:
            answer = load.told("tell", RATE, MEASURED_S)
        frames: list[list[float]] = boards.finish()
    waits = [(sent, acked_at) for sent, acked_at in answer["waits"]]
    acked = [1000 * (acked_at - sent) for sent, acked_at in waits]
    shown = [1000 * wait for wait in _until_frame(waits, frames)]
    about = f"{STATIONS:,} stations, {RATE:,} events/s; {shares.text}; load late by {1000 * answer['late_s']:.0f} ms at most"
    tick = 1000 * INTERVAL_S
    every = f"tick {tick:.0f} ms; {len(frames[0]) / MEASURED_S:.1f} frames/s each"
    stops = [1000 * wait for wait in syncs.waits()]
    disk = Figure("the disk's own sync, left of it: p99", percentile(stops, 0.99), "ms", f"longest {max(stops):.0f}")
    return [
        Figure("publish to `acked`, median", statistics.median(acked), "ms", about),
        disk,
        with_limit(
            compared_with(disk, "publish to `acked`, p99", percentile(acked, 0.99), f"longest {max(acked):.0f}"),
            50.0,
        ),
        Figure("publish to the frame at a dashboard, median", statistics.median(shown), "ms", every),
        with_limit(
            Figure(f"publish to the frame at {DASHBOARDS} dashboards, p99", percentile(shown, 0.99), "ms", every),
            tick + 25,
        ),
    ]


def _until_frame(waits: Sequence[tuple[float, float]], frames: Sequence[Sequence[float]]) -> Iterator[float]:
    """For each event, at one dashboard after the other, the first frame after the server's word."""
    for number, (sent, acked_at) in enumerate(waits):
        mine = frames[number % len(frames)]
        place = bisect_left(mine, acked_at)
        if place < len(mine):
            yield mine[place] - sent


def _backlog(server: "subprocess.Popen[str]", load: Program) -> Figure:
    with Shares(server=server.pid, stations=load.pid) as shares:
        answer = load.told("drain", EACH)
    rate = answer["events"] / answer["seconds"]
    note = f"{answer['events']:,} of {STATIONS:,} outboxes took {answer['seconds']:.1f} s; {shares.text}"
    return with_limit(Figure("1.2 million events of backlog, at this pace", BACKLOG / rate, "s", note), 60.0)


def _return(broker: OwnBroker, load: Program) -> list[Figure]:
    began = time.perf_counter()
    broker.stop()
    load.told("lose")
    time.sleep(max(0.0, began + AWAY_S - time.perf_counter()))
    back_at = time.perf_counter()
    broker.start()
    moments = [at - back_at for at in load.told("return")["connected_at"]]
    model = draw_reconnects(MODEL, AWAY_S, Random(1))  # noqa: S311  # to spread, not to hide
    away = f"after {AWAY_S:.0f} s without broker"
    return [
        with_limit(Figure(f"{STATIONS:,} stations back {away}", max(moments), "s", "connected and subscribed"), 60.0),
        Figure(
            f"busiest second of {STATIONS:,} stations",
            busiest_second(moments),
            "%",
            f"by chance alone up to {_chance(STATIONS):.1f}",
        ),
        with_limit(Figure(f"{MODEL:,} stations back {away}", max(model), "s", "by the rule alone, drawn"), 60.0),
        with_limit(
            Figure(f"busiest second of {MODEL:,} stations", busiest_second(model), "%", "by the rule alone, drawn"), 3.5
        ),
    ]


def _chance(stations: int) -> float:
    """The busiest second of so many in 95 of 100 runs, by the rule alone."""
    runs = [busiest_second(draw_reconnects(stations, AWAY_S, Random(seed))) for seed in range(100)]  # noqa: S311  # to spread, not to hide
    return percentile(runs, 0.95)


def _allow_files() -> None:
    """A connection is an open file, at the broker too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        raise CannotMeasureError(f"the limit of open files is {hard} (ulimit -n)")
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))
