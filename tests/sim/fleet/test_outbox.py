"""The outbox of a simulated station obeys the server's word alone."""

import hashlib

from fleet.messages.events import Event
from fleet.messages.link import Acked
from sim.fleet.outbox import Outbox


def filled(count: int) -> tuple[Outbox, list[Event]]:
    outbox = Outbox("sim-00001", 7)
    return outbox, [outbox.append("boot", "se.kortkiosk.test", "2026-01-01T00:00:00Z", None, {}) for _ in range(count)]


def numbers(events: list[Event]) -> list[int]:
    return [event.sequence for event in events]


def digest_over(events: list[Event]) -> str:
    parts = [part for event in events for part in (event.envelope, (event.salt or "").encode(), event.data or b"")]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_events_are_chained_and_the_digest_is_over_all_of_them() -> None:
    outbox, events = filled(3)
    assert [event.prev for event in events[1:]] == [event.hash for event in events[:-1]]
    assert outbox.digest == digest_over(events)
    outbox.acked(Acked(7, 3))
    assert (outbox.depth, outbox.last) == (0, 3)
    assert outbox.digest == digest_over(events)


def test_no_more_than_a_window_goes_ahead_of_the_servers_word() -> None:
    outbox, _ = filled(5)
    assert numbers(outbox.due(2)) == [1, 2]
    assert outbox.due(2) == []
    assert outbox.acked(Acked(7, 1)) == 1
    assert numbers(outbox.due(2)) == [3]


def test_what_is_wanted_again_is_sent_again_and_what_was_never_sent_is_not() -> None:
    outbox, _ = filled(6)
    outbox.due(4)
    outbox.acked(Acked(7, 1, ((2, 2), (4, 9))))
    assert numbers(outbox.due(3)) == [2, 4]
    assert outbox.resent == 2


def test_what_a_restored_server_wants_again_is_owed_again() -> None:
    outbox, events = filled(6)
    outbox.due(10)
    outbox.acked(Acked(7, 5))
    assert outbox.acked(Acked(7, 2, ((3, 5),))) == 0, "a copy of an hour ago"
    assert outbox.depth == 4
    assert outbox.due(10) == events[2:5]
    outbox.acked(Acked(7, 4, ((5, 5),)))
    outbox.begin_again()
    assert outbox.due(10) == events[4:], "lost with the line"
    assert outbox.acked(Acked(7, 6)) == 2
    assert outbox.depth == 0


def test_no_more_than_the_latest_is_kept_for_a_restored_server() -> None:
    outbox = Outbox("sim-00001", 7, keep=2)
    events = [outbox.append("boot", "se.kortkiosk.test", "2026-01-01T00:00:00Z", None, {}) for _ in range(5)]
    outbox.due(10)
    outbox.acked(Acked(7, 4))
    outbox.acked(Acked(7, 1, ((2, 2**53 - 2),)))
    assert outbox.due(10) == events[2:]


def test_a_new_connection_begins_with_all_that_is_not_held() -> None:
    outbox, _ = filled(4)
    outbox.due(10)
    outbox.acked(Acked(7, 2))
    outbox.begin_again()
    assert numbers(outbox.due(10)) == [3, 4]
    assert outbox.resent == 2


def test_a_word_on_another_chain_or_on_events_never_told_is_not_obeyed() -> None:
    outbox, _ = filled(2)
    outbox.due(10)
    assert outbox.acked(Acked(6, 2)) == outbox.acked(Acked(7, 3)) == 0
    assert outbox.depth == 2
