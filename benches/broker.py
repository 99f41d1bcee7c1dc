"""The server's mosquitto, with its settings and its files, started by a bench: so it can be taken away, and lets the bench's own
clients in, each with a certificate of its own, since a client id is the certificate's name.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.server.broker.mosquitto import Broker, BrokerFiles, access_list
from fleet.server.process.addresses import Address
from provisioning.authority import Authority
from provisioning.processes import issue_process
from tests.fakes.fleet.region import Region

EAR, SUBSCRIBER, PUBLISHER = (f"fleet-server-bench-{name}" for name in ("ear", "sub", "pub"))
"""Names of the clients: they may do what the server may."""


class _Broker(Broker):
    """With the clients of the bench in its access list."""

    def _write(self, path: Path, text: str) -> None:
        super()._write(path, access_list((EAR, SUBSCRIBER, PUBLISHER)) if path.name == "acl" else text)


class OwnBroker:
    """In a thread of its own; `stop` takes it away for a while."""

    def __init__(self, region: Region) -> None:
        authority = region.places.authority
        for name in (EAR, SUBSCRIBER, PUBLISHER):
            issue_process(Authority(authority), name, datetime.now(UTC))
        self._files = BrokerFiles(
            authority / "ca" / "ca.pem", authority / "server" / "broker.pem", authority / "server" / "broker.key"
        )
        self._folder = region.places.folder / "bench-broker"
        self._address = Address("127.0.0.1", region.mqtt)
        self._loop = asyncio.new_event_loop()
        self._broker: _Broker | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self._do(self._start())
        try:
            yield
        finally:
            self._do(self._stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def stop(self) -> None:
        self._do(self._stop())

    def start(self) -> None:
        """Bring it back, with what it had kept."""
        self._do(self._start())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        self._broker = await _Broker(self._folder, self._address, self._files).__aenter__()

    async def _stop(self) -> None:
        if self._broker is not None:
            await self._broker.__aexit__(None, None, None)
        self._broker = None
