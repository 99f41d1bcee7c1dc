"""The host's talk with a board: what begins a session, what ends one, and that nothing unsigned counts."""

import pytest

from drivers.cabinet import protocol as wire
from drivers.cabinet.board_session import (
    GREETING_LIMIT_S,
    HEARTBEAT_S,
    RESEND_S,
    SILENCE_S,
    WANTED,
)
from drivers.cabinet.connection_events import (
    BoardReport,
    CommandAnswer,
    ConnectionEvent,
    ConnectionFailed,
    SensorReport,
    SessionLost,
    SessionStarted,
)
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.port import CabinetFault, CabinetMute, NotPaired, SwappedBoard, WrongFirmware
from drivers.reader.secret import Secret
from tests.fakes.cabinet.board_peer import BOARD, PAIRING, BoardPeer
from tests.fakes.cabinet.board_talk import Talk


def failed(happenings: list[ConnectionEvent]) -> CabinetFault:
    (one,) = happenings
    assert isinstance(one, ConnectionFailed)
    return one.fault


def test_a_board_with_the_same_key_is_greeted_and_tells_who_and_how_it_is() -> None:
    peer = BoardPeer()
    peer.doors, peer.cards = {2}, {1, 2}
    joined, sensed = Talk(peer).settle()

    assert isinstance(joined, SessionStarted)
    assert (joined.board.board_id, joined.board.firmware, joined.board.slots) == (BOARD, WANTED, 3)
    assert isinstance(sensed, SensorReport)
    assert [(slot.card, slot.door) for slot in sensed.sensors.slots] == [
        ("present", "closed"), ("present", "open"), ("empty", "closed"),
    ]  # fmt: skip


def test_a_board_without_card_sensors_does_not_say_empty() -> None:
    peer = BoardPeer()
    peer.features = wire.HAS_DROP
    _, sensed = Talk(peer).settle()

    assert isinstance(sensed, SensorReport)
    assert sensed.sensors.slot(1).card == "unknown"


OLDER = bytes((0, 9, 4))

NO_SESSION: dict[str, tuple[BoardPeer, Pairing | None, CabinetFault]] = {
    "another key": (BoardPeer(key="6b" * 32), PAIRING, NotPaired(BOARD)),
    "a board without a key": (BoardPeer(paired=False), PAIRING, NotPaired(BOARD)),
    "a station without a key": (BoardPeer(), None, NotPaired(BOARD)),
    "another board": (BoardPeer(board="e661000000000000"), PAIRING, SwappedBoard("e661000000000000", BOARD)),
}


@pytest.mark.parametrize("name", NO_SESSION)
def test_no_session_begins_with(name: str) -> None:
    peer, pairing, fault = NO_SESSION[name]
    talk = Talk(peer, pairing)

    assert failed(talk.settle()) == fault
    with pytest.raises(ValueError, match="no session"):
        talk.session.command(wire.OPEN_SLOT, talk.now, slot=1)
    assert talk.pass_time(10) == [], "a session that failed stays so"
    assert peer.took == []


def test_older_firmware_is_named() -> None:
    peer = BoardPeer()
    peer.firmware = OLDER

    assert failed(Talk(peer).settle()) == WrongFirmware("0.9.4", WANTED)


def test_a_board_of_another_protocol_is_named_by_what_it_can_say() -> None:
    refusal = wire.plain(wire.REFUSED, command=wire.HELLO, code=wire.WRONG_VERSION, version=7)
    assert failed(Talk().session.receive(refusal, 0.0)) == WrongFirmware("of protocol 7", f"{WANTED}, protocol 1")

    of_its_own = wire.framing.encode(bytes((7, wire.REFUSED)) + bytes(40))
    assert failed(Talk().session.receive(of_its_own, 0.0)) == WrongFirmware("of protocol 7", f"{WANTED}, protocol 1")


def test_a_board_that_says_nothing_is_greeted_again_and_then_mute() -> None:
    talk = Talk()
    talk.peer.deaf = True
    heard: list[bytes] = []
    talk.peer.take = lambda data: heard.append(data) or b""  # type: ignore[method-assign,func-returns-value]

    assert failed(talk.pass_time(GREETING_LIMIT_S)) == CabinetMute()
    assert len(heard) >= 4
    assert len(set(heard)) == len(heard), "each greeting has a nonce of its own"


def test_a_greeting_that_was_garbled_is_made_good_by_the_next() -> None:
    talk = Talk()
    talk.settle(cut=True)

    assert [type(one) for one in talk.pass_time(1)][:2] == [SessionStarted, SensorReport]


def test_a_late_welcome_to_an_earlier_greeting_is_not_taken_for_another_key() -> None:
    talk = Talk()
    late = talk.peer.take(talk.session.take_outgoing())
    talk.now = 0.6
    talk.session.tick(talk.now)

    assert talk.session.receive(late, talk.now) == []
    assert [type(one) for one in talk.pass_time(1)][:2] == [SessionStarted, SensorReport]


def test_noise_before_and_between_frames_costs_nothing() -> None:
    talk = Talk()
    assert talk.hears(b"\xff\x00MicroPython v1\r\n>>> \x00" + bytes(300)) != []
    assert isinstance(talk.seen[0], SessionStarted)

    talk.hears(bytes(range(256)) * 4)
    assert [type(one) for one in talk.hears(b"\x00" + talk.peer.tell(wire.JAM, 2))] == [BoardReport, SensorReport]


def test_a_command_is_sent_until_it_is_answered_and_carried_out_once() -> None:
    talk = Talk().joined()
    number = talk.session.command(wire.OPEN_SLOT, talk.now, slot=2)
    assert talk.settle(cut=True) == []
    talk.pass_time(RESEND_S, cut=True)

    answers = [one for one in talk.pass_time(RESEND_S) if isinstance(one, CommandAnswer)]
    assert answers == [CommandAnswer(number, wire.OK)]
    assert talk.peer.took == [(wire.OPEN_SLOT, {"slot": 2})]


def test_a_command_that_nobody_waits_for_is_not_sent_again() -> None:
    talk = Talk().joined()
    number = talk.session.command(wire.LOCK, talk.now)
    talk.session.take_outgoing()  # it never arrives
    talk.session.forget(number, talk.now)
    talk.pass_time(5)

    assert talk.peer.took == []


def test_an_answer_to_nothing_and_one_that_comes_twice_are_not_told() -> None:
    talk = Talk().joined()
    talk.session.command(wire.LOCK, talk.now)
    frame = talk.session.take_outgoing()
    answer = talk.peer.take(frame)

    assert [type(one) for one in talk.hears(answer)] == [CommandAnswer]
    assert talk.hears(answer) == []


def test_each_event_is_told_once_read_after_and_acknowledged() -> None:
    talk = Talk().joined()
    talk.peer.doors = {3}
    frame = talk.peer.tell(wire.DOOR, 3, wire.DOOR_OPENED)
    reported, sensed = talk.hears(frame)

    assert reported == BoardReport(wire.DOOR, 3, wire.DOOR_OPENED)
    assert isinstance(sensed, SensorReport)
    assert sensed.sensors.slot(3).door == "open"
    assert talk.peer.acknowledged == 1
    assert talk.hears(frame) == []


def test_what_happened_before_the_session_is_not_told() -> None:
    talk = Talk().joined()
    talk.peer.tell(wire.JAM, 1)
    again = Talk(talk.peer)
    old = talk.peer.tell(wire.JAM, 2)
    assert [type(one) for one in again.settle()] == [SessionStarted, SensorReport]

    assert again.hears(old) == []
    assert [type(one) for one in again.hears(talk.peer.tell(wire.JAM, 3))] == [BoardReport, SensorReport]
    assert talk.peer.acknowledged == 3


def test_what_is_told_while_a_session_begins_is_of_the_past() -> None:
    talk = Talk()
    talk.session.receive(talk.peer.take(talk.session.take_outgoing()), talk.now)
    begun = talk.peer.take(talk.session.take_outgoing())

    assert [type(one) for one in talk.session.receive(begun + talk.peer.tell(wire.JAM, 2), talk.now)] == [
        SessionStarted
    ]
    assert [type(one) for one in talk.settle()] == [SensorReport]
    assert talk.hears(talk.peer.alive()) == []


def test_one_command_is_under_way_at_a_time_and_each_has_its_own_answer() -> None:
    talk = Talk().joined()
    talk.peer.codes = {wire.OPEN_SLOT: wire.OTHER_OPEN}
    first = talk.session.command(wire.OPEN_SLOT, talk.now, slot=2)
    second = talk.session.command(wire.LOCK, talk.now)
    assert talk.session.take_outgoing().count(0) == 1, "one frame"
    third = talk.session.command(wire.OPEN_FLAP, talk.now, limit_s=9)

    answers = [one for one in talk.pass_time(RESEND_S) if isinstance(one, CommandAnswer)]
    assert answers == [
        CommandAnswer(first, wire.OTHER_OPEN),
        CommandAnswer(second, wire.OK),
        CommandAnswer(third, wire.OK),
    ]
    assert [kind for kind, _ in talk.peer.took] == [wire.OPEN_SLOT, wire.LOCK, wire.OPEN_FLAP]


def test_a_command_that_is_given_up_makes_way_for_the_next() -> None:
    talk = Talk().joined()
    first = talk.session.command(wire.OPEN_SLOT, talk.now, slot=2)
    second = talk.session.command(wire.LOCK, talk.now)
    talk.session.take_outgoing()
    talk.session.forget(first, talk.now)

    assert talk.settle() == [CommandAnswer(second, wire.OK)]


def test_the_sensors_are_read_at_each_heartbeat() -> None:
    talk = Talk().joined()

    assert [type(one) for one in talk.pass_time(3 * HEARTBEAT_S + 0.1)] == [SensorReport] * 3


def test_a_board_that_falls_silent_is_mute_after_the_limit() -> None:
    talk = Talk().joined()
    talk.peer.deaf = True

    assert talk.pass_time(SILENCE_S - 0.1) == []
    assert failed(talk.pass_time(0.2)) == CabinetMute()


def test_words_of_a_stranger_are_no_sign_of_life() -> None:
    talk, stranger = Talk().joined(), Talk(BoardPeer(key="6b" * 32), Pairing(BOARD, Secret("6b" * 32))).joined()
    talk.peer.deaf = True
    for _ in range(5):
        talk.hears(stranger.peer.alive() + stranger.peer.tell(wire.JAM, 1))
        talk.pass_time(0.5)

    assert failed(talk.pass_time(1)) == CabinetMute()
    assert not [one for one in talk.seen if isinstance(one, BoardReport)]


def test_a_board_that_started_anew_is_greeted_again_and_known_by_its_boot_id() -> None:
    talk = Talk().joined()
    number = talk.session.command(wire.OPEN_SLOT, talk.now, slot=1)
    talk.peer.restart()
    happened = talk.settle()

    assert [type(one) for one in happened] == [SessionLost, SessionStarted, SensorReport]
    assert isinstance(talk.seen[0], SessionStarted)
    assert isinstance(happened[1], SessionStarted)
    assert talk.seen[0].board.boot_id != happened[1].board.boot_id
    assert talk.peer.took == [], "what was asked of the board before is not asked again"
    assert CommandAnswer(number, wire.OK) not in talk.seen
