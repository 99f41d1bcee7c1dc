"""How many events a second the server takes durably, through the broker and into its store.

`mosquitto_pub` sends the same messages twice over the same broker: to `mosquitto_sub`, which is written in C and only
counts them, and to the server, which checks, chains, stores and acknowledges each. Then the store's writer alone,
beside SQLite that inserts the same rows in batches of the same size.
"""

import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benches.events import errands
from benches.figures import CannotMeasureError, Figure, against
from benches.mqtt import Ear, Pem, of_server, of_station
from fleet.agent.identity import Identity
from fleet.messages.events import Event
from fleet.messages.link import Acked, encode
from fleet.messages.topics import PREFIX, Topics
from fleet.server.ingest import BATCH
from fleet.server.store.arrivals import Arrived
from fleet.server.store.database import opened
from fleet.server.store.writing import Writer
from kiosk.demo.seed import STATION
from tests.fakes.region import Region

EVENTS = 3000
ROUNDS = 3
WAIT_S = 60.0
READY = "kortkiosk/v1/bench/answer"


def measure(folder: Path) -> list[Figure]:
    """Events a second, the median of three."""
    if shutil.which("mosquitto_pub") is None:
        raise CannotMeasureError("the broker's clients are not installed (Debian package mosquitto-clients)")
    region = Region(folder / "region")
    first = Identity.load(region.places.config.parent / "identity").epoch
    told = [errands(STATION, epoch, EVENTS) for epoch in range(first, first + ROUNDS)]
    with region.serve():
        pairs = [(_counted(region, _lines(events)), _held(region, events)) for events in told]
    counting, holding = (statistics.median(times) for times in zip(*pairs, strict=True))
    bare = statistics.median(_bare(folder / f"bare-{turn}.sqlite", told[0]) for turn in range(ROUNDS))
    written = statistics.median(_written(folder / f"fleet-{turn}.sqlite", told[0]) for turn in range(ROUNDS))
    counted = Figure("mosquitto_sub counts them", _rate(counting), "events/s", f"{EVENTS:,} events")
    rows = Figure("bare SQLite inserts the rows", _rate(bare), "events/s", f"{BATCH} a commit")
    return [
        counted,
        against(counted, "the server holds them", _rate(holding), "checked, chained, committed, acknowledged"),
        rows,
        against(rows, "the store's writer alone", _rate(written), f"{BATCH} a commit"),
    ]


def _lines(events: Sequence[Event]) -> bytes:
    """As `mosquitto_pub -l` reads them: one message a line."""
    return b"".join(event.wire + b"\n" for event in events)


def _held(region: Region, events: Sequence[Event]) -> float:
    """Seconds until the server has said that it holds all of them."""
    topics = Topics(STATION)
    lines, last = _lines(events), encode(Acked(events[-1].epoch, events[-1].sequence))
    with Ear("bench", of_station(region), region.mqtt, topics.acked) as ear:
        began = time.perf_counter()
        _publish(region, topics.events, lines)
        return ear.wait_for(last) - began


def _rate(seconds: float) -> float:
    return EVENTS / seconds


def _counted(region: Region, lines: bytes) -> float:
    """Seconds until a subscriber in C has had all of them."""
    topic = f"{PREFIX}/{STATION}/commands/result"  # which the server does not read
    with Ear("bench-ready", of_server(region), region.mqtt, READY) as ear:
        ear.say(READY, b"ready", retain=True)
    words = _words("mosquitto_sub", of_server(region), region.mqtt)
    words += ["-i", "bench-sub", "-t", READY, "-t", topic, "-C", str(EVENTS + 1), "-F", "."]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as subscriber:
        assert subscriber.stdout is not None
        subscriber.stdout.readline()  # the retained one: it has subscribed
        began = time.perf_counter()
        _publish(region, topic, lines)
        if subscriber.wait(WAIT_S):
            raise CannotMeasureError("mosquitto_sub failed")
        return time.perf_counter() - began


def _publish(region: Region, topic: str, lines: bytes) -> None:
    words = _words("mosquitto_pub", of_station(region), region.mqtt)
    done = subprocess.run(
        [*words, "-i", "bench-pub", "-t", topic, "-l"], input=lines, capture_output=True, timeout=WAIT_S, check=False
    )
    if done.returncode:
        raise CannotMeasureError(f"mosquitto_pub failed: {done.stderr.decode(errors='replace').strip()}")


def _words(program: str, pem: Pem, port: int) -> list[str]:
    files = ["--cafile", str(pem.ca), "--cert", str(pem.certificate), "--key", str(pem.key)]
    return [program, "-V", "5", "-h", "localhost", "-p", str(port), *files, "-q", "1"]


def _batches(events: Sequence[Event]) -> list[Sequence[Event]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


def _written(path: Path, events: Sequence[Event]) -> float:
    """Seconds that the server's writer takes."""
    with opened(path) as database:
        writer = Writer(database)
        arrivals = [[Arrived(one.station, one, one.wire) for one in batch] for batch in _batches(events)]
        began = time.perf_counter()
        for batch in arrivals:
            writer.commit(batch, datetime.now(UTC))
        return time.perf_counter() - began


def _bare(path: Path, events: Sequence[Event]) -> float:
    """Seconds that SQLite takes for the same rows, with the same keys and the same durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE events (id INTEGER PRIMARY KEY, station, epoch, sequence, type, time, subject, errand, envelope,"
        " data, salt, received, UNIQUE (station, epoch, sequence)); CREATE INDEX errand ON events (errand)"
    )
    rows = [
        (1, one.epoch, one.sequence, one.type, one.time, one.subject, one.content()["errand"], one.envelope, one.data,
         one.salt, one.time)
        for one in events
    ]  # fmt: skip
    began = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows[start : start + BATCH]
        )
        connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return seconds
