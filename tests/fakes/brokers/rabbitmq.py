"""RabbitMQ nodes of the tests' own, on loopback, with the configuration that `kortkiosk-fleet broker-files` writes.

Data, cookie and Erlang's own name server (epmd) lie in one folder and end with it. A node may be killed and started again; ports
and data stay the same.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from fleet.server.broker.mosquitto import BrokerFiles
from fleet.server.cluster.rabbitmq import PLUGINS, Node, advanced, configuration, definitions, list_name
from fleet.server.process.addresses import Address
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address, free_port

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
STOP_S = 30.0


class RabbitNode:
    """One node of a cluster."""

    def __init__(self, folder: Path, name: str, node: Node, files: BrokerFiles, epmd: int) -> None:
        self.mqtt, self.amqp, self.name = node.mqtt, node.amqp, name
        self._folder = folder / name.partition("@")[0]
        self._folder.mkdir()
        (self._folder / "rabbitmq.conf").write_text(configuration(node, folder / "definitions.json"))
        (self._folder / "advanced.config").write_text(advanced(files, folder / "revoked"))
        (self._folder / "enabled_plugins").write_text(PLUGINS)
        self._environment = self._environment_of(folder, name, epmd)
        self._process: subprocess.Popen[bytes] | None = None

    def _environment_of(self, folder: Path, name: str, epmd: int) -> dict[str, str]:
        mine = self._folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONF_ENV_FILE": str(mine / "none"),
            "RABBITMQ_CONFIG_FILE": str(mine / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(mine / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(mine / "enabled_plugins"),
            "RABBITMQ_MNESIA_DIR": str(mine / "data"),
            "RABBITMQ_LOG_BASE": str(mine),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(mine / "pid"),
            "RABBITMQ_ALLOW_INPUT": "1",  # then the script becomes the node, and its signals are the node's
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +sbwt none +sbwtdcpu none +sbwtdio none"
            " -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def begin(self) -> None:
        """Start it; `wait` says when it is up."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAMS / "rabbitmq-server")], env=self._environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, cwd=self._folder, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Until both listeners are there, which is the last that a node does."""
        deadline = time.monotonic() + LIMIT_S
        while not (_listens(self.mqtt) and _listens(self.amqp)):
            assert self._process is not None
            assert self._process.poll() is None, f"RabbitMQ ended: {self.log()}"
            assert time.monotonic() < deadline, f"RabbitMQ does not listen: {self.log()}"
            time.sleep(0.05)

    def start(self) -> None:
        """Start it and wait."""
        self.begin()
        self.wait()

    def kill(self) -> None:
        """SIGKILL to the node and all that it has started."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, where it runs."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def log(self) -> str:
        """The end of what it has said."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]

    def control(self, *words: str) -> str:
        """rabbitmqctl, on this node."""
        command = [str(PROGRAMS / "rabbitmqctl"), *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


class RabbitCluster:
    """Nodes on loopback that find each other."""

    def __init__(self, folder: Path, authority: Path, stations: Sequence[str], size: int) -> None:
        server = authority / "server"
        files = BrokerFiles(authority / "ca/ca.pem", server / "broker.pem", server / "broker.key")
        self._epmd_port = free_port()
        (folder / ".erlang.cookie").write_text("made-up-cookie-of-a-test")
        (folder / ".erlang.cookie").chmod(0o400)
        (folder / "definitions.json").write_text(definitions(stations))
        (folder / "revoked").mkdir()
        self._lists, self._authority = folder / "revoked", authority
        names = [f"k{number}@localhost" for number in range(1, size + 1)]
        among = names if size > 1 else []
        self.nodes = [
            RabbitNode(folder, name, Node(free_address(), free_address(), among), files, self._epmd_port)
            for name in names
        ]
        self._epmd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """All nodes at once, as they wait for each other."""
        self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            node.wait()

    def heed_revocations(self) -> None:
        """Bring the authority's list, as `broker-files` does."""
        ca = x509.load_pem_x509_certificate((self._authority / "ca/ca.pem").read_bytes())
        shutil.copy(self._authority / "ca/crl.pem", self._lists / list_name(ca))

    def stop(self) -> None:
        """End all of it."""
        for node in self.nodes:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                node.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    @property
    def url(self) -> str:
        """As `--broker` takes it."""
        return "amqps://" + ",".join(str(node.amqp) for node in self.nodes)


@contextlib.contextmanager
def rabbit_cluster(authority: Path, stations: Sequence[str], size: int = 1) -> Iterator[RabbitCluster]:
    """A running one, until the context ends."""
    with tempfile.TemporaryDirectory(prefix="rabbit-") as folder:
        made = RabbitCluster(Path(folder), authority, stations, size)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def _listens(address: Address) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address.host, address.port), timeout=1):
        return True
    return False
