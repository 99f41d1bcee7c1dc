"""Attacks that want the pages to answer nobody: half requests, bodies that never come, feeds without end, a log that fills."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from fleet.server.app import create_app
from fleet.server.commands.service import CommandService
from fleet.server.live_feed.hub import Hub
from fleet.server.process.logs import configure
from fleet.server.sign_in.service import Access
from fleet.server.web import connection_limits as connections
from fleet.server.web import middleware
from fleet.server.web.listener import Listener, web_server
from fleet.server.web.roles import Role
from sim.stories.patience import LIMIT_S
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import COOKIE, session

HALF_HEAD = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: "
HALF_BODY = (
    b"POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\nsec-fetch-site: same-origin\r\ncontent-length: 100\r\n"
    b"content-type: application/x-www-form-urlencoded\r\n\r\nname="
)
PING = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
PATIENCE_S = LIMIT_S / 6


@dataclass
class Pages:
    """The real pages behind a real listener on loopback."""

    access: Access
    hub: Hub
    app: FastAPI
    port: int = 0

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator["Pages"]:
        listener = Listener(web_server(self.app, self.hub, port=0).config, self.hub)
        serving = asyncio.create_task(listener.serve())
        try:
            await listener.listening.wait()
            self.port = listener.servers[0].sockets[0].getsockname()[1]
            yield self
        finally:
            await listener.leave(serving)

    async def line(self, *said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which that has been said."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for one in said:
            writer.write(one)
        return reader, writer

    async def answer(self, request: bytes) -> bytes:
        """The head of the answer."""
        reader, writer = await self.line(request)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()


@pytest.fixture
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    database = new_store(tmp_path_factory.mktemp("denial") / "fleet.sqlite")
    access, hub = Access(database, lambda: NOW), Hub()
    desk: CommandService = commands_of(database, lambda: NOW, hub)
    app = create_app(demo_readings(), hub, access, FakeAlerts([]), desk, clock=lambda: NOW)
    yield Pages(access, hub, app)
    database.close()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the server's log says."""
    stream, before, level = io.StringIO(), logging.root.handlers[:], logging.root.level
    configure("text", "warning", stream)
    yield stream
    logging.root.handlers[:], logging.root.level = before, level


async def test_half_requests_hold_connections(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who never ends the head or the body of a request, or says nothing, holds connections without end."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5, raising=False)
    monkeypatch.setattr(middleware, "BODY_S", 0.5, raising=False)
    async with pages.served():
        slow = [await pages.line(said) for said in (HALF_HEAD, HALF_BODY, b"") for _ in range(80)]
        assert b"200 OK" in await pages.answer(PING)
        async with asyncio.timeout(PATIENCE_S):
            for reader, writer in slow:
                writer.write(b"x")  # a little, now and then
                with contextlib.suppress(ConnectionError):
                    await reader.read()
        for _, writer in slow:
            writer.close()


async def test_half_requests_leave_no_room(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens as many connections as one address may have, and says nothing, keeps others at that address out."""
    monkeypatch.setattr(connections, "MOST_OF_ONE", 16, raising=False)
    async with pages.served():
        slow = [await pages.line(HALF_HEAD) for _ in range(64)]
        assert b"200 OK" in await pages.answer(PING)
        still = sum([await is_open(reader) for reader, _ in slow])
        for _, writer in slow:
            writer.close()
    assert still <= 16


async def test_one_viewer_takes_all_feeds(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """One viewer opens all live feeds that the server has, and the administrator gets none."""
    monkeypatch.setattr("fleet.server.live_feed.hub.MOST_READERS", 32)
    viewer = session(pages.access, Role.VIEWER, name="vera.viewer")
    admin = session(pages.access)
    async with pages.served():
        greedy = await asyncio.gather(*(pages.line(feed_of(viewer)) for _ in range(48)))
        heads = await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in greedy))
        taken = sum(b"200 OK" in head for head in heads)
        theirs = await pages.answer(feed_of(admin))
        for _, writer in greedy:
            writer.close()
    assert b"200 OK" in theirs
    assert taken == 8


async def test_bodies_that_break_off_fill_the_log(pages: Pages, log: io.StringIO) -> None:
    """A body that breaks off, without any session, writes a traceback into the server's log."""
    async with pages.served():
        for _ in range(20):
            _, writer = await pages.line(HALF_BODY)
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.close()
            await writer.wait_closed()
        assert b"200 OK" in await pages.answer(PING)
    assert log.getvalue() == ""


async def test_nonsense_fills_the_log(pages: Pages, log: io.StringIO) -> None:
    """What is no HTTP at all writes a line into the server's log each time."""
    async with pages.served():
        for _ in range(300):
            reader, writer = await pages.line(b"\x16\x03\x01\r\n\r\n")
            await reader.read()
            writer.close()
    assert 0 < len(log.getvalue().splitlines()) < 50


def feed_of(cookie: str) -> bytes:
    return f"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {COOKIE}={cookie}\r\n\r\n".encode()


async def is_open(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.01):
            return await reader.read(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False
