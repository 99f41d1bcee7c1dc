"""The outbox: a chain without gaps, and nothing leaves it but by the server's word."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleet.agent import outbox
from fleet.agent.outbox import DAY_S, START, EventChain
from fleet.agent.store import StationStore
from fleet.messages.events import GENESIS, MAX_WIRE_BYTES, Event, EventError
from fleet.messages.link import Acked
from tests.fakes.station.outboxes import CHAIN, acknowledge, add, assert_chain, database, waiting


@pytest.fixture
def cx() -> Iterator[sqlite3.Connection]:
    with closing(database()) as connection:
        yield connection


def test_events_form_one_chain_and_are_kept_as_sealed(cx: sqlite3.Connection) -> None:
    made = add(cx, 5)
    assert_chain(made)
    assert outbox.pending_events(cx, "entre-a", START, 10) == made
    assert outbox.pending_events(cx, "entre-a", (1, 2), 2) == made[2:4]
    assert outbox.depth(cx, "entre-a") == 5


def test_the_chain_goes_on_after_everything_was_pruned(cx: sqlite3.Connection) -> None:
    last = add(cx, 3)[-1]
    acknowledge(cx, Acked(epoch=1, through=3), now=0.0)
    assert outbox.prune(cx, now=31 * DAY_S) == 3
    (event,) = add(cx, 1)
    assert (event.sequence, event.prev) == (4, last.hash)


def test_a_new_epoch_begins_a_new_chain_and_the_old_one_still_drains(cx: sqlite3.Connection) -> None:
    add(cx, 2)
    (event,) = add(cx, 1, EventChain("entre-a", epoch=2, bootid="boot-2"))
    assert (event.sequence, event.prev) == (1, GENESIS)
    assert waiting(cx) == [(1, 1), (1, 2), (2, 1)]
    acknowledge(cx, Acked(epoch=2, through=1))
    assert waiting(cx) == [(1, 1), (1, 2)]


def test_another_stations_events_are_not_this_ones(cx: sqlite3.Connection) -> None:
    add(cx, 2, EventChain("entre-b", epoch=1, bootid="boot-1"))
    assert waiting(cx) == []
    acknowledge(cx, Acked(epoch=1, through=2))
    assert outbox.depth(cx, "entre-b") == 2


def test_wanted_events_wait_again_and_can_be_had(cx: sqlite3.Connection) -> None:
    made = add(cx, 8)
    acknowledge(cx, Acked(epoch=1, through=8))
    word = Acked(epoch=1, through=2, wanted=((3, 4), (7, 7)))
    assert acknowledge(cx, word) == outbox.Acknowledgement(held=0, again=3, ahead=False)
    assert waiting(cx) == [(1, 3), (1, 4), (1, 7)]
    assert outbox.missing_events(cx, "entre-a", word, 10) == [made[2], made[3], made[6]]
    assert outbox.missing_events(cx, "entre-a", word, 2) == [made[2], made[3]]


def test_a_server_that_holds_more_than_was_ever_written_marks_nothing(cx: sqlite3.Connection) -> None:
    add(cx, 3)
    assert acknowledge(cx, Acked(epoch=1, through=4)) == outbox.Acknowledgement(held=0, again=0, ahead=True)
    assert acknowledge(cx, Acked(epoch=9, through=1)).ahead
    assert len(waiting(cx)) == 3


def test_held_events_stay_for_thirty_days_within_a_size_and_others_for_ever(cx: sqlite3.Connection) -> None:
    add(cx, 10)
    acknowledge(cx, Acked(epoch=1, through=6), now=0.0)
    assert outbox.prune(cx, now=29 * DAY_S) == 0
    size = cx.execute(
        "SELECT sum(length(envelope) + length(data) + length(salt)) FROM outbox WHERE sequence > 4 AND sequence < 7"
    )
    assert outbox.prune(cx, now=29 * DAY_S, max_bytes=size.fetchone()[0]) == 4
    assert outbox.missing_events(cx, "entre-a", Acked(1, 0, ((1, 10),)), 99)[0].sequence == 5
    assert outbox.prune(cx, now=400 * DAY_S, max_bytes=0) == 2
    assert waiting(cx) == [(1, 7), (1, 8), (1, 9), (1, 10)]


def test_a_clock_set_back_does_not_keep_held_events_for_ever(cx: sqlite3.Connection) -> None:
    add(cx, 1)
    acknowledge(cx, Acked(epoch=1, through=1), now=1000 * DAY_S)
    assert outbox.prune(cx, now=10 * DAY_S) == 0
    assert outbox.prune(cx, now=41 * DAY_S) == 1


def test_what_could_never_be_sent_never_enters_the_chain(cx: sqlite3.Connection) -> None:
    with pytest.raises(EventError):
        outbox.append(cx, CHAIN, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {"x": "y" * MAX_WIRE_BYTES})
    assert_chain(add(cx, 1))


class Books(RuleBasedStateMachine):
    """Any order of appends, words of the server and prunings: no gap, and no event lost that the server does not hold."""

    @initialize()
    def begin(self) -> None:
        self.cx = database()
        self.made: list[Event] = []
        self.server: set[int] = set()
        self.now = 0.0

    @rule(count=st.integers(1, 4))
    def append(self, count: int) -> None:
        self.made += add(self.cx, count)

    @rule(data=st.data())
    def server_commits_some(self, data: st.DataObject) -> None:
        here = [event.sequence for event in outbox.pending_events(self.cx, "entre-a", START, 100)]
        self.server |= set(data.draw(st.lists(st.sampled_from(here), max_size=6))) if here else set()

    @rule()
    def server_speaks(self) -> None:
        through = next(n for n in range(len(self.made) + 1) if n + 1 not in self.server)
        last = max(self.server, default=0)
        wanted = tuple((n, n) for n in range(through + 1, last) if n not in self.server)
        acknowledge(self.cx, Acked(epoch=1, through=through, wanted=wanted), self.now)

    @rule(days=st.integers(0, 40), max_bytes=st.sampled_from([0, 2000, 10**9]))
    def time_passes(self, days: int, max_bytes: int) -> None:
        self.now += days * DAY_S
        outbox.prune(self.cx, self.now, max_bytes=max_bytes)

    @invariant()
    def nothing_is_lost(self) -> None:
        here = {event.sequence for event in outbox.pending_events(self.cx, "entre-a", START, 1000)}
        assert {event.sequence for event in self.made} <= here | self.server

    @invariant()
    def the_chain_has_no_gap(self) -> None:
        if self.made:
            assert_chain(self.made)

    def teardown(self) -> None:
        if hasattr(self, "cx"):
            self.cx.close()


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)

WRITER = """
import sys
from pathlib import Path
from fleet.agent import outbox
from fleet.agent.store import StationStore
store = StationStore.open(Path(sys.argv[1]), schemas=[outbox.SCHEMA])
chain = outbox.EventChain("entre-a", 1, "boot-1")
while True:
    event = store.transact_now(lambda cx: outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {}))
    print(event.sequence, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 7, 40])
def test_killed_in_the_middle_of_appends_the_chain_has_every_event_that_was_reported(
    tmp_path: Path, lines: int
) -> None:
    path = tmp_path / "station.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        reported += [int(line) for line in writer.stdout if line.endswith("\n")]
    store = StationStore.open(path, schemas=[outbox.SCHEMA])
    found = store.transact_now(lambda cx: outbox.pending_events(cx, "entre-a", START, 100_000))
    store.transact_now(lambda cx: add(cx, 2))
    after = store.transact_now(lambda cx: outbox.pending_events(cx, "entre-a", START, 100_000))
    store.close()
    assert [event.sequence for event in found] == list(range(1, len(found) + 1))
    assert len(found) - reported[-1] in (0, 1)
    assert_chain(after)
