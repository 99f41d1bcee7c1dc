"""Many stations in a process of their own, told by lines on standard input what to do: the load that other benches measure under.

    python -m benches.load IDENTITIES PORT COUNT SIGNING_KEY

Each is a station's own: mutual TLS, an outbox, a chain, the back-off of the link. It says one line of JSON for each order:
`connect` (all at once), `tell RATE SECONDS` (so many events a second from all of them, evenly), `drain EACH` (so many events of
each at once), `lose` (wait until the broker is gone), `return` (until all are back), `end`.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from benches.events import TIME, story
from fleet.messages.backoff import Backoff
from fleet.messages.events import EPOCH_PROPERTY, SEQUENCE_PROPERTY, Event
from fleet.messages.link import Presence, encode
from fleet.messages.signed import AckedReader
from fleet.messages.topics import Topics
from sim.fleet import identities
from sim.fleet.broker_connection import (
    BrokerConnection,
    BrokerConnectionError,
    ConnectionSettings,
    OutgoingMessage,
    open_connection,
    spare_memory,
)
from sim.fleet.outbox import Outbox

AT_ONCE = 64
"""Handshakes under way at the same time."""
TRIES = 3
WINDOW = 100
DRAINING = 32
"""Stations that empty their outboxes at the same time."""
WARM_S = 3.0
PATIENCE_S = 120.0

Said = dict[str, Any]


class Station:
    """One of the many. `waits`: (published, acknowledged by the server) of each event that was told with `timed`."""

    def __init__(self, folder: Path, name: str, port: int, epoch: int, acked: AckedReader) -> None:
        topics = Topics(name)
        gone = (topics.presence, encode(Presence(online=False, bootid="")))
        tls = identities.tls(folder, name)
        self.outbox = Outbox(name, epoch, keep=0)
        self._acked = acked
        self.waits: list[tuple[float, float]] = []
        self.connected_at = 0.0
        self.line: BrokerConnection | None = None
        self._hello = ConnectionSettings("127.0.0.1", port, tls, name, gone, (topics.acked,))
        self._topic, self._presence = topics.events, topics.presence
        self._story = story()
        self._sent_at: dict[int, float] = {}
        self._empty = asyncio.Event()
        self._backoff = Backoff()

    async def connect(self) -> None:
        """Raises BrokerConnectionError."""
        line = await open_connection(self._hello, self._take)
        self.line, self.connected_at = line, time.perf_counter()
        line.publish(OutgoingMessage(self._presence, encode(Presence(online=True, bootid="boot-1")), retain=True))
        self.outbox.begin_again()
        self._pump()

    async def come_back(self) -> None:
        """By the back-off of the link, from a connection that had stood long."""
        self._backoff.reset()
        while True:
            await asyncio.sleep(self._backoff.next_s())
            try:
                return await self.connect()
            except BrokerConnectionError:
                continue

    def add(self, count: int) -> None:
        """Events that wait to be sent."""
        for _ in range(count):
            kind, content = next(self._story)
            self.outbox.append("boot-1", kind, TIME, None, content)
        self._empty.clear()

    def tell(self, *, timed: bool) -> None:
        self.add(1)
        if timed:
            self._sent_at[self.outbox.last] = time.perf_counter()
        self._pump()

    async def emptied(self) -> None:
        """Send all that waits; until the server holds it."""
        self._pump()
        await self._empty.wait()

    def _pump(self) -> None:
        if self.line is not None:
            for event in self.outbox.due(WINDOW):
                self.line.publish(self._message(event))

    def _message(self, event: Event) -> OutgoingMessage:
        user = ((EPOCH_PROPERTY, str(event.epoch)), (SEQUENCE_PROPERTY, str(event.sequence)))
        return OutgoingMessage(self._topic, event.wire, user)

    def _take(self, _topic: str, payload: bytes) -> None:
        now = time.perf_counter()
        first = self.outbox.through + 1
        for number in range(first, first + self.outbox.acked(self._acked.open(payload, self.outbox.station)[0])):
            if (sent_at := self._sent_at.pop(number, None)) is not None:
                self.waits.append((sent_at, now))
        if self.outbox.depth == 0:
            self._empty.set()
        self._pump()


async def connect(stations: Sequence[Station]) -> Said:
    """All of them, as fast as the broker takes them."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(station: Station) -> None:
        async with room:
            await _insisting(station)

    began = time.perf_counter()
    await asyncio.gather(*map(one, stations))
    return {"seconds": time.perf_counter() - began}


async def _insisting(station: Station) -> None:
    for _ in range(TRIES - 1):
        with contextlib.suppress(BrokerConnectionError):
            return await station.connect()
    return await station.connect()


async def tell(stations: Sequence[Station], rate: float, seconds: float) -> Said:
    """So many a second, in turn, after a while that does not count."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    sent, late_s = 0, 0.0
    while (now := loop.time() - began) < WARM_S + seconds:
        while sent < now * rate:
            stations[sent % len(stations)].tell(timed=now > WARM_S)
            sent += 1
        late_s = max(late_s, loop.time() - began - now)
        await asyncio.sleep(0.001)
    await _all_held(stations)
    waits = [wait for station in stations for wait in station.waits]
    for teller in stations:
        teller.waits = []
    return {"told": sent, "waits": waits, "late_s": late_s}


async def drain(stations: Sequence[Station], each: int) -> Said:
    """Until the server holds them all. Some stations at a time, since they come back one after the other."""
    for station in stations:
        station.add(each)
    room = asyncio.Semaphore(DRAINING)

    async def one(station: Station) -> None:
        async with room:
            await station.emptied()

    began = time.perf_counter()
    await asyncio.wait_for(asyncio.gather(*map(one, stations)), PATIENCE_S)
    return {"events": each * len(stations), "seconds": time.perf_counter() - began}


async def lose(stations: Sequence[Station]) -> Said:
    """Until every connection has ended; from then on each tries to come back."""
    for station in stations:
        assert station.line is not None
        await asyncio.wait_for(asyncio.shield(station.line.closed), PATIENCE_S)
    return {}


async def _all_held(stations: Sequence[Station]) -> None:
    await asyncio.wait_for(asyncio.gather(*(station.emptied() for station in stations)), PATIENCE_S)


class Crowd:
    """All of them, and what they are told to do."""

    def __init__(self, stations: Sequence[Station]) -> None:
        self._stations = stations
        self._returning: list[asyncio.Task[None]] = []

    async def obey(self, words: Sequence[str]) -> Said:
        orders: dict[str, Callable[..., Awaitable[Said]]] = {
            "connect": lambda: connect(self._stations),
            "tell": lambda rate, seconds: tell(self._stations, float(rate), float(seconds)),
            "drain": lambda each: drain(self._stations, int(each)),
            "lose": self._lose,
            "return": self._return,
        }
        return await orders[words[0]](*words[1:])

    async def _lose(self) -> Said:
        answer = await lose(self._stations)
        self._returning = [asyncio.create_task(station.come_back()) for station in self._stations]
        return answer

    async def _return(self) -> Said:
        await asyncio.wait_for(asyncio.gather(*self._returning), PATIENCE_S)
        return {"connected_at": [station.connected_at for station in self._stations]}


async def main(folder: Path, port: int, count: int, acked: AckedReader) -> None:
    """Until `end`, or the end of standard input."""
    spare_memory()
    random.seed()
    epoch = int(time.time())
    crowd = Crowd([Station(folder, name, port, epoch, acked) for name in identities.names(count)])
    print(json.dumps({"ready": count}), flush=True)
    while (words := (await asyncio.to_thread(sys.stdin.readline)).split()) and words != ["end"]:
        print(json.dumps(await crowd.obey(words)), flush=True)


if __name__ == "__main__":
    key = ECKey.import_key(Path(sys.argv[4]).read_bytes())
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), AckedReader(key)))
