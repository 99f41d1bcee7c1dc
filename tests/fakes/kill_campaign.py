"""Server, broker and database killed in turn while simulated stations send: `make kill-campaign`, KILLS=20 of them.

On SQLite the database is in the server; with STORE=postgresql it is a server of its own, which is killed too. With
BROKER=rabbitmq (and STORE=postgresql) it is a cluster: WORKERS=2 ingest workers and NODES=1 broker nodes, one of them killed
in its turn. Each kill is a SIGKILL at a moment drawn at random. What is killed is started again by the campaign, mosquitto by
the server. In the end the stations stay until all that they have told is acknowledged, and what the store holds is compared with
what they sent. The last line says how it ended; the exit code is that of `simulate --verify`.

>>> with embedded(Path("folder"), None) as target:  # doctest: +SKIP
...     campaign(target, kills=20, stations=20, seed=1)["verified"]
True
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from fleet.simulator import identities
from provisioning.authority import Authority
from tests.fakes.cluster_stand import Sizes, cluster_stand, new_database
from tests.fakes.ports import free_address
from tests.fakes.postgres import Cluster, cluster
from tests.fakes.serving import Serving

APART_S = (0.3, 2.0)
END_S = 240.0


@dataclass(frozen=True, slots=True)
class Target:
    """What stations are simulated against, and what is killed, one after the other."""

    mqtt: str
    data: Path
    authority: Path
    options: Sequence[str]
    kills: Sequence[Callable[[], object]]


def campaign(target: Target, *, kills: int, stations: int, seed: int) -> dict[str, Any]:
    """Run one. Gives what `simulate --json` said, with `code` and `kills`."""
    simulator = subprocess.Popen(
        _command(target, stations, seed), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert simulator.stderr is not None
        simulator.stderr.readline()  # from here on it heeds SIGTERM
        _kill_in_turn(target.kills, kills, Random(seed))
        simulator.send_signal(signal.SIGTERM)
        said, complaints = simulator.communicate(timeout=END_S)
        assert said, complaints
    finally:
        simulator.kill()
        simulator.wait()
    return {**json.loads(said), "code": simulator.returncode, "kills": kills}


@contextlib.contextmanager
def embedded(folder: Path, postgres: Cluster | None) -> Iterator[Target]:
    """The server with its own broker."""
    authority = Authority.init(folder / "authority", [], datetime.now(UTC))
    store = () if postgres is None else ("--database", new_database(postgres))
    serving = Serving(folder / "data", authority.directory, free_address(), store)

    def kill_server() -> None:
        serving.end(signal.SIGKILL)
        serving.start()

    def kill_broker() -> None:
        os.kill(int((serving.data / "broker" / "mosquitto.pid").read_text()), signal.SIGKILL)

    def kill_database() -> None:
        assert postgres is not None
        postgres.kill()
        postgres.start()

    serving.start()
    kills = (kill_server, kill_broker, *((kill_database,) if postgres is not None else ()))
    try:
        yield Target(str(serving.mqtt), serving.data, serving.authority, serving.options, kills)
    finally:
        serving.end(signal.SIGTERM)


@contextlib.contextmanager
def clustered(folder: Path, sizes: Sizes, stations: int) -> Iterator[Target]:
    """RabbitMQ, workers and PostgreSQL."""
    with cluster_stand(folder, sizes, identities.names(stations)) as stand:
        workers, nodes = itertools.cycle(stand.workers), itertools.cycle(range(sizes.nodes))
        kills = (lambda: next(workers).kill(), lambda: stand.kill_node(next(nodes)), stand.kill_database)
        yield Target(stand.mqtt, stand.data, stand.authority, ("--database", stand.database), kills)


def _command(target: Target, stations: int, seed: int) -> list[str]:
    words = [
        "--stations",
        str(stations),
        "--errands-per-hour",
        "1800",
        "--faults",
        "120",
        "--hasty",
        "--verify",
        "--json",
    ]
    places = ["--data", str(target.data), "--authority", str(target.authority), "--broker", target.mqtt]
    program = [sys.executable, "-m", "fleet.server.commands", "simulate"]
    return [*program, *words, *places, *target.options, "--seed", str(seed)]


def _kill_in_turn(victims: Sequence[Callable[[], object]], kills: int, random: Random) -> None:
    moment = threading.Event()
    for victim in itertools.islice(itertools.cycle(victims), kills):
        moment.wait(random.uniform(*APART_S))
        victim()


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)


def _target(stack: contextlib.ExitStack, folder: Path, stations: int) -> Target:
    if os.environ.get("BROKER") == "rabbitmq":
        sizes = Sizes(_number("NODES", 1), _number("WORKERS", 2))
        return stack.enter_context(clustered(folder, sizes, stations))
    postgres = stack.enter_context(cluster(sync=True)) if os.environ.get("STORE") == "postgresql" else None
    return stack.enter_context(embedded(folder, postgres))


def main() -> int:
    """The campaign of `make kill-campaign`."""
    kills, stations = _number("KILLS", 20), _number("STATIONS", 20)
    seed = int(os.environ.get("SEED") or Random().getrandbits(32))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kortkiosk-kills-")))
        target = _target(stack, folder, stations)
        said = campaign(target, kills=kills, stations=stations, seed=seed)
    sent = said.pop("sent")
    print(json.dumps({**said, "stations": len(sent), "seed": seed}))
    return int(said["code"])


if __name__ == "__main__":
    sys.exit(main())
