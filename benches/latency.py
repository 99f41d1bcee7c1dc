"""Latency seen by operations: from the station's commit of an event to the frame on a page's feed.

A real station's link, mosquitto with TLS, the real server in a process of its own, a plain HTTP reader on `/events`. The
server's word `acked` tells when it had committed, one hop later. Beside it the floor: one message to the same broker and
back, with nothing behind it. Events come further apart than the feed's five pushes a second, as errands do.
"""

import asyncio
import http.client
import queue
import statistics
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benches.broker import EAR, PUBLISHER, OwnBroker
from benches.figures import CannotMeasureError, Figure, compared_with
from benches.mqtt import Ear, of_process
from fleet.agent import outbox
from fleet.agent.identity import Identity
from fleet.agent.link import Link
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import EventType
from sim.demo.seed import STATION
from tests.fakes.fleet.region import Region
from tests.fakes.server.visitors import COOKIE

EVENTS = 20
APART_S = 0.3
WAIT_S = 15.0


def measure(folder: Path) -> list[Figure]:
    """Milliseconds, median and longest of twenty."""
    region = Region(folder / "region")
    topics = Topics(STATION)
    with (
        OwnBroker(region).running(),
        region.serve("--broker", f"127.0.0.1:{region.mqtt}"),
        Feed(region.http, f"{COOKIE}={region.session}").open() as feed,
        Ear(EAR, of_process(region, EAR), region.mqtt, topics.acked) as ear,
    ):
        floor = _round_trips(region)
        acked, shown = asyncio.run(_station(region, feed, ear))
    base = Figure("message to the broker and back", statistics.median(floor), "ms", _longest(floor))
    return [
        base,
        compared_with(base, "commit to the server's word `acked`", statistics.median(acked), _longest(acked)),
        compared_with(base, "commit to the frame on the feed", statistics.median(shown), _longest(shown)),
    ]


def _longest(values: Sequence[float]) -> str:
    return f"longest of {len(values)}: {max(values):.1f} ms"


def _round_trips(region: Region) -> list[float]:
    times = []
    with Ear(PUBLISHER, of_process(region, PUBLISHER), region.mqtt, "kortkiosk/v1/bench/answer") as ear:
        for number in range(EVENTS):
            payload = f"<{number}>".encode()
            began = time.perf_counter()
            ear.say(ear.topic, payload)
            times.append(1000 * (ear.wait_for(payload) - began))
    return times


async def _station(region: Region, feed: "Feed", ear: Ear) -> tuple[list[float], list[float]]:
    """Commit events one by one; for each, milliseconds to `acked` and to the frame."""
    identity = Identity.load(region.places.config.parent / "identity")
    store = StationStore.open(region.places.folder / "bench.sqlite", schemas=[outbox.SCHEMA])
    online = asyncio.Event()
    acked, shown = [], []
    try:
        async with Link(identity, store, "boot-1") as link:
            link.on_change(lambda now: online.set() if now else None)
            await asyncio.wait_for(online.wait(), WAIT_S)
            for number in range(EVENTS + 1):
                await asyncio.sleep(APART_S)
                feed.forget()
                committed = await _commit(store, EventChain(STATION, identity.epoch, "boot-1"))
                link.notify()
                heard = await asyncio.to_thread(ear.wait_for, f'"through":{number + 1}'.encode())
                seen = await asyncio.to_thread(feed.wait)
                if number:  # the first one also warms all up
                    acked.append(1000 * (heard - committed))
                    shown.append(1000 * (seen - committed))
    finally:
        store.close()
    return acked, shown


async def _commit(store: StationStore, chain: EventChain) -> float:
    """One event; when it was durable."""
    content = {"errand": str(uuid.uuid4()), "kind": "pickup"}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await store.transact(lambda cx: outbox.append(cx, chain, EventType.ERRAND_STARTED, now, None, content))
    return time.perf_counter()


class Feed:
    """A reader of the server-sent events that pages follow."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port = port
        self._cookie = cookie
        self._frames: queue.Queue[float] = queue.Queue()

    @contextmanager
    def open(self) -> Iterator["Feed"]:
        """Reading, until the block ends."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", "/events", headers={"Cookie": self._cookie})
        answer = connection.getresponse()
        reading = threading.Thread(target=self._read, args=(answer,), daemon=True)
        reading.start()
        self.wait()  # the first frame says that the feed is there
        try:
            yield self
        finally:
            # The server ends the stream when it ends; the thread sees that, or the closed line.
            connection.close()

    def forget(self) -> None:
        """Frames from before count no more."""
        while not self._frames.empty():
            self._frames.get_nowait()

    def wait(self) -> float:
        """Wait for the next frame; return when it came."""
        try:
            return self._frames.get(timeout=WAIT_S)
        except queue.Empty:
            raise CannotMeasureError("no frame came on the feed") from None

    def _read(self, answer: http.client.HTTPResponse) -> None:
        event = b""
        try:
            while line := answer.readline():
                if line.startswith(b"event:"):
                    event = line
                elif line.startswith(b"data:") and b"changed" in event:
                    self._frames.put(time.perf_counter())
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return  # the connection was closed from this side
