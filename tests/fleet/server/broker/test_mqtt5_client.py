"""The server's own client on a real broker: order, acknowledgements, reconnection, and a peer that speaks no MQTT."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fleet.server.broker import mqtt5_client as mqtt
from fleet.server.broker.mqtt5_client import Mqtt5Transport
from fleet.server.broker.transport import Incoming
from fleet.server.process.addresses import Address
from sim.stories.patience import LIMIT_S


async def until(said: Callable[[], bool]) -> None:
    """Wait for something that another task does."""
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    while not said():
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.005)


class Peer(asyncio.Protocol):
    """A broker of a few bytes, without TLS: answers what it is told to, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.line: asyncio.Transport | None = None
        self.lines: list[asyncio.Transport] = []
        self.connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.line, self.heard = transport, b""
        self.lines.append(transport)
        self.connections += 1

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def say(self, data: bytes) -> None:
        assert self.line is not None
        self.line.write(data)


@contextlib.asynccontextmanager
async def meeting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Peer, Mqtt5Transport, list[Incoming]]]:
    """A transport that has met the peer, which has let it in."""
    peer, came = Peer(), list[Incoming]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: peer, "127.0.0.1", 0)
    monkeypatch.setattr(mqtt, "tls_context", lambda _: None)
    monkeypatch.setattr(mqtt, "FIRST_DELAY_S", 0.01)
    transport = Mqtt5Transport(
        Address("127.0.0.1", server.sockets[0].getsockname()[1]), mqtt.Credentials(Path(), Path(), Path())
    )
    starting = asyncio.create_task(transport.start(came.append))
    try:
        await until(lambda: b"MQTT" in peer.heard)
        peer.say(b"\x20\x03\x00\x00\x00")
        await until(lambda: b"kortkiosk/v1/+/ask" in peer.heard)
        peer.say(b"\x90\x07\xff\xff\x00\x01\x01\x01\x01")
        await starting
        yield peer, transport, came
    finally:
        await transport.stop()
        for line in peer.lines:
            line.abort()
        server.close()
        await server.wait_closed()


def publish(number: int) -> bytes:
    return b"\x32\x0a\x00\x03a/b" + number.to_bytes(2) + b"\x00{}"


async def test_messages_come_in_order_and_are_acknowledged_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async with meeting(monkeypatch) as (peer, transport, came):
        peer.say(publish(1) + publish(2) + publish(3))
        await until(lambda: len(came) == 3)
        peer.heard = b""
        for message in came:
            transport.acknowledge(message)
        await until(lambda: len(peer.heard) == 12)
        assert peer.heard == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"


async def test_nothing_is_acknowledged_on_another_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with meeting(monkeypatch) as (peer, transport, came):
        peer.say(publish(1))
        await until(lambda: len(came) == 1)
        assert peer.line is not None
        peer.line.close()
        await until(lambda: peer.connections == 2 and b"MQTT" in peer.heard)
        peer.say(b"\x20\x03\x01\x00\x00")
        await until(lambda: b"kortkiosk/v1/+/ask" in peer.heard)
        peer.heard = b""
        transport.acknowledge(came[0])
        transport.publish("a/acked", b"{}")
        await until(lambda: b"a/acked" in peer.heard)
        assert b"\x40\x02" not in peer.heard


async def test_what_waited_at_the_broker_for_the_server_is_told_from_what_is_said_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session that goes on begins with its queue; it is empty once few messages are under way."""
    queue = mqtt.CALM + 20
    async with meeting(monkeypatch) as (peer, transport, came):
        peer.say(publish(1))
        await until(lambda: len(came) == 1)
        assert peer.line is not None
        peer.line.close()
        await until(lambda: peer.connections == 2 and b"MQTT" in peer.heard)
        peer.say(b"\x20\x03\x01\x00\x00" + b"".join(map(publish, range(1, queue))))
        await until(lambda: b"kortkiosk/v1/+/ask" in peer.heard)
        peer.say(b"\x90\x07\xff\xff\x00\x01\x01\x01\x01" + publish(queue))
        await until(lambda: len(came) == 1 + queue)
        for message in came[1:-1]:
            transport.acknowledge(message)
        peer.say(publish(queue + 1))
        await until(lambda: len(came) == 2 + queue)
    assert [message.waited for message in came] == [False, *[True] * queue, False]


async def test_what_was_said_while_away_is_said_after(monkeypatch: pytest.MonkeyPatch) -> None:
    async with meeting(monkeypatch) as (peer, transport, _):
        assert peer.line is not None
        peer.line.close()
        await until(lambda: transport.connection is None)
        await asyncio.to_thread(transport.publish, "a/acked", b"{}")
        await until(lambda: peer.connections == 2 and b"MQTT" in peer.heard)
        peer.say(b"\x20\x03\x00\x00\x00")
        await until(lambda: b"a/acked" in peer.heard)


async def test_a_peer_that_speaks_no_mqtt_is_left_and_met_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with meeting(monkeypatch) as (peer, _, came):
        peer.say(b"\x30\xff\xff\xff\xff\x01")
        await until(lambda: peer.connections == 2)
    assert came == []
    assert "what is no MQTT" in caplog.text


async def test_a_silent_peer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "PING_EVERY_S", 1.0)
    async with meeting(monkeypatch) as (peer, _, _came):
        await until(lambda: b"\xc0\x00" in peer.heard)
        await until(lambda: peer.connections == 2)


async def test_a_refusal_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async with meeting(monkeypatch) as (peer, _, _came):
        assert peer.line is not None
        peer.line.close()
        await until(lambda: peer.connections == 2 and b"MQTT" in peer.heard)
        peer.say(b"\x20\x03\x00\x87\x00")
        await until(lambda: peer.connections == 3)
    assert "refuses the server: reason 0x87" in caplog.text


async def test_what_no_receive_maximum_bounds_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with meeting(monkeypatch) as (peer, _, came):
        peer.say(b"\x30\x08\x00\x03a/b\x00{}" * 3 + publish(1))
        await until(lambda: len(came) == 1)
        assert peer.connections == 1
    assert [record.getMessage() for record in caplog.records if "QoS 0" in record.message] == [
        "messages with QoS 0 are not taken; the first was on a/b"
    ]


async def test_a_session_that_is_taken_thrice_of_late_is_trouble_also_while_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with meeting(monkeypatch) as (peer, transport, _came):
        told: list[int] = []
        transport.on_taken_over = lambda: told.append(1)
        for number in range(2, 5):
            assert transport.trouble is None
            peer.say(b"\xe0\x02\x8e\x00")
            assert peer.line is not None
            peer.line.close()
            await until(lambda number=number: peer.connections == number and b"MQTT" in peer.heard)  # type: ignore[misc]
            peer.say(b"\x20\x03\x00\x00\x00")
            await until(lambda: transport.connected)
        assert (transport.trouble, len(told)) == ("taken_over", 3)


async def test_a_refused_subscription_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async with meeting(monkeypatch) as (peer, transport, _came):
        assert transport.connected
        peer.say(b"\x90\x07\xff\xff\x00\x01\x87\x01\x01")
        await until(lambda: not transport.connected)


async def test_after_a_crowd_the_broker_is_asked_once_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "RECEIVE_MAXIMUM", 4)
    monkeypatch.setattr(mqtt, "CALM", 2)
    async with meeting(monkeypatch) as (peer, transport, came):

        async def crowd(first: int) -> int:
            """A window of messages, all acknowledged. Gives how often it has asked by then."""
            peer.heard = b""
            peer.say(b"".join(publish(first + number) for number in range(4)))
            await until(lambda: len(came) == 4)
            assert b"/presence" not in peer.heard, "a last will may still wait"
            for message in came:
                transport.acknowledge(message)
            await until(lambda: peer.heard.count(b"\x40\x02") == 4)
            came.clear()
            return peer.heard.count(b"kortkiosk/v1/+/presence")

        assert await crowd(1) == 1
        assert await crowd(5) == 0, "what it tells is a crowd too"
