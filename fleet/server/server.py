"""The fleet server put together: broker, verifier, store, ingest, answers and pages, in one asyncio process and two
children.

Rules: parts start in the order in which they need each other and end in the reverse order; one server for each data
directory; if a part fails for good, the server ends with that error and not half alive.

>>> async with FleetServer(ServerConfig(data, authority)) as server:  # doctest: +SKIP
...     await server.wait()
"""

import asyncio
import contextlib
import fcntl
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from fleet.server.addresses import Address
from fleet.server.answers import Answers
from fleet.server.broker import Broker, BrokerFiles
from fleet.server.config import ServerConfig
from fleet.server.desk import AskDesk
from fleet.server.hub import Hub
from fleet.server.inbox import Inbox
from fleet.server.ingest import Ingest
from fleet.server.mqtt import Credentials, MqttTransport
from fleet.server.signing import Signer
from fleet.server.store.database import Database
from fleet.server.store.reading import StoreReadings
from fleet.server.store.writing import Writer
from fleet.server.transport import Incoming, Transport
from fleet.server.verifier.client import VerifierProcess
from fleet.server.web.app import create_app
from fleet.server.web.serving import WebServer, web_server

WEB_START_TIMEOUT_S = 10.0
ORDERS_WATCH_S = 1.0

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class ServerError(Exception):
    """The server cannot start with what it was given. The text says what and why."""


def utc_now() -> datetime:
    """The clock of real runs."""
    return datetime.now(UTC)


class FleetServer:
    """All parts, for as long as the context lasts. `mqtt` and `http` are the addresses in use."""

    def __init__(self, config: ServerConfig, clock: Clock = utc_now) -> None:
        if not config.http.is_loopback:
            raise ServerError(
                f"--http {config.http}: pages have no sign-in yet, so they are served on a loopback address only,"
                " such as 127.0.0.1:8080"
            )
        self._config = replace(config, data=config.data.resolve(), authority=config.authority.resolve())
        self._clock = clock
        self._parts = AsyncExitStack()
        self._running: list[asyncio.Task[None]] = []
        self.mqtt = config.broker or config.mqtt
        self.http = config.http

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as parts:
            await self._start(parts)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    async def wait(self) -> None:
        """Until a part ends by itself. Raises what it ended with."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self, parts: AsyncExitStack) -> None:
        config = self._config
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts.enter_context(_only_one(config))
        signer = Signer.load(config.server_file("signing.key"))
        database = Database.open(config.database)
        parts.callback(database.close)
        if config.broker is None:
            broker = await parts.enter_async_context(
                Broker(config.broker_directory, config.mqtt, _broker_files(config))
            )
            self.mqtt = broker.address
        verifier = await parts.enter_async_context(VerifierProcess(config.verifier_keys, config.counters))
        hub = Hub()
        parts.callback(hub.close)
        writer = Writer(database)
        answers = Answers(database, signer, verifier, writer, self._clock)
        await self._link(parts, writer, answers, hub)
        readings = StoreReadings(database, self._clock)
        self._run(parts, _watch_orders(readings, hub), "orders-watch")
        await self._serve_pages(parts, readings, hub)

    async def _link(self, parts: AsyncExitStack, writer: Writer, answers: Answers, hub: Hub) -> None:
        """Connect the broker with ingest and answers."""
        loop = asyncio.get_running_loop()
        arriving, asking = Inbox(loop), Inbox(loop)
        transport = self._transport()
        self._run(parts, Ingest(transport, writer, hub, self._clock, arriving).run(), "ingest")
        self._run(parts, AskDesk(transport, answers, asking).run(), "asks")

        def sort(message: Incoming) -> None:
            (asking if message.topic.endswith("/ask") else arriving).put(message)

        parts.push_async_callback(transport.stop)
        await transport.start(sort)

    def _transport(self) -> Transport:
        files = self._config
        credentials = Credentials(
            files.ca, files.server_file("fleet-server.pem"), files.server_file("fleet-server.key")
        )
        try:
            return MqttTransport(self.mqtt.reachable, credentials)
        except OSError as error:
            raise ServerError(f"the server's certificate in {files.authority / 'server'}: {error}") from None

    async def _serve_pages(self, parts: AsyncExitStack, readings: StoreReadings, hub: Hub) -> None:
        bound = self._config.http.bind()
        self.http = replace(self._config.http, port=bound.getsockname()[1])
        app = create_app(readings, hub, clock=self._clock)
        listener = _Listener(web_server(app, hub, host=_numeric(self.http), port=self.http.port).config, hub)
        serving = asyncio.create_task(listener.serve(sockets=[bound]), name="pages")
        self._running.append(serving)
        parts.push_async_callback(listener.leave, serving)
        await asyncio.wait_for(listener.listening.wait(), WEB_START_TIMEOUT_S)

    def _run(self, parts: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._running.append(task)
        parts.push_async_callback(_cancel, task)


class _Listener(WebServer):
    """The pages' listener; signals are the program's to handle."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config, hub)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def leave(self, serving: "asyncio.Task[None]") -> None:
        """End it in order."""
        self.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


async def _watch_orders(readings: StoreReadings, hub: Hub) -> None:
    """Imports are made by other processes: look once a second whether orders have changed."""
    before = None
    while True:
        try:
            now = await asyncio.to_thread(readings.orders_mark)
        except SQLAlchemyError as error:
            _log.error("orders cannot be read: %s", type(error).__name__)
        else:
            if now != before:
                hub.publish(frozenset({"orders"}))
            before = now
        await asyncio.sleep(ORDERS_WATCH_S)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _only_one(config: ServerConfig) -> Iterator[None]:
    """Hold the lock of the data directory. Raises ServerError where another server has it."""
    with config.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(f"{config.data}: another server runs on this data") from None
        yield


def _broker_files(config: ServerConfig) -> BrokerFiles:
    files = BrokerFiles(config.ca, config.server_file("broker.pem"), config.server_file("broker.key"), config.revoked)
    for path in (files.ca, files.certificate, files.key):
        if not path.is_file():
            raise ServerError(
                f"{path} is missing: make it with `kortkiosk-provision authority init {config.authority}`"
            )
    return files


def _numeric(address: Address) -> str:
    return socket.gethostbyname(address.host) if address.host == "localhost" else address.host
