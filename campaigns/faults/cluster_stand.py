"""A whole cluster on this machine: RabbitMQ nodes, PostgreSQL, workers and web processes, each of which may be killed."""

import contextlib
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from provisioning.authority import Authority
from tests.fakes.brokers.rabbitmq import RabbitCluster, rabbit_cluster
from tests.fakes.server.postgres import Cluster, cluster

END_S = 20.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of nodes, workers and web processes."""

    nodes: int = 1
    workers: int = 2
    webs: int = 0


@dataclass
class Program:
    """One process of `kortkiosk-fleet`, that says when it is ready. `module`, `folder`, `options`: of another version."""

    words: Sequence[str]
    module: str = "fleet.server.cli"
    folder: Path | None = None
    options: Sequence[str] = ("--unseparated",)
    process: subprocess.Popen[str] | None = None
    ready: dict[str, object] = field(default_factory=dict)

    def start(self) -> None:
        command = [sys.executable, "-m", self.module, *self.words, "--json", *self.options]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        assert self.ready["ready"] is True

    def send(self, number: signal.Signals) -> None:
        """Send a signal where the program runs."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Gives the exit code; 0 where it has not been started."""
        if self.process is None:
            return 0
        assert self.process.stdout is not None
        self.process.send_signal(how)
        code = self.process.wait(END_S)
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL, and start it again."""
        self.end(signal.SIGKILL)
        self.start()


@dataclass
class Stand:
    """Programs that run, and how to reach them."""

    authority: Path
    data: Path
    rabbit: RabbitCluster
    postgres: Cluster
    database: str
    workers: list[Program]
    webs: list[Program]

    @property
    def mqtt(self) -> str:
        """As `simulate --broker` takes it."""
        return ",".join(str(node.mqtt) for node in self.rabbit.nodes)

    def kill_node(self, number: int) -> None:
        """SIGKILL to a node, and start it again."""
        self.rabbit.nodes[number].kill()
        self.rabbit.nodes[number].start()

    def kill_database(self) -> None:
        """SIGKILL to PostgreSQL, and start it again."""
        self.postgres.kill()
        self.postgres.start()


@contextlib.contextmanager
def cluster_stand(folder: Path, sizes: Sizes, stations: Sequence[str]) -> Iterator[Stand]:
    """All of it, until the context ends."""
    authority = Authority.init(folder / "authority", [], datetime.now(UTC)).directory
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(cluster(sync=True))
        rabbit = stack.enter_context(rabbit_cluster(authority, stations, sizes.nodes))
        stand = Stand(authority, folder / "data", rabbit, postgres, new_database(postgres), [], [])
        common = ["--broker", rabbit.url, "--database", stand.database, "--authority", str(authority)]
        stand.workers = [Program(["worker", *common]) for _ in range(sizes.workers)]
        stand.webs = [
            Program(["serve", "--init", *common, "--data", str(folder / f"web-{number}"), "--http", "127.0.0.1:0"])
            for number in range(sizes.webs)
        ]
        for program in (*stand.workers, *stand.webs):
            stack.callback(program.end)
            program.start()
        yield stand


def new_database(postgres: Cluster) -> str:
    """An empty one, as `--database` takes it."""
    name = f"kills_{secrets.token_hex(4)}"
    with postgres.session() as session:
        session.execute(f"CREATE DATABASE {name}")
    return postgres.address(name)
