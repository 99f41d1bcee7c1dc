"""The station's journal: durable commits a second, beside the disk's own pace and beside bare SQLite.

Each commit here is one event in the outbox: WAL and `synchronous=FULL`, so one sync of the disk each. The floor writes
four kilobytes and syncs them, and nothing else.
"""

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benches.figures import Figure, compared_with
from drivers.cabinet.port import Opened
from fleet.agent import outbox
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.vocabulary import Effect, EventType
from kiosk.clock import SystemClock
from kiosk.station.journal import SCHEMA, Journal

COMMITS = 200
ROUNDS = 5
PAGE = b"\0" * 4096
CHAIN = EventChain("bench-a", 1, "boot-1")


def measure(folder: Path) -> list[Figure]:
    """Commits a second of each kind: the median of five rounds, in which all take turns, since a disk has its moods."""
    raw, bare, event, effect = asyncio.run(_rounds(folder))
    disk = Figure("write 4 kB and sync", raw, "/s")
    return [
        disk,
        compared_with(disk, "bare SQLite, one row a commit", bare, "WAL, FULL"),
        compared_with(disk, "outbox, one event a commit", event, "sealed, hashed, chained"),
        compared_with(disk, "journal, one effect", effect, "two commits each: intent, then outcome with its event"),
    ]


async def _rounds(folder: Path) -> list[float]:
    (folder / "raw").write_bytes(PAGE * COMMITS)  # written over later: a file that grows costs more to sync
    store = StationStore.open(folder / "station.sqlite", schemas=[outbox.SCHEMA, SCHEMA])
    try:
        journal = Journal(store, CHAIN, SystemClock())
        await journal.boot("bench")
        rounds = [
            (
                await _rate(_async(lambda: _syncs(folder / "raw"))),
                await _rate(_async(lambda: _bare(folder / "bare.sqlite"))),
                await _rate(_events(store, journal)),
                await _rate(_effects(journal)),
            )
            for _ in range(ROUNDS)
        ]
    finally:
        store.close()
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


async def _rate(work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return COMMITS / (time.perf_counter() - began)


async def _async(work: Callable[[], None]) -> None:
    work()


def _syncs(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        for _ in range(COMMITS):
            file.write(PAGE)
            os.fdatasync(file.fileno())


def _bare(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS held (content BLOB)")
    for _ in range(COMMITS):
        connection.execute("INSERT INTO held VALUES (?)", (PAGE[:900],))
    connection.close()


async def _events(store: StationStore, journal: Journal) -> None:
    content = {"errand": "E-1", "order": "O-1", "card_number": "9999000020260001"}
    for _ in range(COMMITS):
        await store.transact(
            lambda cx: outbox.append(cx, CHAIN, EventType.CARD_ACTIVATED, journal.now(), None, content)
        )


async def _effects(journal: Journal) -> None:
    log = await journal.start("pickup")
    for _ in range(COMMITS):
        await log.effect(Effect.SLOT_OPEN, _opened(), slot=14)


async def _opened() -> Opened:
    """Answer for the slot, at once."""
    return Opened()
