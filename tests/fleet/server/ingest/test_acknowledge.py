"""A station hears what is held at once, and a draining backlog some times a second."""

from collections.abc import Callable

from fleet.messages.link import Acked
from fleet.messages.signed import AckedReader
from fleet.messages.topics import Topics, station_of
from fleet.server.ingest.service import EVERY_S, Acknowledger
from tests.fleet.server.conftest import NOW, SIGNER, SIGNING_KEY


class Wire:
    """What was published, and the timers that wait."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Acked]] = []
        self.timers: list[Callable[[], None]] = []
        self.signatures = 0
        self.acking = Acknowledger(self.publish, self.later, self.sign, lambda: NOW)
        self._read = AckedReader(SIGNING_KEY)

    def sign(self, content: bytes, typ: str) -> str:
        self.signatures += 1
        return SIGNER.sign(content, typ)

    def publish(self, topic: str, payload: bytes) -> None:
        self.said.append((topic, self._read.open(payload, station_of(topic) or "")[0]))

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == EVERY_S
        self.timers.append(call)

    def turn(self) -> None:
        self.timers.pop(0)()


def test_the_first_word_goes_out_at_once_and_what_follows_together_as_the_latest() -> None:
    wire = Wire()
    for through in (1, 2, 3):
        wire.acking.say([("entre-a", Acked(1, through))])
    assert wire.said == [(Topics("entre-a").acked, Acked(1, 1))]
    wire.turn()
    assert [word.through for _, word in wire.said] == [1, 3]


def test_another_station_and_another_epoch_do_not_wait() -> None:
    wire = Wire()
    for station, epoch in (("entre-a", 1), ("entre-b", 1), ("entre-a", 2)):
        wire.acking.say([(station, Acked(epoch, 9))])
    assert len(wire.said) == 3
    assert len(wire.timers) == 1, "one timer for all"


def test_all_that_one_commit_tells_is_signed_once_and_each_station_reads_its_own() -> None:
    wire = Wire()
    wire.acking.say([(f"entre-{number}", Acked(1, number)) for number in range(500)])
    assert [word.through for _, word in wire.said] == list(range(500))
    assert wire.signatures == 1
    wire.acking.say([(f"entre-{number}", Acked(1, 1000)) for number in range(500)])
    wire.turn()
    assert (len(wire.said), wire.signatures) == (1000, 2)


def test_of_one_commit_the_latest_word_of_a_chain_counts() -> None:
    wire = Wire()
    wire.acking.say([("entre-a", Acked(1, 1)), ("entre-b", Acked(1, 7)), ("entre-a", Acked(1, 2))])
    assert sorted(word.through for _, word in wire.said) == [2, 7]


def test_what_is_wanted_again_is_what_was_wanted_last() -> None:
    wire = Wire()
    wire.acking.say([("entre-a", Acked(1, 1))])
    wire.acking.say([("entre-a", Acked(1, 1, ((2, 3),)))])
    wire.acking.say([("entre-a", Acked(1, 4))])
    wire.turn()
    assert wire.said[-1][1] == Acked(1, 4)


def test_a_station_that_keeps_sending_hears_each_turn_and_the_timer_ends_with_it() -> None:
    wire = Wire()
    wire.acking.say([("entre-a", Acked(1, 1))])
    wire.acking.say([("entre-a", Acked(1, 2))])
    wire.turn()
    wire.acking.say([("entre-a", Acked(1, 3))])
    assert [word.through for _, word in wire.said] == [1, 2], "told in this turn already"
    wire.turn()
    wire.turn()
    assert ([word.through for _, word in wire.said], wire.timers) == ([1, 2, 3], [])
    wire.acking.say([("entre-a", Acked(1, 4))])
    assert wire.said[-1][1] == Acked(1, 4), "quiet again: at once"
