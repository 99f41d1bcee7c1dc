"""What somebody writes on a page that updates by itself, and what a button has answered, stand until that person leaves them."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page

from fleet.server.enrolment.service import ClaimTerms
from provisioning.authority import Authority
from tests.fakes.server.live_site import Complaints, Site, held, opened
from tests.fakes.server.readings import NOW

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("complaints")]


async def drawn_again(page: Page, site: Site, topic: str) -> None:
    """Wait until the fragment on the page is another than it was."""
    await page.evaluate("document.querySelector('#live > *').dataset.before = 'yes'")
    site.hub.publish(frozenset({topic}))
    await page.wait_for_selector("#live > [data-before]", state="detached")


async def test_a_note_that_is_being_written_outlives_an_update(site: Site, context: BrowserContext) -> None:
    page = await opened(context, f"{site.url}/alerts/1")
    await page.fill("#note", "Ringer tekniker")
    await page.evaluate("document.getElementById('note').setSelectionRange(6, 6)")
    await drawn_again(page, site, "alerts")
    await page.keyboard.type(" en")
    assert await page.input_value("#note") == "Ringer en tekniker"


async def test_a_choice_outlives_an_update(site: Site, context: BrowserContext) -> None:
    page = await held(context, f"{site.url}/tokens")
    await page.page.select_option("#role", "auditor")
    assert await page.asks_after(30_000) == 1
    await page.answer()
    assert await page.page.input_value("#role") == "auditor"
    assert await page.page.input_value("#name") == ""


async def test_a_token_that_is_shown_once_stays_on_the_page(site: Site, context: BrowserContext) -> None:
    page = await held(context, f"{site.url}/tokens")
    await page.page.unroute_all()
    await page.page.fill("#name", "robot")
    await page.page.click("text=Skapa nyckeln")
    token = await page.page.inner_text("code.once")
    await page.page.wait_for_load_state("load")  # the feed of the page that answered is there only then
    await page.page.evaluate("push()")
    assert await page.asks_after(60_000) == 0
    assert await page.page.inner_text("code.once") == token


async def test_what_a_stations_screen_names_stands_in_the_form_and_not_in_the_address(
    site: Site, context: BrowserContext, tmp_path: Path
) -> None:
    await site.stop()
    authority = Authority.init(tmp_path / "authority", [], NOW)
    site.terms = ClaimTerms("https://fleet.region.test:8443", authority.issuer().certificate)
    await site.start()
    page = await opened(context, f"{site.url}/new-stations#station=entre-9&code=TEST-TEST&form_token=stolen")
    assert await page.input_value("#station") == "entre-9"
    assert await page.input_value("#shown-code") == "TEST-TEST"
    assert page.url == f"{site.url}/new-stations"
    await drawn_again(page, site, "stations")
    assert await page.input_value("#shown-code") == "TEST-TEST"
    assert "stolen" not in await page.content()


async def test_a_page_that_is_not_there_is_not_asked_for_again(
    site: Site, context: BrowserContext, complaints: Complaints
) -> None:
    complaints.allow("404")
    page = await held(context, f"{site.url}/nowhere")
    assert await page.asks_after(60_000) == 0


async def test_escape_shuts_the_menu_and_gives_the_focus_back(site: Site, context: BrowserContext) -> None:
    page = await opened(context, site.url)
    await page.focus(".menu summary")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('.menu div') !== null")
    await page.keyboard.press("Escape")
    assert await page.locator(".menu div").is_hidden()
    assert await page.evaluate("document.activeElement === document.querySelector('.menu summary')")
