"""From the set-up link to the way out, in a real browser: one account, two tabs, no word from the console."""

import re

import pytest
from playwright.async_api import BrowserContext

from fleet.server.access import codes
from fleet.server.access.access import Access
from fleet.server.store.database import Database
from tests.fakes.readings import NOW, FakeReadings
from tests.fleet.server.web.test_live import Site, browser, complaints, context, opened

__all__ = ["browser", "complaints", "context"]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.usefixtures("complaints")
async def test_an_account_is_set_up_signs_out_of_all_tabs_and_signs_in_again(
    database: Database, readings: FakeReadings, context: BrowserContext
) -> None:
    await context.clear_cookies()
    now = [NOW]
    access = Access(database, lambda: now[0])
    site = Site(readings, access)
    await site.start()
    try:
        page = await context.new_page()
        await page.goto(f"{site.url}/set-up/{access.first_link()}")
        await page.fill("#name", "tove.test")
        await page.fill("#password", "made-up-password")
        await page.fill("#again", "made-up-password")
        await page.click("summary")
        secret = re.sub(r"\s", "", await page.inner_text(".qr code"))
        await page.fill("#code", codes.code_at(secret, NOW.timestamp()))
        await page.click("button.pri")
        await page.wait_for_url(f"{site.url}/")
        other = await opened(context, f"{site.url}/stations")
        await page.click("button[aria-label='Logga ut']")
        await page.wait_for_url("**/sign-in")
        await other.wait_for_url("**/sign-in?onward=%2Fstations")
        now[0] = NOW.replace(minute=NOW.minute + 1)
        await other.fill("#name", "tove.test")
        await other.fill("#password", "made-up-password")
        await other.fill("#code", codes.code_at(secret, now[0].timestamp()))
        await other.click("button.pri")
        await other.wait_for_url(f"{site.url}/stations")
        assert await other.inner_text(".foot b") == "tove.test"
    finally:
        await site.stop()
    assert site.hub.readers == 0
