"""An outbox in memory, filled and acknowledged."""

import sqlite3
from itertools import pairwise

from fleet.agent import outbox
from fleet.agent.outbox import START, EventChain
from fleet.messages.events import GENESIS, Event, parse
from fleet.messages.link import Acked

CHAIN = EventChain("entre-a", epoch=1, bootid="boot-1")


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(outbox.SCHEMA)
    return connection


def add(cx: sqlite3.Connection, count: int, chain: EventChain = CHAIN) -> list[Event]:
    return [
        outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", "order/A1", {"n": n})
        for n in range(count)
    ]


def waiting(cx: sqlite3.Connection) -> list[tuple[int, int]]:
    return [(event.epoch, event.sequence) for event in outbox.pending_events(cx, "entre-a", START, 10_000)]


def acknowledge(cx: sqlite3.Connection, word: Acked, now: float = 1000.0) -> outbox.Acknowledgement:
    return outbox.acknowledge(cx, "entre-a", word, now)


def assert_chain(found: list[Event]) -> None:
    """Every event as it is sent checks, and follows the one before."""
    for event in found:
        assert parse(event.wire) == event
    assert found[0].prev == GENESIS
    for before, after in pairwise(found):
        assert (after.sequence, after.prev) == (before.sequence + 1, before.hash)
