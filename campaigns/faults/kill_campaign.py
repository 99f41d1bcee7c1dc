"""Server, broker and database killed in turn while simulated stations send: `make kill-campaign`, KILLS=20 of them.

On SQLite the database is in the server; with STORE=postgresql it is a server of its own, which is killed too. With
BROKER=rabbitmq (and STORE=postgresql) it is a cluster: WORKERS=2 ingest workers and NODES=1 broker nodes, one of them killed in
its turn, and a web process, which sends the commands. Each kill is a SIGKILL at a moment drawn at random, right after a station
was told to do something. What is killed is started again by the campaign, mosquitto by the server. In the end the stations stay
until every command is answered and all that they have told is acknowledged, and what the store holds is compared with what they
sent. The last line says how it ended; the exit code is that of `simulate --verify`, or 1 where a command was never answered.
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

from sqlalchemy import select

from campaigns.faults.cluster_stand import Sizes, cluster_stand, new_database
from fleet.messages.vocabulary import CommandName
from fleet.server.commands.model import CommandRequest
from fleet.server.commands.tables import commands
from fleet.server.database.database import FILE_NAME, Database, open_database
from fleet.server.database.database_url import postgres_place
from fleet.server.stations.tables import stations
from provisioning.authority import Authority
from sim.fleet import identities
from tests.fakes.machine.ports import free_address
from tests.fakes.server.commands import TOVE, commands_of
from tests.fakes.server.postgres import Cluster, cluster
from tests.fakes.server.server_process import Serving

APART_S = (0.3, 2.0)
END_S = 240.0
ANSWERED_S = 180.0
"""Stations whose connection was cut come back within seconds (`--hasty`), and hear what waits for them."""
ORDERS = (CommandName.SELF_TEST, CommandName.LOG_BUNDLE, CommandName.RESTART, CommandName.SYNC)


@dataclass(frozen=True, slots=True)
class Target:
    """Target that stations are simulated against, and what is killed, one after the other."""

    mqtt: str
    data: Path
    authority: Path
    options: Sequence[str]
    kills: Sequence[Callable[[], object]]


def campaign(target: Target, *, kills: int, stations: int, seed: int) -> dict[str, Any]:
    """Run one. Gives what `simulate --json` said, with `code`, `kills`, how many commands were `ordered`, and which of them
    were `unanswered` after the patience."""
    simulator = subprocess.Popen(
        _command(target, stations, seed), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert simulator.stderr is not None
        simulator.stderr.readline()  # from here on it heeds SIGTERM
        ordered = _kill_in_turn(target, kills, Random(seed))
        unanswered = _unanswered(target)
        simulator.send_signal(signal.SIGTERM)
        output, complaints = simulator.communicate(timeout=END_S)
        assert output, complaints
    finally:
        simulator.kill()
        simulator.wait()
    facts = {"kills": kills, "ordered": ordered, "unanswered": unanswered}
    return {**json.loads(output), "code": simulator.returncode, **facts}


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
    program = [sys.executable, "-m", "fleet.server.cli", "simulate"]
    return [*program, *words, *places, *target.options, "--seed", str(seed)]


def _kill_in_turn(target: Target, kills: int, random: Random) -> int:
    """Gives how many commands were ordered meanwhile."""
    moment, ordered = threading.Event(), 0
    for victim in itertools.islice(itertools.cycle(target.kills), kills):
        moment.wait(random.uniform(*APART_S))
        ordered += _order(target, random)
        victim()
    return ordered


def _order(target: Target, random: Random) -> int:
    """Tell one of the stations that have spoken something; none where none has."""
    with _store(target) as database:
        with database.reading.begin() as connection:
            names = sorted(connection.execute(select(stations.c.name)).scalars())
        if not names:
            return 0
        wish = CommandRequest(random.choice(names), random.choice(ORDERS), "made up for a campaign")
        commands_of(database, lambda: datetime.now(UTC)).ask(wish, TOVE)
        return 1


def _unanswered(target: Target) -> list[str]:
    """Commands that have no answer, looked for again and again while there are any, for at most `ANSWERED_S`."""
    moment = threading.Event()
    open_ones = select(commands.c.station, commands.c.sequence).where(commands.c.state.in_(("ready", "sent")))
    with _store(target) as database:
        for _ in range(int(ANSWERED_S / 0.2)):
            with database.reading.begin() as connection:
                unanswered = [f"{row.station} {row.sequence}" for row in connection.execute(open_ones)]
            if not unanswered:
                break
            moment.wait(0.2)
    return unanswered


@contextlib.contextmanager
def _store(target: Target) -> Iterator[Database]:
    words = [*target.options]
    place = postgres_place(words[words.index("--database") + 1]) if "--database" in words else target.data / FILE_NAME
    with open_database(place) as database:
        yield database


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)


def _target(stack: contextlib.ExitStack, folder: Path, stations: int) -> Target:
    if os.environ.get("BROKER") == "rabbitmq":
        sizes = Sizes(_number("NODES", 1), _number("WORKERS", 2), webs=1)
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
        report = campaign(target, kills=kills, stations=stations, seed=seed)
    sent = report.pop("sent")
    print(json.dumps({**report, "stations": len(sent), "seed": seed}))
    return int(report["code"] or bool(report["unanswered"]))


if __name__ == "__main__":
    sys.exit(main())
