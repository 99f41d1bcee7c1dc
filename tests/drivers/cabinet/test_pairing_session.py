"""A board gets its key: once, and known to have it only when it greets under it."""

import pytest

from drivers.cabinet import protocol as wire
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.pairing_session import (
    LIMIT_S,
    Leaving,
    OtherFirmware,
    Outcome,
    Paired,
    PairingRefused,
    PairingSession,
    Silent,
)
from drivers.reader.secret import Secret
from tests.fakes.cabinet.unpaired_board import BOARD, NewBoard

OURS, THEIRS = "5a" * 32, "a5" * 32
KNOWN = Pairing(BOARD, Secret(OURS))


def talk_to(board: NewBoard, *, known: Pairing | None = None, send_away: bool = False) -> Outcome:
    """Have the whole talk, time passing only where nobody says anything."""
    now = 0.0
    talk = PairingSession(Secret(OURS), pairing=known, now=now, firmware="1.0.0", send_away=send_away)
    while True:
        answer = board.take(talk.take_outgoing())
        outcome = talk.receive(answer, now) if answer else None
        if outcome is None and not answer:
            now = talk.due
            outcome = talk.tick(now)
        if outcome is not None:
            return outcome


@pytest.fixture(autouse=True)
def _version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRMWARE", (1, 0, 0))


def test_a_new_board_takes_the_key_and_shows_that_it_has_it() -> None:
    board = NewBoard()
    assert talk_to(board) == Paired(KNOWN, "1.0.0", new=True)
    assert board.key == bytes.fromhex(OURS)


def test_a_board_that_has_our_key_keeps_it() -> None:
    board = NewBoard(bytes.fromhex(OURS))
    board.button = True
    assert talk_to(board, known=KNOWN) == Paired(KNOWN, "1.0.0", new=False)


def test_a_key_whose_answer_was_lost_is_found_on_the_board() -> None:
    board = NewBoard()
    board.drops = 1
    assert talk_to(board) == Paired(KNOWN, "1.0.0", new=True)


def test_a_talk_that_broke_off_may_be_had_again_with_the_same_key() -> None:
    assert talk_to(NewBoard(bytes.fromhex(OURS))) == Paired(KNOWN, "1.0.0", new=True)


def test_a_board_with_another_key_refuses_without_its_button() -> None:
    board = NewBoard(bytes.fromhex(THEIRS))
    assert talk_to(board, known=KNOWN) == PairingRefused(BOARD, "PAIRING_CLOSED")
    board.button = True
    assert talk_to(board, known=KNOWN) == Paired(KNOWN, "1.0.0", new=True)


def test_a_board_that_says_yes_and_keeps_another_key_is_not_paired() -> None:
    board = NewBoard(bytes.fromhex(THEIRS))
    board.pair = lambda message: wire.plain(wire.RESULT, command=wire.PAIR, code=wire.OK, detail=0)  # type: ignore[method-assign]
    assert talk_to(board) == Silent(given=True)


def test_another_firmware_is_named_and_gets_no_key() -> None:
    board = NewBoard()
    board.firmware = bytes((0, 9, 1))
    assert talk_to(board) == OtherFirmware("0.9.1")
    assert board.key is None


def test_another_protocol_is_named() -> None:
    other = wire.plain(wire.REFUSED, command=wire.HELLO, code=wire.WRONG_VERSION, version=2)
    packet = wire.framing.Deframer().feed(other)[0]
    talk = PairingSession(Secret(OURS), pairing=None, now=0.0)
    assert talk.receive(wire.framing.encode(b"\x02" + packet[1:]), 0.0) == OtherFirmware("of protocol 2")


def test_a_silent_board_is_given_up_after_the_limit() -> None:
    talk = PairingSession(Secret(OURS), pairing=None, now=0.0)
    assert talk.tick(LIMIT_S - 0.1) is None
    assert talk.tick(LIMIT_S) == Silent(given=False)


def test_a_paired_board_goes_to_bootsel_and_another_does_not() -> None:
    board = NewBoard(bytes.fromhex(OURS))
    assert talk_to(board, known=KNOWN, send_away=True) == Leaving()
    assert board.away
    other = NewBoard(bytes.fromhex(THEIRS))
    assert talk_to(other, known=KNOWN, send_away=True) == PairingRefused(BOARD, "NOT_PAIRED")
    assert not other.away


def test_noise_and_strangers_words_change_nothing() -> None:
    board = NewBoard()
    talk = PairingSession(Secret(OURS), pairing=None, now=0.0)
    stray = wire.plain(wire.RESULT, command=wire.PAIR, code=wire.PAIRING_CLOSED, detail=0)
    assert talk.receive(b"\0noise\0" + stray, 0.0) is None
    assert board.take(talk.take_outgoing())
