"""The outbox on a disk that gives back other bytes, and chains that are begun anew."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from fleet.agent import outbox
from fleet.agent.outbox import DAY_S, START, DamagedEvent, EpochBegun, EventChain, KeptEvent
from fleet.messages.events import DAMAGED, GENESIS, Event, EventError, parse
from fleet.messages.link import Acked
from fleet.messages.vocabulary import EventType
from tests.fakes.station.outboxes import CHAIN, acknowledge, add, assert_chain, database, waiting

TIME = "2026-01-02T08:00:00Z"
OTHER = EventChain("entre-b", epoch=1, bootid="boot-1")


@pytest.fixture
def cx() -> Iterator[sqlite3.Connection]:
    with closing(database()) as connection:
        yield connection


def pending(cx: sqlite3.Connection) -> list[KeptEvent]:
    return outbox.pending_events(cx, "entre-a", START, 100)


def damage(cx: sqlite3.Connection, sequence: int, column: str, value: object) -> None:
    change = f"UPDATE outbox SET {column} = ? WHERE station = 'entre-a' AND sequence = ?"  # noqa: S608  # a name above
    cx.execute(change, (value, sequence))


def stored(cx: sqlite3.Connection, table: str = "outbox") -> list[tuple[str, int, int]]:
    """Which places have a row."""
    query = f"SELECT station, epoch, sequence FROM {table} ORDER BY 1, 2, 3"  # noqa: S608  # a name above
    return cx.execute(query).fetchall()


def head_at(cx: sqlite3.Connection, sequence: int) -> None:
    cx.execute("UPDATE outbox_head SET sequence = ? WHERE station = 'entre-a'", (sequence,))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("salt", "é", "datasalt is no text"),
        ("data", b'{"n":9}', "datahash"),
        ("envelope", b"{", "envelope"),
    ],
)
def test_an_event_of_other_bytes_goes_out_as_damaged_and_keeps_no_other_back(
    cx: sqlite3.Connection, column: str, value: bytes | str, reason: str
) -> None:
    made = add(cx, 3)
    damage(cx, 2, column, value)
    before, event, after = pending(cx)
    assert (before, after) == (made[0], made[2])
    assert isinstance(event, DamagedEvent)
    assert (event.epoch, event.sequence) == (1, 2)
    assert reason in event.reason
    whole = {"envelope": made[1].envelope, "data": made[1].data, "salt": (made[1].salt or "").encode()}
    assert {name: getattr(event, name) for name in whole} == {
        **whole,
        column: value.encode() if isinstance(value, str) else value,
    }
    assert event.wire.startswith(DAMAGED + event.envelope)
    with pytest.raises(EventError, match="was damaged at the station"):
        parse(event.wire)


def test_an_event_under_the_number_of_another_is_damaged(cx: sqlite3.Connection) -> None:
    first, second = add(cx, 2)
    for column in ("envelope", "data", "salt"):
        damage(cx, 2, column, getattr(first, column))
    event = pending(cx)[1]
    assert isinstance(event, DamagedEvent)
    assert event.reason == "it is another one than its number says"
    assert second.sequence == event.sequence


def test_an_envelope_that_says_another_time_is_damaged_and_its_neighbour_is_the_witness(cx: sqlite3.Connection) -> None:
    made = add(cx, 3)
    damage(cx, 2, "envelope", made[1].envelope.replace(b"08:00:00", b"09:00:00"))
    event = pending(cx)[1]
    assert isinstance(event, DamagedEvent)
    assert event.reason == "its envelope is not what was sealed"


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_where_its_hash_alone_is_damaged_what_comes_after_it_vouches_for_the_event(
    cx: sqlite3.Connection, sequence: int
) -> None:
    made = add(cx, 3)
    cx.execute("UPDATE outbox_hash SET hash = ? WHERE sequence = ?", ("0" * 64, sequence))
    assert pending(cx) == made
    assert outbox.missing_events(cx, "entre-a", Acked(epoch=1, through=0, wanted=((1, 3),)), 9) == made
    assert outbox.hashes(cx, "entre-a", 1)[sequence] == "0" * 64


def test_an_event_without_a_kept_hash_is_believed_as_of_a_file_of_before(cx: sqlite3.Connection) -> None:
    made = add(cx, 2)
    cx.execute("DELETE FROM outbox_hash")
    assert pending(cx) == made
    assert outbox.hashes(cx, "entre-a", 1) == {event.sequence: event.hash for event in made}
    assert outbox.is_head_sound(cx, CHAIN)


def test_a_number_that_was_never_given_goes_nowhere(cx: sqlite3.Connection) -> None:
    made = add(cx, 2)
    cx.execute(
        "INSERT INTO outbox (station, epoch, sequence, envelope, data, salt)"
        " SELECT station, epoch, 9, envelope, data, salt FROM outbox WHERE sequence = 2"
    )
    assert pending(cx) == made
    assert outbox.depth(cx, "entre-a") == 2


def test_the_hashes_are_those_of_one_chain(cx: sqlite3.Connection) -> None:
    made = add(cx, 2)
    add(cx, 3, OTHER)
    add(cx, 3, EventChain("entre-a", epoch=2, bootid="boot-1"))
    assert outbox.hashes(cx, "entre-a", 1) == {event.sequence: event.hash for event in made}
    assert made[0].hash == hashlib.sha256(made[0].envelope).hexdigest()


def test_one_that_is_gone_between_others_is_told_as_damaged_and_no_other_is_made_up(cx: sqlite3.Connection) -> None:
    made = add(cx, 6)
    cx.execute("DELETE FROM outbox WHERE sequence IN (1, 4)")
    word = Acked(epoch=1, through=0, wanted=((1, 5), (6, 9)))
    found = outbox.missing_events(cx, "entre-a", word, 10)
    gone = DamagedEvent(1, 4, b"", b"", b"", "nothing is left of it")
    assert found == [made[1], made[2], gone, made[4], made[5]]
    assert outbox.missing_events(cx, "entre-a", word, 3) == found[:3]
    assert outbox.missing_events(cx, "entre-a", word, 5) == found
    assert outbox.missing_events(cx, "entre-b", word, 10) == []
    assert outbox.missing_events(cx, "entre-a", Acked(epoch=2, through=0, wanted=((1, 5),)), 10) == []


def test_kept_events_are_read_in_order_with_those_that_are_held(cx: sqlite3.Connection) -> None:
    made = add(cx, 4)
    theirs = add(cx, 2, OTHER)
    later = add(cx, 2, EventChain("entre-a", epoch=2, bootid="boot-1"))
    acknowledge(cx, Acked(epoch=1, through=3))
    cx.execute("UPDATE outbox SET data = ? WHERE (station, epoch, sequence) = ('entre-a', 1, 2)", (b"{}",))
    sound = [made[0], made[2], made[3]]
    assert [event.sequence for event in outbox.kept_events(cx, "entre-a")] == [1, 2, 3, 4, 1, 2]
    assert outbox.kept_events(cx, "entre-a", (1, 2)) == [made[2], made[3], *outbox.kept_events(cx, "entre-a", (1, 4))]
    assert outbox.kept_events(cx, "entre-a", (1, 2), 1) == [made[2]]
    assert outbox.kept_events(cx, "entre-b") == theirs
    assert sorted(event.id for event in outbox.sound_events(cx)) == sorted(e.id for e in [*sound, *theirs, *later])
    places = [(event.epoch, event.sequence) for event in outbox.sound_events(cx)]
    assert places == sorted(places)
    assert outbox.event_types_after(cx, "entre-a", 1, 1) == [(3, made[2].type), (4, made[3].type)]
    assert outbox.event_types_after(cx, "entre-b", 1, 1) == [(2, theirs[1].type)]


def test_the_newest_come_first_without_what_is_damaged(cx: sqlite3.Connection) -> None:
    made = add(cx, 4)
    damage(cx, 3, "salt", "")
    assert outbox.newest_events(cx, 3) == [made[3], made[1]]
    assert outbox.newest_events(cx, 1) == [made[3]]


def test_what_is_damaged_is_noted_once(cx: sqlite3.Connection) -> None:
    assert outbox.note_damaged(cx, "entre-a", [(1, 2), (1, 3)]) == 2
    assert outbox.note_damaged(cx, "entre-a", [(1, 3), (2, 3)]) == 1
    assert outbox.note_damaged(cx, "entre-b", [(1, 3)]) == 1
    assert outbox.note_damaged(cx, "entre-a", []) == 0
    noted = [("entre-a", 1, 2), ("entre-a", 1, 3), ("entre-a", 2, 3), ("entre-b", 1, 3)]
    assert stored(cx, "outbox_damaged") == noted


def test_how_long_and_how_much_is_kept_is_what_the_documents_say() -> None:
    assert (outbox.DAY_S, outbox.KEEP_DAYS, outbox.MAX_HELD_BYTES) == (86_400, 30, 67_108_864)


def test_hashes_go_with_their_events_but_for_the_end_of_the_chain(cx: sqlite3.Connection) -> None:
    add(cx, 4)
    add(cx, 2, OTHER)
    acknowledge(cx, Acked(epoch=1, through=4), now=0.0)
    assert outbox.prune(cx, now=30 * DAY_S) == 0, "thirty days are over only after them"
    assert outbox.prune(cx, now=30 * DAY_S + 1) == 4
    assert stored(cx, "outbox_hash") == [("entre-a", 1, 4), ("entre-b", 1, 1), ("entre-b", 1, 2)]
    assert outbox.is_head_sound(cx, CHAIN)
    assert outbox.prune(cx, now=30 * DAY_S + 1) == 0


def test_what_is_held_beyond_the_size_goes_from_the_oldest_of_all_epochs(cx: sqlite3.Connection) -> None:
    add(cx, 2)
    add(cx, 2, EventChain("entre-a", epoch=2, bootid="boot-1"))
    acknowledge(cx, Acked(epoch=1, through=2), now=5.0)
    acknowledge(cx, Acked(epoch=2, through=2), now=5.0)
    last = "SELECT length(envelope) + length(data) + length(salt) FROM outbox WHERE (epoch, sequence) = (2, 2)"
    size = cx.execute(last).fetchone()[0]
    assert outbox.prune(cx, now=5.0, max_bytes=size) == 3
    assert stored(cx) == [("entre-a", 2, 2)]
    assert outbox.prune(cx, now=5.0, max_bytes=size - 1) == 1


def test_a_word_of_the_server_is_for_its_own_epoch(cx: sqlite3.Connection) -> None:
    add(cx, 2)
    add(cx, 2, EventChain("entre-a", epoch=2, bootid="boot-1"))
    assert acknowledge(cx, Acked(epoch=1, through=2)) == outbox.Acknowledgement(held=2, again=0, ahead=False)
    assert acknowledge(cx, Acked(epoch=1, through=2)).held == 0
    assert acknowledge(cx, Acked(epoch=2, through=1, wanted=((1, 2),))) == outbox.Acknowledgement(1, 1, ahead=False)
    assert waiting(cx) == [(2, 1), (2, 2)]


def begin(cx: sqlite3.Connection, after: int, **how: int) -> EpochBegun:
    return outbox.begin_epoch(cx, CHAIN, TIME, after=after, why="older_copy", **how)


def test_a_chain_that_is_begun_anew_takes_with_it_what_the_server_holds_others_of(cx: sqlite3.Connection) -> None:
    made = add(cx, 3)
    checkpoint = outbox.append(cx, CHAIN, EventType.CHAIN_CHECKPOINT, TIME, None, {})
    (last,) = add(cx, 1)
    damage(cx, 3, "data", b"{}")
    acknowledge(cx, Acked(epoch=1, through=2))
    assert begin(cx, 1) == EpochBegun(epoch=2, before=1, after=1, moved=3)
    kept = outbox.kept_events(cx, "entre-a")
    assert kept[0] == made[0]
    begun, second, damaged, fifth = kept[1:]
    assert isinstance(begun, Event)
    assert isinstance(second, Event)
    assert isinstance(fifth, Event)
    assert (begun.type, begun.time, begun.epoch, begun.sequence, begun.prev) == (
        EventType.CHAIN_BEGUN, TIME, 2, 1, GENESIS,
    )  # fmt: skip
    assert begun.content() == {"before": 1, "after": 1, "moved": 3, "why": "older_copy"}
    assert (second.id, second.data, second.salt) == (made[1].id, made[1].data, made[1].salt)
    assert (second.epoch, second.sequence, second.prev) == (2, 2, begun.hash)
    assert isinstance(damaged, DamagedEvent)
    assert (damaged.epoch, damaged.sequence, damaged.data) == (2, 3, b"{}")
    assert damaged.salt == (made[2].salt or "").encode()
    assert (fifth.id, fifth.sequence) == (last.id, 4)
    assert checkpoint.id not in [event.id for event in kept if isinstance(event, Event)]
    assert stored(cx) == stored(cx, "outbox_hash")
    assert waiting(cx) == [(2, 1), (2, 2), (2, 3), (2, 4)], "also what the server had told that it holds"
    assert outbox.head(cx, "entre-a", 1)[0] == 1
    assert outbox.head(cx, "entre-a", 2) == (4, fifth.hash)
    assert outbox.is_head_sound(cx, CHAIN)
    (event,) = add(cx, 1)
    assert (event.epoch, event.sequence, event.prev) == (2, 5, fifth.hash)


def test_a_salt_that_is_no_text_hinders_no_new_chain(cx: sqlite3.Connection) -> None:
    add(cx, 1)
    damage(cx, 1, "salt", "é")
    assert begin(cx, 0) == EpochBegun(2, 1, 0, 1)
    event = pending(cx)[1]
    assert isinstance(event, DamagedEvent)
    assert (event.epoch, event.sequence, event.salt.decode()) == (2, 2, "\ufffd\ufffd")


def test_another_stations_chains_stay_where_they_are(cx: sqlite3.Connection) -> None:
    add(cx, 2)
    theirs = add(cx, 3, OTHER)
    add(cx, 1, EventChain("entre-b", epoch=7, bootid="boot-1"))
    assert begin(cx, 0) == EpochBegun(2, 1, 0, 2)
    assert outbox.kept_events(cx, "entre-b", START, 3) == theirs
    assert outbox.head(cx, "entre-b", 1) == (3, theirs[-1].hash)
    assert outbox.current_epoch(cx, OTHER) == 1
    assert len(outbox.hashes(cx, "entre-b", 1)) == 3


def test_the_new_epoch_is_over_all_that_were_ever_written_here_and_that_the_server_names(
    cx: sqlite3.Connection,
) -> None:
    add(cx, 1)
    assert begin(cx, 1, above=4).epoch == 5
    assert begin(cx, 1, above=4).epoch == 6
    add(cx, 1, EventChain("entre-a", epoch=9, bootid="boot-1"))
    assert begin(cx, 1).epoch == 10
    assert outbox.current_epoch(cx, CHAIN) == 10


def test_who_is_enrolled_anew_on_such_a_file_goes_on_over_its_own_epochs(cx: sqlite3.Connection) -> None:
    add(cx, 1)
    assert begin(cx, 1, above=4).epoch == 5
    again = EventChain("entre-a", epoch=2, bootid="boot-2")
    assert outbox.current_epoch(cx, again) == 6
    assert outbox.current_epoch(cx, again) == 6
    assert outbox.current_epoch(cx, CHAIN) == 5
    assert outbox.current_epoch(cx, EventChain("entre-a", epoch=20, bootid="boot-3")) == 20
    (event,) = add(cx, 1, again)
    assert (event.epoch, event.sequence) == (6, 1)


def test_a_server_may_hold_more_of_an_epoch_that_was_left_here(cx: sqlite3.Connection) -> None:
    add(cx, 2)
    begin(cx, 1)
    assert acknowledge(cx, Acked(epoch=1, through=9)) == outbox.Acknowledgement(held=1, again=0, ahead=False)
    assert acknowledge(cx, Acked(epoch=2, through=9)).ahead
    assert outbox.acknowledge(cx, "entre-b", Acked(epoch=1, through=1), 0.0).ahead


def test_an_end_below_its_events_is_found_and_no_number_is_given_twice(cx: sqlite3.Connection) -> None:
    made = add(cx, 5)
    assert outbox.is_head_sound(cx, CHAIN)
    assert outbox.mend_head(cx, CHAIN, TIME) is None
    head_at(cx, 3)
    assert not outbox.is_head_sound(cx, CHAIN)
    assert outbox.mend_head(cx, CHAIN, TIME) == EpochBegun(epoch=2, before=1, after=5, moved=0)
    assert outbox.is_head_sound(cx, CHAIN)
    assert outbox.kept_events(cx, "entre-a", START, 5) == made
    (begun,) = outbox.kept_events(cx, "entre-a", (1, 5))
    assert isinstance(begun, Event)
    assert begun.content()["why"] == "head_damaged"


def test_an_end_over_its_events_is_found(cx: sqlite3.Connection) -> None:
    add(cx, 5)
    head_at(cx, 2**40)
    assert not outbox.is_head_sound(cx, CHAIN)
    assert outbox.mend_head(cx, CHAIN, TIME) == EpochBegun(2, 1, 5, 0)


def test_an_end_with_another_hash_is_found(cx: sqlite3.Connection) -> None:
    add(cx, 5)
    cx.execute("UPDATE outbox_head SET hash = ?", (GENESIS,))
    assert not outbox.is_head_sound(cx, CHAIN)
    assert outbox.mend_head(cx, CHAIN, TIME) == EpochBegun(2, 1, 5, 0)


def test_an_event_that_is_gone_at_the_end_is_not_numbered_again(cx: sqlite3.Connection) -> None:
    add(cx, 5)
    cx.execute("DELETE FROM outbox WHERE sequence = 5")
    assert outbox.is_head_sound(cx, CHAIN), "the head and the hash agree"
    head_at(cx, 1)
    assert outbox.mend_head(cx, CHAIN, TIME) == EpochBegun(2, 1, 4, 0)


def test_an_empty_file_and_one_of_another_station_are_sound(cx: sqlite3.Connection) -> None:
    assert outbox.is_head_sound(cx, CHAIN)
    add(cx, 2, OTHER)
    add(cx, 2, EventChain("entre-a", epoch=2, bootid="boot-1"))
    assert outbox.is_head_sound(cx, CHAIN)
    assert outbox.mend_head(cx, CHAIN, TIME) is None
    add(cx, 1)
    cx.execute("DELETE FROM outbox_head WHERE station = 'entre-a' AND epoch = 1")
    assert outbox.mend_head(cx, CHAIN, TIME) == EpochBegun(3, 1, 1, 0)
    kept = outbox.kept_events(cx, "entre-a", (2, 0))
    assert_chain([event for event in kept if isinstance(event, Event) and event.epoch == 2])
