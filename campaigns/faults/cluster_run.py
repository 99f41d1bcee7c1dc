"""A cluster on this machine, with stations that send and a worker and a broker node that are killed meanwhile: `make cluster`.

Three RabbitMQ nodes, PostgreSQL, two workers, two web processes; STATIONS=60 simulated stations, each with ERRANDS=720
errands an hour, for RUN_SECONDS=30. A third of the time in, a worker is killed; half-way a broker node, which comes back for the
last quarter: its stations go on at the others. Just before, each station is told to test itself. With STALL=40 nothing is killed:
all workers stand still for so many seconds, from a fifth of the time on, and it says how many messages wait. It says line by line
what it does and ends everything; the exit code is that of `simulate --verify`.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from campaigns.faults.cluster_stand import Sizes, Stand, cluster_stand
from fleet.server.cluster.layout import SHARD_QUEUES
from fleet.server.commands.model import CommandRequest
from fleet.server.database.database import open_database
from fleet.server.database.database_url import postgres_place
from fleet.server.stations.tables import stations
from sim.fleet import identities
from sim.stories.patience import LIMIT_S
from tests.fakes.server.commands import TOVE, commands_of

END_S = 240.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Load of the run, and its duration. `stall_s`: how long the workers stand still; 0: they are killed instead."""

    stations: int = 60
    errands: int = 720
    seconds: float = 30.0
    stall_s: float = 0.0
    sizes: Sizes = field(default_factory=lambda: Sizes(nodes=3, workers=2, webs=2))


def run(folder: Path, plan: Plan) -> dict[str, Any]:
    """One run. Gives what `simulate --json` said, with `code`."""
    began = time.monotonic()
    with cluster_stand(folder, plan.sizes, identities.names(plan.stations)) as stand:
        _say(
            began,
            f"up: {len(stand.rabbit.nodes)} broker nodes, {len(stand.workers)} workers, {len(stand.webs)} web processes",
        )
        for web in stand.webs:
            _say(began, f"pages at {web.ready['http']}: {_health(str(web.ready['http']))}")
        simulator = subprocess.Popen(_command(stand, plan), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert simulator.stderr is not None
            _say(began, simulator.stderr.readline().strip())
            if plan.stall_s:
                _stall(stand, plan, began)
            else:
                _kill(stand, plan.seconds, began)
            simulator.send_signal(signal.SIGTERM)
            output, complaints = simulator.communicate(timeout=END_S)
            assert output, complaints
        finally:
            simulator.kill()
            simulator.wait()
        for web in stand.webs:
            _say(began, f"pages at {web.ready['http']}: {_health(str(web.ready['http']))}")
    _say(began, "all is ended")
    return {**json.loads(output), "code": simulator.returncode}


def _kill(stand: Stand, seconds: float, began: float) -> None:
    moment = threading.Event()
    moment.wait(seconds / 3)
    worker = stand.workers[0]
    _say(began, f"kill -9: {worker.ready['worker']}")
    worker.kill()
    _say(began, f"in its place: {worker.ready['worker']}")
    moment.wait(seconds / 6)
    _say(began, f"{_tell_all(stand)} stations are told to test themselves")
    node = stand.rabbit.nodes[-1]
    _say(began, f"kill -9: broker node {node.name}")
    node.kill()
    moment.wait(seconds / 4)
    node.start()
    _say(began, f"back again: {node.name}")
    moment.wait(seconds / 4)


def _tell_all(stand: Stand) -> int:
    with open_database(postgres_place(stand.database)) as database:
        with database.reading.begin() as connection:
            names = list(connection.execute(select(stations.c.name)).scalars())
        for name in names:
            commands_of(database, lambda: datetime.now(UTC)).ask(
                CommandRequest(name, "self_test", "a run of a cluster"), TOVE
            )
    return len(names)


def _stall(stand: Stand, plan: Plan, began: float) -> None:
    moment = threading.Event()
    moment.wait(plan.seconds / 5)
    for worker in stand.workers:
        worker.send(signal.SIGSTOP)
    _say(began, "all workers stand still")
    moment.wait(plan.stall_s / 2)
    _say(began, f"{_waiting(stand)} messages wait")
    moment.wait(plan.stall_s / 2)
    _say(began, f"{_waiting(stand)} messages wait; the workers go on")
    for worker in stand.workers:
        worker.send(signal.SIGCONT)
    rest = max(0.0, plan.seconds * 4 / 5 - plan.stall_s)
    moment.wait(rest)
    _say(began, f"{_waiting(stand)} messages wait after {rest:.0f} s")


def _waiting(stand: Stand) -> int:
    """In the queues of the workers, acknowledged by none."""
    listing = stand.rabbit.nodes[0].control("-q", "list_queues", "--no-table-headers", "name", "messages")
    queues = (line.split() for line in listing.splitlines())
    return sum(int(messages) for name, messages in queues if name in SHARD_QUEUES)


def _command(stand: Stand, plan: Plan) -> list[str]:
    words = ["--stations", str(plan.stations), "--errands-per-hour", str(plan.errands), "--faults", "12", "--hasty"]
    places = ["--data", str(stand.data), "--authority", str(stand.authority), "--database", stand.database]
    program = [sys.executable, "-m", "fleet.server.cli", "simulate", "--verify", "--json"]
    return [*program, *words, *places, "--broker", stand.mqtt]


def _health(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=LIMIT_S) as answer:
            return f"ready ({answer.status})"
    except urllib.error.HTTPError as error:
        return f"not ready ({error.code}): {error.read().decode()}"


def _say(began: float, text: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def main() -> int:
    """The run of `make cluster`."""
    default = Plan()
    plan = Plan(
        int(os.environ.get("STATIONS") or default.stations),
        int(os.environ.get("ERRANDS") or default.errands),
        float(os.environ.get("RUN_SECONDS") or default.seconds),
        float(os.environ.get("STALL") or default.stall_s),
    )
    with tempfile.TemporaryDirectory(prefix="kortkiosk-cluster-") as folder:
        report = run(Path(folder), plan)
    report["stations"] = len(report.pop("sent"))
    print(json.dumps(report))
    print("the store holds exactly what was sent" if report["verified"] else "THE STORE DIFFERS from what was sent")
    return int(report["code"])


if __name__ == "__main__":
    sys.exit(main())
