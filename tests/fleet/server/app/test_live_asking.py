"""How often a page asks for its fragment: once at a time, with a rest after each answer, never while nobody sees it.

The feed of the page is the test's own, and so is the page's clock.
"""

import pytest
from playwright.async_api import BrowserContext

from tests.fakes.server.live_site import Site, held

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("complaints")]

LONGEST_REST_MS = 10_000


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
