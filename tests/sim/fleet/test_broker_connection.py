"""What a simulated station writes onto its connection, byte by byte."""

import asyncio
import ssl

from fleet.mqtt5 import serializer
from sim.fleet.broker_connection import BrokerConnection, ConnectionSettings, OutgoingMessage


class Wire(asyncio.Transport):
    """Keeps what is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        """It stays as it is."""

    def abort(self) -> None:
        """It stays as it is."""


async def greeted() -> tuple[BrokerConnection, Wire]:
    """A line whose broker has let it in."""
    hello = ConnectionSettings(
        "localhost", 1, ssl.create_default_context(), "station-a", ("a/presence", b"{}"), ("a/acked",)
    )
    line, wire = BrokerConnection(hello, lambda _topic, _payload: None), Wire()
    line.connection_made(wire)
    line.data_received(bytes.fromhex("20 03 00 00 00"))  # CONNACK
    await asyncio.sleep(0)
    wire.written.clear()
    return line, wire


async def test_all_of_one_turn_goes_out_in_one_piece_and_in_its_order() -> None:
    line, wire = await greeted()
    sent = [OutgoingMessage("a/events", b"%d" % number) for number in range(3)]
    for one in sent:
        line.publish(one)
    assert wire.written == []
    await asyncio.sleep(0)
    assert wire.written == [b"".join(one.packet(number) for number, one in enumerate(sent, 1))]


async def test_what_was_published_goes_out_before_the_goodbye() -> None:
    line, wire = await greeted()
    line.publish(OutgoingMessage("a/events", b"last"))
    line.closed.set_result(None)  # the broker hangs up at once
    await line.leave()
    assert wire.written == [OutgoingMessage("a/events", b"last").packet(1) + serializer.LEAVE_WITH_WILL]
