"""The dashboard served on loopback, and a browser's pages that follow its live feed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi import FastAPI
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Route, WebError

from fleet.server.app import create_app
from fleet.server.enrolment.service import ClaimTerms, EnrolmentService
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from fleet.server.web.listener import Listener, web_server
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_port
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import NOW, ZONE, FakeReadings

ERRAND = "00000000-0000-4000-8000-000000000008"


PAGES = ("/", "/stations", "/stations/lasarettet-a", f"/errands/{ERRAND}", "/orders", "/alerts/1", "/audit", "/me",
         "/commands", "/stations/lasarettet-a/commands?do=open_slot")  # fmt: skip


REPLACED = ("htmx:afterRequest", "htmx:sendAbort", "undefined")
"""What htmx notes when a newer request replaces one under way; it also rejects the promise of the old one, with `undefined`."""


PATIENCE_MS = 120_000
"""Ends what hangs; how long a page takes on a machine that is busy is not asserted."""


@dataclass
class Served:
    """An application on a port of its own, which can be stopped and started again."""

    app: FastAPI
    hub: Hub
    port: int = 0
    server: Listener | None = None
    task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.port = self.port or free_port()
        self.server = Listener(web_server(self.app, self.hub, port=self.port).config, self.hub)
        self.task = asyncio.create_task(self.server.serve())
        await asyncio.wait_for(self.server.listening.wait(), LIMIT_S)

    async def stop(self) -> None:
        assert self.server is not None
        assert self.task is not None
        self.server.should_exit = True
        await self.task


@dataclass
class Site:
    """The made-up region, served; it comes back with a new hub."""

    readings: FakeReadings
    access: Access
    hub: Hub = field(default_factory=Hub)
    alerts: FakeAlerts = field(default_factory=lambda: FakeAlerts(demo_alerts()))
    served: Served | None = None
    terms: ClaimTerms | None = None
    """Where stations can enrol over the network."""

    @property
    def url(self) -> str:
        assert self.served is not None
        return self.served.url

    async def start(self) -> None:
        self.hub = Hub()
        desk = commands_of(self.access.database, lambda: NOW, self.hub)
        enrolments = EnrolmentService(self.access.database, self.hub, lambda: NOW, self.terms)
        app = create_app(
            self.readings, self.hub, self.access, self.alerts, desk, clock=lambda: NOW, zone=ZONE, enrolments=enrolments
        )
        self.served = Served(app, self.hub, self.served.port if self.served else 0)
        await self.served.start()

    async def stop(self) -> None:
        assert self.served is not None
        await self.served.stop()


@dataclass
class Complaints:
    """What the console has said that it should not."""

    expected: set[str] = field(default_factory=lambda: set(REPLACED))
    said: list[str] = field(default_factory=list)

    def allow(self, *words: str) -> None:
        """From here on, what has one of these in it is no complaint."""
        self.expected.update(words)

    def hear(self, text: str) -> None:
        if not any(words in text for words in self.expected):
            self.said.append(text)

    def hear_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.hear(message.text)

    def hear_error(self, error: WebError) -> None:
        self.hear(str(error.error))


@contextlib.asynccontextmanager
async def listening(context: BrowserContext) -> AsyncIterator[Complaints]:
    """Whatever the console says of any page; what is left at the end is a failure.

    The server outlives the pages: what an open page asks a server that the end of the test stops is not a complaint.
    """
    complaints = Complaints()
    context.on("console", complaints.hear_console)
    context.on("weberror", complaints.hear_error)
    yield complaints
    context.remove_listener("console", complaints.hear_console)
    context.remove_listener("weberror", complaints.hear_error)
    await context.close()
    assert complaints.said == []


async def opened(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("html[data-feed=up]", state="attached")
    return page


async def shows(page: Page, text: str) -> None:
    await page.wait_for_function("text => document.getElementById('live').textContent.includes(text)", arg=text)


OWN_FEED = """
delete window.SharedWorker;
window.EventSource = class extends EventTarget { constructor() { super(); window.feed = this; } };
window.push = () => feed.dispatchEvent(new MessageEvent("changed", { data: '["stations"]', lastEventId: "1" }));
window.sent = 0;
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...what) { window.sent++; return send.apply(this, what); };
window.seen = (whether) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !whether });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


@dataclass
class Held:
    """A page whose questions wait for the test."""

    page: Page
    asked: asyncio.Queue[Route] = field(default_factory=asyncio.Queue)

    def hold(self, route: Route) -> None:
        """Of the page's routes: keep it waiting."""
        self.asked.put_nowait(route)

    async def asks_after(self, ms: int) -> int:
        """How many questions it sends while that much of its time passes."""
        before = await self.page.evaluate("sent")
        await self.page.clock.run_for(ms)
        after: int = await self.page.evaluate("sent")
        return after - before

    async def answer(self) -> str:
        """Let the one that waits go, until its answer is drawn. Gives its query."""
        await self.page.evaluate(
            "() => { window.drawn = new Promise((done) =>"
            " document.body.addEventListener('htmx:afterRequest', () => done(), { once: true })); }"
        )
        route = await asyncio.wait_for(self.asked.get(), LIMIT_S)
        await route.continue_()
        await self.page.evaluate("drawn")
        return urlsplit(route.request.url).query


async def held(context: BrowserContext, url: str) -> Held:
    await context.add_init_script(OWN_FEED)
    page = await context.new_page()
    await page.clock.install()
    await page.goto(url)
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    held = Held(page)
    await page.route(lambda asked: asked.startswith(url), held.hold)
    return held
