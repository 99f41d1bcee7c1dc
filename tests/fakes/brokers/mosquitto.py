"""A real mosquitto on loopback with TLS, certificates and the access rules of the fleet, that a test may kill and
start again."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fleet.server.broker.mosquitto import access_list
from fleet.server.process.addresses import Address
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_port

CONFIG = """
per_listener_settings false
listener {port} 127.0.0.1
cafile {authority}/ca/ca.pem
certfile {directory}/broker.pem
keyfile {directory}/broker.key
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {directory}/acl
persistence true
persistence_location {directory}/
max_queued_messages 0
user root
log_dest file {directory}/log
"""


class Broker:
    """One mosquitto. Its port and its directory stay the same over `kill` and `start`."""

    def __init__(self, directory: Path, authority: Authority, processes: Sequence[str] = ()) -> None:
        """`processes`: of the server, besides itself."""
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("broker.pem", "broker.key"):
            shutil.copy(authority.directory / "server" / name, directory / name)
        (directory / "acl").write_text(access_list(processes))
        (directory / "acl").chmod(0o600)
        self._authority = authority.directory

    def start(self) -> None:
        """Start it and wait until it listens."""
        config = CONFIG.format(port=self.port, directory=self._directory, authority=self._authority)
        if (self._authority / "ca/crl.pem").exists():
            config += f"crlfile {self._authority}/ca/crl.pem\n"
        (self._directory / "mosquitto.conf").write_text(config)
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") or "mosquitto"
        self._process = subprocess.Popen([program, "-c", str(self._directory / "mosquitto.conf")])
        deadline = time.monotonic() + LIMIT_S
        while not self._listens():
            assert self._process.poll() is None, f"mosquitto ended: {self.log()}"
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: what it held in memory is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it has written."""
        with contextlib.suppress(FileNotFoundError):
            return (self._directory / "log").read_text()
        return ""

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


async def is_listening(address: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def until_listens(address: Address, and_also: Callable[[], bool] = lambda: True) -> None:
    """Until another process listens there; nothing but asking again can tell."""
    async with asyncio.timeout(LIMIT_S):
        while not and_also() or not await is_listening(address):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
