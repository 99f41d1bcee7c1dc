"""Ingest over a store and a transport in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fleet.messages.events import Event
from fleet.messages.topics import Topics
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.transport import Incoming
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.ingest.parse import Waiting, parse_waiting
from fleet.server.ingest.service import Ingest
from fleet.server.ingest.write import Writer
from tests.fleet.server.conftest import NOW, SIGNER, KeptChanges, MemoryTransport


def message(event: Event, station: str | None = None, key: tuple[int, int] | None = None) -> Incoming:
    return Incoming(Topics(station or event.station).events, event.wire, key or (event.epoch, event.sequence))


@dataclass
class Bench:
    """An ingest on a broker in memory."""

    transport: MemoryTransport
    changes: KeptChanges
    inbox: Inbox[Waiting]
    ingest: Ingest

    async def send(self, *messages: Incoming) -> None:
        """Hand them in, and wait until the broker has been told that all are dealt with."""
        expected = len(self.transport.acknowledged) + len(messages)
        for one in messages:
            self.inbox.put(one)
        await self.transport.settled(expected)


@asynccontextmanager
async def ingesting(writer: Writer, check: DatabaseCheck | None = None) -> AsyncIterator[Bench]:
    transport, changes, inbox = MemoryTransport(), KeptChanges(), Inbox(asyncio.get_running_loop(), parse_waiting)
    bench = Bench(
        transport,
        changes,
        inbox,
        Ingest(transport, writer, changes, lambda: NOW, inbox, SIGNER.sign, check),
    )
    task = asyncio.create_task(bench.ingest.run())
    yield bench
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
