"""What every answer carries, which hosts are answered, the files of others, and the feed on the wire."""

import asyncio
import hashlib

import pytest
from fastapi import FastAPI

from fleet.server.hub import Hub
from fleet.server.web.live import feed
from fleet.server.web.rendering import STATIC
from fleet.server.web.serving import web_server
from tests.fleet.server.web.asgi import get


@pytest.mark.parametrize("path", ["/", "/nope", "/api/v1/orders", "/static/app.css", "/static/live-worker.js"])
async def test_every_answer_carries_the_policy(app: FastAPI, path: str) -> None:
    answer = await get(app, path)
    policy = answer.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "LOCALHOST:1"])
async def test_this_machine_is_answered(app: FastAPI, host: str) -> None:
    assert (await get(app, "/healthz", host=host)).status == 200


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "", "[::2]"])
async def test_another_host_name_is_not(app: FastAPI, host: str) -> None:
    assert (await get(app, "/", host=host)).status == 421


async def test_pages_are_stored_nowhere_and_hashed_files_for_good(app: FastAPI) -> None:
    assert (await get(app, "/orders")).header("cache-control") == "no-store"
    assert "immutable" in (await get(app, "/static/app.css?v=0123")).header("cache-control")
    plain = await get(app, "/static/app.css")
    assert plain.header("cache-control") == "no-cache"
    assert (await get(app, "/static/app.css", if_none_match=plain.header("etag"))).status == 304


async def test_pages_are_compressed(app: FastAPI) -> None:
    assert (await get(app, "/", accept_encoding="gzip")).header("content-encoding") == "gzip"


def test_the_files_of_others_are_as_they_came() -> None:
    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split("  ", 1)) for line in (vendor / "SHA256SUMS.txt").read_text().splitlines())
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in sums} == sums
    assert {path.name for path in vendor.iterdir()} == {*sums, "README.txt", "SHA256SUMS.txt"}


async def test_the_feed_says_what_changed_and_where_it_is(hub: Hub) -> None:
    frames = feed(hub, None)
    first = await anext(frames)
    hub.publish(frozenset({"orders", "errand/7"}))
    second = await anext(frames)
    await frames.aclose()
    assert first.startswith(b"retry: 1000\nid: ")
    assert second == f'id: {hub.latest}\nevent: changed\ndata: ["errand/7", "orders"]\n\n'.encode()


async def test_a_reader_that_returns_late_is_told_to_read_again(hub: Hub) -> None:
    late = feed(hub, "another-7")
    assert b"event: resync" in await anext(late)
    await late.aclose()
    known = feed(hub, hub.latest)
    assert b"event: resync" not in await anext(known)
    await known.aclose()


async def test_too_many_feeds_are_refused(app: FastAPI, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.server.hub.MOST_READERS", 0)
    assert (await get(app, "/events")).status == 503


async def test_the_server_stops_while_a_feed_is_open(app: FastAPI, hub: Hub) -> None:
    server = web_server(app, hub, port=0)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head
        assert b"x-accel-buffering: no" in head
        assert b"gzip" not in head
        await reader.readuntil(b"\n\n")
        server.should_exit = True
        await running
        await reader.read()
        writer.close()
    assert hub.readers == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_the_dashboard_refuses_to_be_reached_from_elsewhere(app: FastAPI, hub: Hub, host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        web_server(app, hub, host=host, port=0)
