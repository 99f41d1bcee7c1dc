"""How often a page asks for its fragment: once at a time, with a rest after each answer, never while nobody sees it.

The feed of the page is the test's own, and so is the page's clock.
"""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Route

from tests.fakes.machine.patience import LIMIT_S
from tests.fleet.server.app.test_live import Site, browser, complaints, context, site

__all__ = ["browser", "complaints", "context", "site"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("complaints")]

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
LONGEST_REST_MS = 10_000


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


async def test_twenty_pushes_are_one_question_and_one_after_its_answer(site: Site, context: BrowserContext) -> None:
    page = await held(context, f"{site.url}/stations")
    await page.page.evaluate("for (let n = 0; n < 20; n++) push()")
    assert await page.asks_after(60_000) == 1
    await page.page.evaluate("for (let n = 0; n < 20; n++) push()")
    await page.answer()
    assert await page.asks_after(LONGEST_REST_MS - 1) == 0, "the answer took long: the page rests"
    assert await page.asks_after(1) == 1, "one more question, about all that came meanwhile"
    await page.answer()
    assert await page.asks_after(LONGEST_REST_MS) == 0, "nothing has changed since"


async def test_a_quick_answer_is_followed_by_a_short_rest(site: Site, context: BrowserContext) -> None:
    page = await held(context, f"{site.url}/stations")
    await page.page.evaluate("push()")
    assert await page.asks_after(1) == 1
    await page.page.evaluate("push()")
    await page.answer()
    assert await page.asks_after(499) == 0
    assert await page.asks_after(1) == 1


async def test_a_page_that_nobody_sees_asks_once_it_is_seen(site: Site, context: BrowserContext) -> None:
    page = await held(context, f"{site.url}/stations")
    await page.page.evaluate("seen(false); push(); push()")
    assert await page.asks_after(60_000) == 0
    await page.page.evaluate("seen(true)")
    assert await page.asks_after(1) == 1
    await page.answer()
    assert await page.asks_after(LONGEST_REST_MS) == 0


async def test_what_changes_while_a_filter_is_asked_is_read_with_the_filter(
    site: Site, context: BrowserContext
) -> None:
    page = await held(context, f"{site.url}/stations")
    await page.page.locator("#level").select_option("ba")
    assert await page.page.evaluate("sent") == 1
    await page.page.evaluate("push()")
    await page.answer()
    assert await page.asks_after(LONGEST_REST_MS) == 1
    assert await page.answer() == "q=&level=ba"
