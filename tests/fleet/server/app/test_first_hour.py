"""A region's first hour as docs/operations.md ("Proposals") has it, in two browsers, from the address of the `ready` line on.

The server is a process of its own on an empty store, and keeps the time of the machine. With `KORTKIOSK_PICTURES=FOLDER` pages
are drawn into the folder.
"""

import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from fleet.server.sign_in import one_time_codes as codes
from provisioning.authority import Authority
from tests.fakes.machine.ports import free_address
from tests.fakes.server.browser_keys import drawn, follow, plug_in
from tests.fakes.server.live_site import PATIENCE_MS
from tests.fakes.server.server_process import Serving

pytestmark = [pytest.mark.browser, pytest.mark.broker, pytest.mark.asyncio(loop_scope="module")]

PASSWORD = "made-up-password"
LISTED = "SE2321000999-1A99"


@pytest.fixture
def serving(authority: Authority, tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path / "data", authority.directory, free_address())
    serving.start()
    yield serving
    assert serving.end(signal.SIGTERM) == 0


@dataclass
class Person:
    """Somebody with a browser and a security key of their own."""

    name: str
    page: Page
    url: str

    async def goes(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}")

    async def sets_up(self, path: str) -> None:
        """Open the link, choose name and password, read the code into an app; then add the first key."""
        await self.goes(path)
        if await self.page.locator("#name").count():
            await self.page.fill("#name", self.name)
        await self.page.fill("#password", PASSWORD)
        await self.page.fill("#again", PASSWORD)
        await self.page.click("summary")
        secret = re.sub(r"\s", "", await self.page.inner_text(".qr code"))
        await self.page.fill("#code", codes.code_at(secret, time.time()))
        await self.page.click("button.pri")
        await self.page.wait_for_url(f"{self.url}/")
        await self.goes("/me/keys")
        await self.page.fill("#name", "nyckel")
        await self.page.fill("#password", PASSWORD)
        await self.page.fill("#code", codes.code_at(secret, time.time() + codes.STEP_S))
        await self.page.click("main button.pri")
        await self.page.click("text=Använd nyckeln")
        await self.page.wait_for_selector("#keys >> text=nyckel")

    async def steps_up(self, path: str) -> None:
        await self.goes(f"/step-up?onward={path}")
        await self.page.click("text=Använd nyckeln")
        await self.page.wait_for_url(f"{self.url}{path}")

    async def says_that_it_is_set_up(self) -> None:
        await self.steps_up("/proposals")
        await drawn(self.page, f"first-hour-{self.name}")
        await self.page.click("text=Regionen är uppsatt")


async def test_two_people_set_a_region_up_as_operations_says(serving: Serving, browser: Browser) -> None:
    url = str(serving.ready["http"]).replace("127.0.0.1", "localhost")
    first, second = [await comes(browser, name, url) for name in ("tove.test", "olle.test")]
    await first.sets_up(link_in(str(serving.ready["set_up"])))

    await first.steps_up("/users")
    await first.page.fill("#name", second.name)
    await first.page.select_option("#role", "admin")
    await first.page.fill("#reason", "den andra av oss två")
    await follow(first.page, "text=Föreslå kontot")
    await drawn(first.page, "first-hour-invited")
    await second.sets_up(link_in(await first.page.inner_text("code.once")))

    await first.steps_up("/administrators")
    await first.page.fill("#hsa_id", LISTED)
    await first.page.fill("#name", "Alva Provsson")
    await first.page.check("input[name=roles] >> nth=0")
    await first.page.fill("#scope", "*")
    await first.page.fill("#decision", "beslut 1 av ansvarig utgivare")
    await first.page.click("text=Spara")
    await first.page.wait_for_url(re.compile(r"/proposals/\d+"))
    await drawn(first.page, "first-hour-proposer")
    path = first.page.url.removeprefix(url)
    await second.steps_up(path)
    await drawn(second.page, "first-hour-second")
    await second.page.click("text=Bekräfta förslaget")
    await first.goes("/administrators")
    await first.page.wait_for_selector(f"#administrators >> text={LISTED}")

    await first.says_that_it_is_set_up()
    await first.goes("/proposals")
    assert "Har sagt det: tove.test." in await first.page.inner_text("#first-hour")
    assert await first.page.locator("text=Regionen är uppsatt").count() == 0, "one word is one person's"
    await second.says_that_it_is_set_up()
    await second.goes("/proposals")
    assert await second.page.locator("#first-hour").count() == 0

    await first.steps_up("/users")
    await first.page.fill("#name", "vera.test")
    await first.page.select_option("#role", "admin")
    await first.page.fill("#reason", "en tredje")
    await first.page.click("text=Föreslå kontot")
    await first.page.wait_for_url(re.compile(r"/proposals/\d+"))
    await drawn(first.page, "after-first-hour")
    await second.steps_up(first.page.url.removeprefix(url))
    await follow(second.page, "text=Bekräfta förslaget")
    await drawn(second.page, "after-first-hour-confirmed")
    for person in (first, second):
        await person.page.context.close()


def link_in(text: str) -> str:
    return text[text.index("/set-up/") :].strip()


async def comes(browser: Browser, name: str, url: str) -> Person:
    context: BrowserContext = await browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await plug_in(page)
    return Person(name, page, url)
