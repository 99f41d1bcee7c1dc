"""What every answer carries, which hosts are answered, the files of others, and the feed on the wire."""

import asyncio
import gzip
import hashlib
import re
from functools import partial

import pytest
from fastapi import FastAPI
from starlette.datastructures import FormData

from fleet.server.keys.random_tokens import digest
from fleet.server.live_feed.hub import Change, Hub
from fleet.server.live_feed.server_sent_events import ScopeWatch, feed, scope_now
from fleet.server.pages.assets import STATIC
from fleet.server.sign_in.service import Access, SignedIn
from fleet.server.web.authorization import field
from fleet.server.web.listener import web_server
from fleet.server.web.roles import Role, Scope
from sim.stories.patience import LIMIT_S
from tests.fleet.server.app.asgi import get


@pytest.mark.parametrize("path", ["/", "/nope", "/api/v1/orders", "/static/app.css", "/static/live-worker.js"])
async def test_every_answer_carries_the_policy(app: FastAPI, path: str) -> None:
    answer = await get(app, path)
    policy = answer.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "LOCALHOST:1"])
async def test_this_machine_is_answered(app: FastAPI, host: str) -> None:
    assert (await get(app, "/health/live", host=host)).status == 200


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "", "[::2]"])
async def test_another_host_name_is_not(app: FastAPI, host: str) -> None:
    assert (await get(app, "/", host=host)).status == 421


async def test_pages_are_stored_nowhere_and_hashed_files_for_good(app: FastAPI) -> None:
    assert (await get(app, "/orders")).header("cache-control") == "no-store"
    assert "immutable" in (await get(app, "/static/app.css?v=0123")).header("cache-control")
    plain = await get(app, "/static/app.css")
    assert plain.header("cache-control") == "no-cache"
    assert (await get(app, "/static/app.css", if_none_match=plain.header("etag"))).status == 304


async def test_a_page_asks_for_one_style_one_script_and_the_fonts_at_once(app: FastAPI) -> None:
    page = (await get(app, "/")).text
    files = re.findall(r'(?:href|src)="(/static/[^"]+\?v=[0-9a-f]{12})"', page)
    assert [path.partition("?")[0].rpartition(".")[2] for path in files] == ["woff2", "woff2", "css", "js"]
    answers = [await get(app, path, accept_encoding="gzip") for path in files]
    assert [answer.header("cache-control") for answer in answers] == ["public, max-age=31536000, immutable"] * 4
    style = gzip.decompress(answers[2].body).decode()
    for font in files[:2]:
        assert f'url("{font.removeprefix("/static/")}")' in style, (
            "the font of the style is not the one asked for at once"
        )
    assert gzip.decompress(answers[3].body).decode().endswith((STATIC / "live.js").read_text())


@pytest.mark.parametrize(
    "path", ["/static/nope.js", "/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
async def test_nothing_else_is_a_file(app: FastAPI, path: str) -> None:
    assert (await get(app, path)).status == 404


async def test_pages_are_compressed(app: FastAPI) -> None:
    assert (await get(app, "/", accept_encoding="gzip")).header("content-encoding") == "gzip"


def test_the_files_of_others_are_as_they_came() -> None:
    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split("  ", 1)) for line in (vendor / "SHA256SUMS.txt").read_text().splitlines())
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in sums} == sums
    assert {path.name for path in vendor.iterdir()} == {*sums, "README.txt", "SHA256SUMS.txt"}


def everybody() -> ScopeWatch:
    return ScopeWatch("key", Scope(frozenset({"*"})), lambda _key: Scope(frozenset({"*"})))


async def test_the_feed_says_what_changed_and_where_it_is(hub: Hub) -> None:
    frames = feed(hub, hub.admit(), None, everybody())
    first = await anext(frames)
    hub.publish(frozenset({"orders", "errand/7"}))
    second = await anext(frames)
    await frames.aclose()
    assert first.startswith(b"retry: 1000\nid: ")
    assert second == f'id: {hub.latest}\nevent: changed\ndata: ["errand/7", "orders"]\n\n'.encode()


async def test_a_reader_that_returns_late_is_told_to_read_again(hub: Hub) -> None:
    late = feed(hub, hub.admit(), "another-7", everybody())
    assert b"event: resync" in await anext(late)
    await late.aclose()
    known = feed(hub, hub.admit(), hub.latest, everybody())
    assert b"event: resync" not in await anext(known)
    await known.aclose()


async def test_readers_that_come_together_do_not_ask_the_store_together() -> None:
    everywhere = Scope(frozenset({"*"}))
    soon = ScopeWatch("key", everywhere, lambda _key: None, draw=lambda low, _high: low)
    late = ScopeWatch("key", everywhere, lambda _key: None, draw=lambda _low, high: high)
    assert [await soon.holds(), await late.holds()] == [False, True]


async def test_a_stream_names_no_station_that_its_reader_may_see_no_more(access: Access) -> None:
    """What is granted may change elsewhere: at the region's sign-in, or by the program."""
    came = access.sign_in_by_issuer("stream", "stream.test", ((Role.VIEWER, "*"),), "127.0.0.1")
    assert isinstance(came, SignedIn)
    watch = ScopeWatch(
        digest(came.value), Scope(frozenset({"*"})), partial(scope_now, access), draw=lambda low, _high: low
    )
    access.sign_in_by_issuer("stream", "stream.test", ((Role.VIEWER, "angsvik"),), "127.0.0.1")
    assert await watch.holds()
    told = watch.narrowed(Change("1", frozenset({"stations", "station/angsvik", "station/lasarettet-a"})))
    assert told.topics == {"stations", "station/angsvik"}


async def test_too_many_feeds_are_refused(app: FastAPI, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.server.live_feed.hub.MOST_READERS", 0)
    assert (await get(app, "/events")).status == 503


async def test_the_server_stops_while_a_feed_is_open(app: FastAPI, hub: Hub, visitor: str) -> None:
    server = web_server(app, hub, port=0)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(LIMIT_S):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {visitor}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
        )
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
def test_the_dashboard_is_not_reached_from_elsewhere_without_tls(app: FastAPI, hub: Hub, host: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        web_server(app, hub, host=host, port=0)


async def test_no_nul_reaches_the_store(app: FastAPI) -> None:
    page = (await get(app, "/orders?q=NS%00-20411&state=%00")).text
    assert 'value="NS-20411"' in page
    assert (await get(app, "/api/v1/orders?search=NS%00-20411")).status == 422
    answer = await get(app, "/api/v1/stations/lasarettet\0-a")
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert (await get(app, "/stations/\0")).status == 404
    assert field(FormData([("name", "to\0ve")]), "name") == "tove"
