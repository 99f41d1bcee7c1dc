"""Pages on paper, on a narrow screen, and in the system's own colours."""

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.fakes.server.live_site import PAGES, PATIENCE_MS, Site
from tests.fakes.server.visitors import let_in

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("complaints")]

PAPER_WIDTH = 794
"""A4 at 96 dots an inch."""
CUT_OFF = """() => [...document.querySelectorAll(".page *")]
  .filter((each) => each.getClientRects().length && !each.closest(".sr, svg"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.tagName + " " + each.textContent.slice(0, 40))"""
LIGHT = "() => getComputedStyle(document.querySelector('h1')).color"


async def test_nothing_is_cut_off_on_paper_which_is_light_in_every_theme(site: Site, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": PAPER_WIDTH, "height": 1123})
    for path in PAGES:
        await page.goto(f"{site.url}{path}{'&' if '?' in path else '?'}theme=dark")
        assert (path, await page.evaluate(CUT_OFF)) == (path, [])
        assert await page.evaluate(LIGHT) == "rgb(18, 35, 43)"
        assert await page.locator("button:visible, .filter:visible, .side:visible").count() == 0


async def test_one_can_sign_out_on_a_narrow_screen(site: Site, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.set_viewport_size({"width": 320, "height": 700})
    await page.goto(site.url)
    await page.get_by_role("link", name="Mer", exact=True).click()
    await page.locator("button[aria-label='Logga ut']").wait_for()
    assert await page.locator("a.who").is_visible()


async def test_the_front_is_drawn_where_the_system_chooses_the_colours(
    site: Site, browser: Browser, visitor: str
) -> None:
    own = await browser.new_context(locale="sv-SE", forced_colors="active")
    own.set_default_timeout(PATIENCE_MS)
    await let_in(own, visitor)
    page = await own.new_page()
    await page.goto(f"{site.url}/stations/lasarettet-a")
    ground = await page.evaluate("getComputedStyle(document.querySelector('.twin')).backgroundColor")
    said = await page.evaluate("getComputedStyle(document.querySelector('.front text.no')).fill")
    assert (ground, said) == ("rgb(12, 42, 54)", "rgb(185, 201, 208)")
    await own.close()
