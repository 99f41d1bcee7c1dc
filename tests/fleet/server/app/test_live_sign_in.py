"""From the set-up link to the way out, in a real browser: one account, two tabs, no word from the console."""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from fleet.server.database.database import Database
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access
from tests.fakes.server.live_site import Site, opened
from tests.fakes.server.readings import NOW, FakeReadings
from tests.fakes.server.visitors import SEALER

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def now() -> list[datetime]:
    """What the server's clock shows, alone in a list: the test moves it on."""
    return [NOW]


@pytest_asyncio.fixture(loop_scope="module")
async def site(database: Database, readings: FakeReadings, now: list[datetime]) -> AsyncIterator[Site]:
    """Where nobody has an account yet. Once it has stopped, no feed is left open."""
    site = Site(readings, Access(database, lambda: now[0], SEALER))
    await site.start()
    yield site
    await site.stop()
    assert site.hub.readers == 0


@pytest.mark.usefixtures("complaints")
async def test_an_account_is_set_up_signs_out_of_all_tabs_and_signs_in_again(
    site: Site, now: list[datetime], context: BrowserContext
) -> None:
    await context.clear_cookies()
    page = await context.new_page()
    await page.goto(f"{site.url}/set-up/{site.access.first_link()}")
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
