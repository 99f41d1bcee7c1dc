"""A broker as a server's link and as stations reach it, mosquitto or RabbitMQ, for tests of what both must keep."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fleet.agent.identity import Broker as BrokerAddress
from fleet.messages.link import Acked, Answer, encode
from fleet.messages.signed import ANSWER_TYP, SignedAnswer, format_time, open_ask, sign_acked
from fleet.server.broker.mqtt5_client import Credentials, Mqtt5Transport
from fleet.server.broker.transport import Incoming, Transport
from fleet.server.cluster.amqp_transport import AmqpTransport, asks, intake
from fleet.server.keys.signing import Signer
from fleet.server.process.addresses import Address
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.rabbitmq import RabbitCluster
from tests.fakes.fleet.station_peer import FleetStation


@dataclass
class Server:
    """What a server's link gets, by whichever broker."""

    lines: list[Transport] = field(default_factory=list)
    came: list[Incoming] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, message: Incoming) -> None:
        with self.changed:
            self.came.append(message)
            self.changed.notify_all()

    async def got(self, topic: str, number: int = 1) -> list[Incoming]:
        """At least so many messages of topics that end so."""

        def there() -> list[Incoming]:
            return [one for one in self.came if one.topic.endswith(f"/{topic}")]

        def wait() -> list[Incoming]:
            with self.changed:
                assert self.changed.wait_for(lambda: len(there()) >= number, LIMIT_S), f"{len(there())} of {number}"
                return there()

        return await asyncio.to_thread(wait)

    def acknowledge(self, *messages: Incoming) -> None:
        for one in messages:
            self.lines[0].acknowledge(one)


@dataclass(frozen=True)
class Link:
    """One broker, as stations and servers reach it."""

    port: int
    credentials: Credentials
    rabbit: RabbitCluster | None

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Server]:
        """A server's lines, until the block ends."""
        server = Server()
        if self.rabbit is None:
            server.lines = [Mqtt5Transport(Address("127.0.0.1", self.port), self.credentials)]
        else:
            nodes = [node.amqp for node in self.rabbit.nodes]
            server.lines = [AmqpTransport(nodes, self.credentials, wanted) for wanted in (intake("test"), asks())]
        async with AsyncExitStack() as stack:
            for line in server.lines:
                stack.push_async_callback(line.stop)
                await line.start(server.take)
            yield server


def signed_acked(authority: Authority, station: str, acked: Acked) -> bytes:
    """What the server tells a station that it holds."""
    return sign_acked([(station, acked)], datetime.now(UTC), _signer(authority).sign)[0]


def signed_answer(authority: Authority, station: str, asked: Incoming, answer: Answer) -> bytes:
    """The server's answer to what was asked."""
    signed = SignedAnswer(station, open_ask(asked.payload).signed.nonce, format_time(datetime.now(UTC)), answer)
    return _signer(authority).sign(encode(signed), ANSWER_TYP).encode()


def _signer(authority: Authority) -> Signer:
    return Signer.load(authority.directory / "server" / "signing.key")


@contextmanager
def station(authority: Authority, folder: Path, name: str, port: int) -> Iterator[FleetStation]:
    """Connected, until the block ends."""
    now = datetime.now(UTC)
    enrol(authority, folder / name, BrokerAddress("127.0.0.1", port), authority.claim(name, now), now)
    made = FleetStation(name, folder / name, port)
    made.start()
    try:
        yield made
    finally:
        made.stop()
