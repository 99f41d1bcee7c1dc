"""Connections of the pages: how many there may be, which one is closed for another, and what is closed for being slow."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from fleet.server.live_feed.hub import Hub
from fleet.server.web import connection_limits as connections
from fleet.server.web import middleware
from fleet.server.web.connection_limits import Connections, Place
from fleet.server.web.listener import Listener, Shield, web_server
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S

PING = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
KEPT = PING.replace(b"close", b"keep-alive")


@dataclass
class Door:
    """Connections with names, and which of them have been closed."""

    there: Connections = field(default_factory=lambda: Connections(("10.0.0.0/8",)))
    closed: list[str] = field(default_factory=list)

    def open(self, name: str, address: str) -> Place | None:
        return self.there.admit(address, lambda: self.closed.append(name))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 4)
    monkeypatch.setattr(connections, "MOST_OF_ONE", 2)


@pytest.mark.usefixtures("few")
def test_the_oldest_that_asks_nothing_is_closed_for_one_more_of_its_address() -> None:
    door = Door()
    busy = door.open("busy", "192.0.2.7")
    assert busy is not None
    door.there.is_busy(busy)
    door.open("idle", "192.0.2.7")
    door.open("other", "192.0.2.8")
    assert door.open("third", "192.0.2.7") is not None
    assert (door.closed, len(door.there)) == (["idle"], 3)


@pytest.mark.usefixtures("few")
def test_where_all_of_an_address_are_answered_one_more_is_refused() -> None:
    door = Door()
    places = [door.open(name, "192.0.2.7") for name in "ab"]
    for place in places:
        assert place is not None
        door.there.is_busy(place)
    assert door.open("third", "192.0.2.7") is None
    assert door.open("from elsewhere", "192.0.2.8") is not None
    assert places[0] is not None
    door.there.is_idle(places[0])
    assert door.open("third", "192.0.2.7") is not None
    assert door.closed == ["a"]


@pytest.mark.usefixtures("few")
def test_many_addresses_have_together_no_more_than_there_is() -> None:
    door = Door()
    for number in range(9):
        assert door.open(str(number), f"2001:db8:0:{number}::1") is not None
    assert (len(door.there), door.closed) == (4, ["0", "1", "2", "3", "4"])


@pytest.mark.usefixtures("few")
def test_addresses_of_one_network_of_version_6_are_one() -> None:
    door = Door()
    for number in range(3):
        door.open(str(number), f"2001:db8::{number}")
    assert door.closed == ["0"]


@pytest.mark.usefixtures("few")
def test_a_proxy_stands_for_everybody() -> None:
    door = Door()
    for name in "abcd":
        door.open(name, "10.1.2.3")
    assert (len(door.there), door.closed) == (4, [])


@pytest.mark.usefixtures("few")
def test_what_is_over_is_counted_no_more_however_often_it_is_said() -> None:
    door = Door()
    for _ in range(20):
        place = door.open("short", "192.0.2.7")
        assert place is not None
        door.there.is_busy(place)
        door.there.leave(place)
        door.there.leave(place)
        door.there.is_idle(place)
    assert (len(door.there), door.closed) == (0, [])


@contextlib.asynccontextmanager
async def served(app: object, shield: Shield = Shield()) -> AsyncIterator[int]:  # noqa: B008  # frozen
    """The port of the real listener."""
    hub = Hub()
    listener = Listener(web_server(app, hub, port=0, shield=shield).config, hub)  # type: ignore[arg-type]
    serving = asyncio.create_task(listener.serve())
    try:
        await listener.listening.wait()
        yield listener.servers[0].sockets[0].getsockname()[1]
    finally:
        await listener.leave(serving)


async def test_a_connection_is_used_again_and_its_next_head_is_not_waited_for_either(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    async with served(app) as port, asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(KEPT)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readuntil(b"}") == b'{"status":"ok"}'
        writer.write(KEPT[:20])
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_a_body_that_is_slow_is_told_so(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_S", 0.05)
    async with served(app) as port, asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/orders HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n\r\n{")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer
    assert b"application/problem+json" in answer


async def test_an_answer_that_nobody_reads_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_S", 0.2)
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        writing = asyncio.create_task(_write_on(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        ended.set()

    async with served(endless) as port, asyncio.timeout(LIMIT_S):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(PING)
        await ended.wait()
        writer.close()


async def _write_on(send: Send) -> None:
    while True:
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})


async def test_over_tls_pages_are_served_and_a_handshake_that_does_not_end_is_closed(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    server = Authority.init(tmp_path / "keys", [], datetime.now(UTC)).directory / "server"
    trust = ssl.create_default_context(cafile=str(tmp_path / "keys/ca/ca.pem"))
    async with served(app, Shield(server / "broker.pem", server / "broker.key")) as port, asyncio.timeout(LIMIT_S):
        mute, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        half[1].write(b"\x16\x03\x01\x02\x00\x01")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        writer.write(PING)
        assert b"200 OK" in await reader.read()
        writer.close()
        for reader, writer in (mute, half):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()


@pytest.mark.usefixtures("few")
async def test_over_tls_those_are_counted_that_have_not_shaken_hands(app: FastAPI, tmp_path: Path) -> None:
    server = Authority.init(tmp_path / "keys", [], datetime.now(UTC)).directory / "server"
    async with served(app, Shield(server / "broker.pem", server / "broker.key")) as port, asyncio.timeout(LIMIT_S):
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        with contextlib.suppress(ConnectionError):
            assert await lines[0][0].read() == b""
        for _, writer in lines:
            writer.close()
