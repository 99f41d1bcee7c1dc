"""Events a second that the server takes durably, through the broker and into its store.

`mosquitto_pub` sends the same messages twice over the same broker: to `mosquitto_sub`, which is written in C and only
counts them, and to the server, which checks, chains, stores and acknowledges each. Then the server's ingest without broker,
beside SQLite that inserts the same rows in batches of the same size. And all of it again with the store in PostgreSQL, where it
is installed: see `benches.ingest_postgres`.
"""

import asyncio
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from benches import ingest_postgres
from benches.broker import EAR, PUBLISHER, SUBSCRIBER, OwnBroker
from benches.events import errands
from benches.figures import CannotMeasureError, Figure, compared_with, ratio_of
from benches.mqtt import Ear, of_process
from fleet.agent.identity import Identity
from fleet.messages.events import Event
from fleet.messages.link import Acked, encode
from fleet.messages.topics import PREFIX, Topics
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.mqtt5_client import RECEIVE_MAXIMUM
from fleet.server.broker.transport import Handler, Incoming
from fleet.server.database.database import open_database
from fleet.server.ingest.parse import Waiting, parse_waiting
from fleet.server.ingest.service import BATCH, Ingest
from fleet.server.ingest.write import Writer
from fleet.server.keys.signing import Signer
from fleet.server.process.run import SWITCH_S
from sim.demo.seed import STATION
from tests.fakes.fleet.region import Region

EVENTS = 6000
STORED = 10_000
"""Events of a round without broker."""
ROUNDS = 5
AT_A_READ = 200
WAIT_S = 60.0
READY = "kortkiosk/v1/bench/answer"
SIGNER = Signer(ECKey.generate_key("P-256"))


def measure(folder: Path) -> list[Figure]:
    """Events a second, the median of the rounds."""
    if shutil.which("mosquitto_pub") is None:
        raise CannotMeasureError("the broker's clients are not installed (Debian package mosquitto-clients)")
    region = Region(folder / "region")
    first = Identity.load(region.places.config.parent / "identity").epoch
    rounds = [errands(STATION, epoch, EVENTS) for epoch in range(first, first + ROUNDS)]
    stored = [errands(STATION, epoch, STORED) for epoch in range(1, ROUNDS + 2)]
    counted, held_figure = through_broker(region, rounds, "SQLite")
    return [
        counted,
        ratio_of(held_figure, 0.60),
        *_beside_bare(folder, stored),
        *(ingest_postgres.measure(region, rounds, stored) if ingest_postgres.is_here() else ()),
    ]


def through_broker(region: Region, rounds: Sequence[Sequence[Event]], where: str, *options: str) -> list[Figure]:
    """A subscriber that counts, and the server with its store there, in turn."""
    with OwnBroker(region).running(), region.serve("--broker", f"127.0.0.1:{region.mqtt}", *options):
        used = _children_s()
        pairs = [(_counted(region, _lines(events)), _held(region, events)) for events in rounds]
        used = _children_s() - used
    counting, holding = (statistics.median(times) for times in zip(*pairs, strict=True))
    share = used / (sum(map(sum, pairs)) * (os.cpu_count() or 1))
    counted = Figure(
        f"mosquitto_sub counts them, {where} in turn",
        EVENTS / counting,
        "events/s",
        f"{EVENTS:,} events; sending and counting take {share:.0%} of the machine",
    )
    return [
        counted,
        compared_with(counted, f"the server holds them in {where}", EVENTS / holding, "checked, durable, acknowledged"),
    ]


def _beside_bare(folder: Path, stored: Sequence[Sequence[Event]]) -> list[Figure]:
    bare = _Bare(folder / "bare.sqlite")
    with open_database(folder / "fleet.sqlite") as database:
        pairs = time_alternately(bare.insert, Writer(database), stored)
    bare.close()
    return figures_of("bare SQLite inserts the rows", "SQLite", pairs)


def time_alternately(
    floor: Callable[[Sequence[Event]], float], writer: Writer, stored: Sequence[Sequence[Event]]
) -> list[tuple[float, float]]:
    """Seconds of the floor and of the server's ingest, round by round; the first round warms up and does not count."""
    return [(floor(events), time_ingest(writer, events)) for events in stored][1:]


def figures_of(floor: str, where: str, pairs: Sequence[tuple[float, float]]) -> list[Figure]:
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    rows = Figure(floor, STORED / bare, "events/s", f"{BATCH} a commit")
    note = "without broker: parsed, checked, chained, followed up"
    return [rows, compared_with(rows, f"ingest takes them into {where}", STORED / ours, note)]


def _children_s() -> float:
    """Seconds of CPU that programs which have ended took: those that send and count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _lines(events: Sequence[Event]) -> bytes:
    """As `mosquitto_pub -l` reads them: one message a line."""
    return b"".join(event.wire + b"\n" for event in events)


def _held(region: Region, events: Sequence[Event]) -> float:
    """Seconds until the server has said that it holds all of them."""
    topics = Topics(STATION)
    lines, last = _lines(events), encode(Acked(events[-1].epoch, events[-1].sequence))
    with Ear(EAR, of_process(region, EAR), region.mqtt, topics.acked) as ear:
        began = time.perf_counter()
        _publish(region, topics.events, lines)
        return ear.wait_for(last) - began


def _counted(region: Region, lines: bytes) -> float:
    """Seconds until a subscriber in C has had all of them."""
    topic = f"{PREFIX}/bench/floor"  # which the server does not read, and may write
    with Ear(EAR, of_process(region, EAR), region.mqtt, READY) as ear:
        ear.say(READY, b"ready", retain=True)
    words = _words("mosquitto_sub", region, SUBSCRIBER)
    words += ["-t", READY, "-t", topic, "-C", str(EVENTS + 1), "-F", "."]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as subscriber:
        assert subscriber.stdout is not None
        subscriber.stdout.readline()  # the retained one: it has subscribed
        began = time.perf_counter()
        _publish(region, topic, lines)
        if subscriber.wait(WAIT_S):
            raise CannotMeasureError("mosquitto_sub failed")
        return time.perf_counter() - began


def _publish(region: Region, topic: str, lines: bytes) -> None:
    words = _words("mosquitto_pub", region, PUBLISHER)
    done = subprocess.run([*words, "-t", topic, "-l"], input=lines, capture_output=True, timeout=WAIT_S, check=False)
    if done.returncode:
        raise CannotMeasureError(f"mosquitto_pub failed: {done.stderr.decode(errors='replace').strip()}")


def _words(program: str, region: Region, client: str) -> list[str]:
    pem = of_process(region, client)
    files = ["--cafile", str(pem.ca), "--cert", str(pem.certificate), "--key", str(pem.key)]
    return [program, "-V", "5", "-h", "localhost", "-p", str(region.mqtt), "-i", client, *files, "-q", "1"]


def batches(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def time_ingest(writer: Writer, events: Sequence[Event]) -> float:
    """Seconds from bytes to the last commit, through the server's ingest."""
    messages = [Incoming(Topics(STATION).events, event.wire, (event.epoch, event.sequence)) for event in events]

    async def take() -> float:
        source = _Source()
        inbox: Inbox[Waiting] = Inbox(asyncio.get_running_loop(), parse_waiting)
        running = asyncio.create_task(
            Ingest(source, writer, _NoPages(), lambda: datetime.now(UTC), inbox, SIGNER.sign).run()
        )
        began = time.perf_counter()
        await source.feed(inbox, messages)
        seconds = time.perf_counter() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return seconds

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # as `serve` does
    try:
        return asyncio.run(take())
    finally:
        sys.setswitchinterval(before)


class _Source:
    """A broker that has it all already, and keeps within Receive Maximum."""

    def __init__(self) -> None:
        self._under_way = 0
        self._room = asyncio.Event()

    async def feed(self, inbox: Inbox[Waiting], messages: Sequence[Incoming]) -> None:
        """Until all are acknowledged. A read of the network brings some at a time."""
        sent = 0
        while sent < len(messages) or self._under_way:
            some = messages[sent : sent + min(AT_A_READ, RECEIVE_MAXIMUM - self._under_way)]
            for message in some:
                inbox.put(message)
            sent += len(some)
            self._under_way += len(some)
            if some:
                await asyncio.sleep(0)
            else:
                self._room.clear()
                await self._room.wait()

    async def start(self, handler: Handler) -> None: ...

    async def stop(self) -> None: ...

    def acknowledge(self, message: Incoming) -> None:
        self._under_way -= 1
        self._room.set()

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, *, expiry_s: int | None = None
    ) -> None: ...


class _NoPages:
    def publish(self, topics: frozenset[str]) -> None: ...


def row(event: Event) -> tuple[Any, ...]:
    """Return the row that is stored of an event of station 1."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    about = (event.type, event.time, event.subject, event.content()["errand"])
    return (1, event.epoch, event.sequence, *about, event.envelope, event.data, event.salt, at)


class _Bare:
    """The same rows with the same keys and the same durability, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE events (id INTEGER PRIMARY KEY, station, epoch, sequence, type, time, subject, errand, envelope,"
            " data, salt, received, UNIQUE (station, epoch, sequence)); CREATE INDEX errand ON events (errand)"
        )

    def insert(self, events: Sequence[Event]) -> float:
        rows = [(*values, str(received)) for *values, received in map(row, events)]
        began = time.perf_counter()
        for batch in batches(rows):
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", batch)
            self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        self._connection.close()
