"""Ingest worker of a cluster: from the queues of the broker into the store, with the acknowledgement after each commit.

Rules: nothing of its own is kept; as many run as are wanted, on any machine. It takes the queues that it bids most for, and
all of them where it is the only one. One that dies is replaced by the others at once: what it had not committed goes to them,
and what it had committed and not acknowledged is a repetition.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import URL

from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.mosquitto import SERVER_USER
from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.cluster.connections import intake_line
from fleet.server.database.database import Database
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.parse import parse_waiting
from fleet.server.ingest.service import Clock, Ingest
from fleet.server.ingest.write import Writer
from fleet.server.keys.expiry import What, check_certificates
from fleet.server.keys.signing import Signer
from fleet.server.live_feed.notify_feed import Announcer
from fleet.server.process.shutdown import Ending, cancelled


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Configuration of a worker: where broker and store are; `authority`: the directory with `ca/ca.pem`, the
    certificate and key of that name, and the signing key."""

    broker: BrokerUrl
    database: URL
    authority: Path
    certificate: str = SERVER_USER
    set_aside_bytes: int = 5_000_000

    @property
    def credentials(self) -> Credentials:
        """This process's own, at the broker."""
        return Credentials.of(self.authority, self.certificate)

    @property
    def signing_key(self) -> Path:
        """Signs what stations are told is held."""
        return self.authority / "server" / "signing.key"


class FleetWorker:
    """Takes and stores for as long as the context lasts. Raises StoreError, SigningKeyError, OSError."""

    def __init__(self, config: WorkerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = SteadyClock(clock)
        self._parts = AsyncExitStack()
        self._running: list[asyncio.Task[None]] = []
        self.name = f"worker-{secrets.token_hex(4)}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    async def wait(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self, parts: AsyncExitStack) -> None:
        mine: What = "server" if self._config.certificate == SERVER_USER else "process"
        files = {mine: self._config.authority / "server" / f"{self._config.certificate}.pem"}
        check_certificates(self._config.authority, files, self._clock())
        signer = Signer.load(self._config.signing_key)
        database = Database.open(self._config.database)
        ending = Ending()
        ending.later(parts, "database", asyncio.to_thread, database.close)
        watch = ClockWatch(database, self._clock)
        await asyncio.to_thread(watch.begin)
        announcer = Announcer(database)
        check = DatabaseCheck(database, self._clock)
        transport = intake_line(self._config.broker, self._config.credentials, self.name)
        arriving = Inbox(asyncio.get_running_loop(), parse_waiting)
        ingest = Ingest(
            transport,
            Writer(database, self._config.set_aside_bytes),
            announcer,
            self._clock,
            arriving,
            signer.sign,
            check,
        )
        for name, work in (("clock", watch.run()), ("changes-told", announcer.run()), ("ingest", ingest.run())):
            task = asyncio.create_task(work, name=name)
            self._running.append(task)
            ending.later(parts, name, cancelled, task)
        ending.later(parts, "transport", transport.stop)
        await transport.start(arriving.put)
