"""The protocol of the virtual reader's driver, spoken to a driver that the test plays."""

import socket
from collections.abc import Iterator

import pytest

from sim.reader.cards import VirtualCard
from sim.reader.pcscd import NoServiceError, running_service
from sim.reader.vpcd import PluggedCard, plug
from sim.stories.patience import LIMIT_S

TRIES = bytes.fromhex("00200001")


@pytest.fixture
def driver() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LIMIT_S)
        yield listening


def plug_into(card: VirtualCard, listening: socket.socket) -> tuple[PluggedCard, socket.socket]:
    plugged = plug(card, port=listening.getsockname()[1])
    connection, _ = listening.accept()
    connection.settimeout(LIMIT_S)
    return plugged, connection


def say(connection: socket.socket, message: bytes) -> None:
    connection.sendall(len(message).to_bytes(2, "big") + message)


def hear(connection: socket.socket) -> bytes:
    header = connection.recv(2, socket.MSG_WAITALL)
    return connection.recv(int.from_bytes(header, "big"), socket.MSG_WAITALL)


def test_only_the_atr_is_answered_among_the_controls(card: VirtualCard, driver: socket.socket) -> None:
    plugged, connection = plug_into(card, driver)
    with plugged, connection:
        for control in (b"\x00", b"\x01", b"\x02", b"\x04"):
            say(connection, control)
        assert hear(connection) == card.atr
        say(connection, TRIES)
        assert hear(connection).hex() == "63c3"


def test_a_message_in_pieces_is_one_message(card: VirtualCard, driver: socket.socket) -> None:
    plugged, connection = plug_into(card, driver)
    with plugged, connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"\x00", b"\x04\x00", b"\x20\x00", b"\x01"):
            connection.sendall(piece)
        assert hear(connection).hex() == "63c3"


def test_the_card_loses_its_power_when_the_driver_goes(card: VirtualCard, driver: socket.socket) -> None:
    plugged, connection = plug_into(card, driver)
    connection.close()
    assert plugged.ended.wait(LIMIT_S)
    plugged.stop()
    card.power_on()
    assert card.transmit(TRIES).hex() == "63c3"


def test_a_torn_contact_takes_the_card_out(card: VirtualCard, driver: socket.socket) -> None:
    card.tear(when="after")
    plugged, connection = plug_into(card, driver)
    with connection:
        say(connection, TRIES)
        assert hear(connection) == b""
        assert plugged.ended.wait(LIMIT_S)
        plugged.stop()


def test_pulling_the_card_ends_the_connection(card: VirtualCard, driver: socket.socket) -> None:
    plugged, connection = plug_into(card, driver)
    with connection:
        plugged.stop()
        plugged.stop()
        assert hear(connection) == b""


@pytest.mark.pcsc
def test_whoever_has_the_virtual_readers_has_them_alone(pcscd: dict[int, str]) -> None:
    with pytest.raises(NoServiceError, match="another program"), running_service(turn_timeout_s=0):
        pass
