"""Pages in a real browser: they update by themselves, with many tabs, over a restart, without a word from the console.

How soon a change is on the page is printed (`-s`) and never asserted: the machine that runs the tests may be busy.
"""

import time
from dataclasses import replace

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.fakes.server.live_site import PAGES, PATIENCE_MS, Complaints, Site, opened, shows
from tests.fakes.server.visitors import COOKIE, let_in, session

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

AWAY = ("net::ERR_", "htmx:sendError")
"""What the browser and htmx note while a server is away."""


def set_heard_text(site: Site, version: str) -> None:
    """Change something that the overview and the station's page both show."""
    row = site.readings.station_rows[0]
    assert row.state is not None
    state = type(row.state)(
        **{name: getattr(row.state, name) for name in row.state.__struct_fields__} | {"version": version}
    )
    site.readings.put(replace(row, state=state))
    site.hub.publish(frozenset({"stations", f"station/{row.name}"}))


@pytest.mark.usefixtures("complaints")
async def test_the_overview_shows_a_change_by_itself(site: Site, context: BrowserContext) -> None:
    page = await opened(context, site.url)
    began = time.perf_counter()
    set_heard_text(site, "9.9.1")
    await shows(page, "9.9.1")
    print(f"change to page: {(time.perf_counter() - began) * 1000:.0f} ms")


@pytest.mark.usefixtures("complaints")
async def test_title_and_counter_outside_the_lists_follow_too(site: Site, context: BrowserContext) -> None:
    page = await opened(context, site.url)
    assert await page.inner_text("#count-alerts em") == "2\nAtt göra"
    site.readings.alarms, site.alerts.rows = (), []
    site.hub.publish(frozenset({"stations"}))
    await page.wait_for_function("() => document.querySelector('h1').textContent.includes('Ingenting behöver dig')")
    assert await page.locator("#count-alerts em").count() == 0


@pytest.mark.usefixtures("complaints")
async def test_a_change_of_another_page_draws_nothing(site: Site, context: BrowserContext) -> None:
    await context.add_init_script("window.setInterval = () => 0")  # no question of the half minute in between
    page = await opened(context, f"{site.url}/stations/lasarettet-a")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate("0")  # requests are heard of from here on
    site.hub.publish(frozenset({"orders", "station/regionhuset"}))
    set_heard_text(site, "9.9.2")
    await shows(page, "9.9.2")
    assert asked == [f"{site.url}/stations/lasarettet-a"]


@pytest.mark.usefixtures("complaints")
async def test_eight_tabs_of_one_browser_are_all_live_on_one_feed(site: Site, context: BrowserContext) -> None:
    pages = [await opened(context, site.url) for _ in range(8)]
    assert site.hub.readers == 1
    set_heard_text(site, "9.9.3")
    for page in pages:
        await page.bring_to_front()
        await shows(page, "9.9.3")


async def test_a_restart_of_the_server_is_said_and_survived(
    site: Site, context: BrowserContext, complaints: Complaints
) -> None:
    page = await opened(context, f"{site.url}/orders?q=NS-2040")
    complaints.allow(*AWAY)
    await site.stop()
    await page.wait_for_selector("#link.down")
    site.readings.order_rows[0] = replace(site.readings.order_rows[0], state="collected")
    await site.start()
    await page.wait_for_selector("#link:not(.down)")
    await page.wait_for_function("() => document.querySelector('#orders tbody tr').textContent.includes('Hämtat')")
    assert "Förbindelsen är tillbaka" in await page.locator("#link").inner_text()
    assert await page.locator("#q").input_value() == "NS-2040"
    assert await page.locator("#orders tbody tr").count() == 10


@pytest.mark.usefixtures("complaints")
async def test_a_paused_page_stands_still_until_it_goes_on(site: Site, context: BrowserContext) -> None:
    page = await opened(context, site.url)
    await page.click("#pause")
    set_heard_text(site, "9.9.4")
    other = await opened(context, site.url)
    await shows(other, "9.9.4")
    await page.bring_to_front()
    assert "9.9.4" not in await page.locator("#live").inner_text()
    await page.click("#pause")
    await shows(page, "9.9.4")


@pytest.mark.usefixtures("complaints")
async def test_typing_a_search_finds_and_keeps_the_focus_and_the_address(site: Site, context: BrowserContext) -> None:
    page = await opened(context, f"{site.url}/orders")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "find"
    await page.locator("#q").press_sequentially("NS-20411")
    await page.wait_for_function("() => document.querySelectorAll('#orders tbody tr').length === 1")
    await page.wait_for_url("**/orders?q=NS-20411&state=")
    assert await page.evaluate("document.activeElement.id") == "q"
    site.hub.publish(frozenset({"orders"}))
    await page.locator("#state").select_option("expired")
    await shows(page, "Ingen order passar.")
    await page.go_back()
    await page.wait_for_function("() => document.querySelectorAll('#orders tbody tr').length > 0")


@pytest.mark.usefixtures("complaints")
async def test_a_table_that_is_open_stays_open(site: Site, context: BrowserContext) -> None:
    page = await opened(context, site.url)
    await page.click("#chart-table summary")
    set_heard_text(site, "9.9.5")
    await shows(page, "9.9.5")
    assert await page.evaluate("document.getElementById('chart-table').open")


@pytest.mark.usefixtures("complaints")
async def test_a_browser_without_shared_workers_is_live_as_well(site: Site, context: BrowserContext) -> None:
    await context.add_init_script("delete window.SharedWorker")
    page = await opened(context, site.url)
    set_heard_text(site, "9.9.6")
    await shows(page, "9.9.6")


@pytest.mark.usefixtures("complaints")
@pytest.mark.parametrize("path", PAGES)
async def test_a_narrow_window_never_scrolls_sideways(site: Site, context: BrowserContext, path: str) -> None:
    page = await opened(context, site.url + path)
    await page.set_viewport_size({"width": 320, "height": 700})
    assert await page.evaluate("document.documentElement.scrollWidth") == 320


async def test_every_page_reads_without_javascript(site: Site, browser: Browser, visitor: str) -> None:
    page = await browser.new_page(java_script_enabled=False, locale="sv-SE")
    page.context.set_default_timeout(PATIENCE_MS)
    await let_in(page.context, visitor)
    await page.goto(site.url)
    await page.click("text=Lasarettet, entré A >> nth=-1")
    assert await page.locator("h1").inner_text() == "Lasarettet, entré A"
    await page.goto(f"{site.url}/orders")
    await page.fill("#q", "NS-20411")
    await page.click("button[type=submit] >> text=Visa")
    assert await page.locator("#orders tbody tr").count() == 1
    assert await page.locator("#pause").is_hidden()


@pytest.mark.usefixtures("complaints")
@pytest.mark.parametrize("theme", ["light", "dark", "hc"])
async def test_all_text_stands_out_from_its_ground(site: Site, context: BrowserContext, theme: str) -> None:
    page = await opened(context, f"{site.url}/?theme={theme}")
    for path in (*PAGES, "/sign-in"):
        await page.goto(site.url + path)
        assert await page.evaluate(FAINT) == []


@pytest.mark.usefixtures("complaints")
async def test_a_slot_is_opened_by_two_people_at_two_browsers(
    site: Site, context: BrowserContext, browser: Browser
) -> None:
    """The page of who ordered it follows by itself."""
    second = await browser.new_context(locale="sv-SE")
    second.set_default_timeout(PATIENCE_MS)
    await let_in(second, f"{COOKIE}={session(site.access, name='olle.test')}")
    page = await opened(context, f"{site.url}/stations/lasarettet-a/commands?do=open_slot")
    await page.fill("#slot", "14")
    await page.fill("#reason", "kortet ligger på tvären")
    await page.click("text=Be om en andra person")
    assert await page.locator("h1").inner_text() == "Öppna fack 14"
    assert await page.locator("button >> text=Godkänn och skicka").count() == 0
    await page.wait_for_selector("html[data-feed=up]", state="attached")
    other = await second.new_page()
    await other.goto(f"{site.url}/")
    await other.click("text=Ta ställning")
    await other.click("text=Godkänn och skicka")
    await page.wait_for_selector("#live >> text=olle.test")
    assert await page.locator("#head .pill").inner_text() == "Ska skickas"
    await second.close()


FAINT = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { c: [r, g, b], a }; };
  const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.a === 1) return found.c;
    }
    return [255, 255, 255];
  };
  const says = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    if (node.closest("svg") || !says(node)) continue;
    const [dark, bright] = [light(parse(getComputedStyle(node).color).c), light(ground(node))].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push(`${node.tagName} ${node.className} ${node.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
"""Text whose contrast is below 4.5 (WCAG 2.2, 1.4.3)."""
