"""The protocol of the emulated machine's card reader, spoken to a machine that the test plays."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sim.reader.cards import VirtualCard
from sim.reader.vscard import EmulatedReader, Message, NotCarriedError
from sim.stories.patience import LIMIT_S

TRIES = bytes.fromhex("0020000100")
SELECT_MASTER_FILE = bytes.fromhex("00A4000C023F00")


class Machine:
    """The emulated machine's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def hear(self) -> tuple[int, bytes]:
        kind, _, size = struct.unpack(">III", self._connection.recv(12, socket.MSG_WAITALL))
        return kind, self._connection.recv(size, socket.MSG_WAITALL) if size else b""

    def greet(self) -> None:
        assert [self.hear()[0], self.hear()[0]] == [Message.INIT, Message.READER_ADD]

    def say(self, kind: int, content: bytes) -> None:
        self.send(struct.pack(">III", kind, 0, len(content)) + content)

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def exchange(self, command: bytes) -> str:
        self.say(Message.APDU, command)
        kind, answer = self.hear()
        assert kind == Message.APDU
        return answer.hex()

    def is_left(self) -> bool:
        return self._connection.recv(1) == b""

    def leave(self) -> None:
        self._connection.close()


@contextmanager
def plugged(folder: Path) -> Iterator[tuple[EmulatedReader, Machine]]:
    path = folder / "card.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        with EmulatedReader(path) as reader:
            connection, _ = listening.accept()
            connection.settimeout(LIMIT_S)
            with connection:
                yield reader, Machine(connection)


@pytest.fixture
def t0_card(make_card: Callable[..., VirtualCard]) -> VirtualCard:
    return make_card(protocol="T=0")


def test_the_reader_introduces_itself_as_libcacard_does(tmp_path: Path) -> None:
    with plugged(tmp_path) as (_, machine):
        assert machine.hear() == (Message.INIT, b"VSCD" + bytes.fromhex("0000000200000000"))
        assert machine.hear()[0] == Message.READER_ADD


def test_a_card_tells_its_atr_and_answers_commands(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        assert machine.hear() == (Message.ATR, t0_card.atr)
        assert machine.exchange(TRIES) == "63c3"


def test_an_answer_is_fetched_as_t0_has_it(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        machine.hear()
        assert machine.exchange(SELECT_MASTER_FILE) == "9000"
        more = machine.exchange(bytes.fromhex("00A40000023F00"))
        assert more.startswith("61")
        assert machine.exchange(bytes.fromhex("00C00000") + bytes.fromhex(more[2:])).endswith("9000")


def test_a_message_in_pieces_is_one_message(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        machine.hear()
        whole = struct.pack(">III", Message.APDU, 0, len(TRIES)) + TRIES
        for byte in whole:
            machine.send(bytes([byte]))
        assert machine.hear() == (Message.APDU, bytes.fromhex("63c3"))


def test_a_pulled_card_is_told_and_loses_its_power(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        machine.hear()
        reader.remove()
        assert machine.hear() == (Message.CARD_REMOVE, b"")
        reader.insert(t0_card)
        assert machine.hear() == (Message.ATR, t0_card.atr)


def test_a_torn_contact_takes_the_card_out(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        machine.hear()
        t0_card.tear(when="before")
        machine.say(Message.APDU, TRIES)
        assert machine.hear() == (Message.CARD_REMOVE, b"")
        reader.insert(t0_card)


def test_a_card_that_speaks_t1_is_refused(tmp_path: Path, card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, _), pytest.raises(NotCarriedError, match="T=1"):
        reader.insert(card)


def test_a_machine_that_goes_ends_the_reader(tmp_path: Path, t0_card: VirtualCard) -> None:
    with plugged(tmp_path) as (reader, machine):
        machine.greet()
        reader.insert(t0_card)
        machine.leave()
        reader.close()


def test_a_length_that_no_message_has_ends_the_reader(tmp_path: Path) -> None:
    with plugged(tmp_path) as (_, machine):
        machine.greet()
        machine.send(struct.pack(">III", Message.APDU, 0, 1 << 30))
        assert machine.is_left()
