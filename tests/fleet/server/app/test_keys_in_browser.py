"""A security key from its first day on, in a real browser with a virtual authenticator (Chrome DevTools Protocol, WebAuthn).

With `KORTKIOSK_PICTURES=FOLDER` each page is drawn into the folder in light and dark.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, Page

from fleet.server.app import create_app
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.browser_keys import drawn, follow, plug_in
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.live_site import PATIENCE_MS, Served, listening
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import SEALER

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PASSWORD = "made-up-password"


@dataclass
class Desk:
    """The pages, an account, and the clock of who uses it."""

    folder: Path
    now: datetime = NOW
    hub: Hub = field(default_factory=Hub)

    def __post_init__(self) -> None:
        self.database = new_store(self.folder / "fleet.sqlite")
        self.access = Access(self.database, lambda: self.now, SEALER)
        desk = commands_of(self.database, lambda: self.now, self.hub)
        app = create_app(demo_readings(), self.hub, self.access, FakeAlerts(), desk, clock=lambda: self.now)
        self.served = Served(app, self.hub)
        link = self.access.first_link()
        assert link is not None
        offer = self.access.offered(link)
        assert offer is not None
        self._secret = offer.secret
        assert isinstance(self.access.set_up(link, Chosen("tove.test", PASSWORD, self.code()), "127.0.0.1"), SignedIn)

    @property
    def url(self) -> str:
        """Browsers make keys for a name, and not for an address in digits."""
        return self.served.url.replace("127.0.0.1", "localhost")

    def code(self) -> str:
        """The next one."""
        self.now += timedelta(seconds=30)
        return codes.code_at(self._secret, self.now.timestamp())


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    await desk.served.start()
    yield desk
    await desk.served.stop()
    desk.database.close()


async def test_from_the_first_key_to_a_slot(desk: Desk, browser: Browser) -> None:
    context = await browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    async with listening(context) as complaints:
        page = await context.new_page()
        line, key = await plug_in(page)
        await signs_in_by_code(page, desk)
        await is_sent_for_a_key(page, desk)
        await adds_one(page, desk)
        await orders_a_slot_after_a_step_up(page, desk)
        await a_key_that_is_not_used_is_said_to_be(page, desk, line, key)
        await signs_in_by_key(page, desk)
        complaints.allow("400 (Bad Request)")
        await cannot_remove_it(page, desk)
        assert complaints.said == []
    await context.close()
    told = [one.action for one in reversed(desk.access.entries(who="tove.test")[0])]
    assert [one for one in told if one.startswith(("key", "step", "command"))] == [
        "key.add", "step-up", "command.ask",
    ]  # fmt: skip


async def signs_in_by_code(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.url}/sign-in")
    await drawn(page, "sign-in")
    await page.fill("#name", "tove.test")
    await page.fill("#password", PASSWORD)
    await page.fill("#code", desk.code())
    await page.click("button.pri")
    await page.wait_for_url(f"{desk.url}/")


async def is_sent_for_a_key(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.url}/stations/lasarettet-a/commands?do=open_slot")
    await drawn(page, "slot-without-step-up")
    await page.click("text=Bekräfta vem du är")
    assert "ingen säkerhetsnyckel" in await page.locator("#live").inner_text()
    await drawn(page, "step-up-without-key")
    await page.click("text=Lägg till en nyckel")


async def adds_one(page: Page, desk: Desk) -> None:
    await drawn(page, "keys-none")
    await page.fill("#name", "blå nyckel")
    await page.fill("#password", PASSWORD)
    await page.fill("#code", desk.code())
    await follow(page, "main button.pri")
    await drawn(page, "key-add")
    await page.click("text=Använd nyckeln")
    await page.wait_for_selector("#keys >> text=blå nyckel")
    await drawn(page, "keys")


async def orders_a_slot_after_a_step_up(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.url}/stations/lasarettet-a/commands?do=open_slot")
    await follow(page, "text=Bekräfta vem du är")
    await drawn(page, "step-up")
    await page.click("text=Använd nyckeln")
    await page.fill("#slot", "3")
    await page.fill("#reason", "kortet ligger på tvären")
    await page.click("text=Be om en andra person")
    await page.wait_for_url(f"{desk.url}/commands/*")
    await drawn(page, "command-waiting")


async def a_key_that_is_not_used_is_said_to_be(page: Page, desk: Desk, line: CDPSession, key: str) -> None:
    await line.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    await page.goto(f"{desk.url}/step-up?onward=/commands")
    assert await page.locator("[data-when]:visible").count() == 0
    await page.click("text=Använd nyckeln")
    await page.wait_for_selector("[data-when=failed]:visible")
    await drawn(page, "step-up-failed")
    await line.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
    await page.click("nav button[aria-label='Logga ut']")


async def signs_in_by_key(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.url}/sign-in?onward=/me")
    await page.fill("#name", "tove.test")
    await page.fill("#password", PASSWORD)
    await follow(page, "text=Logga in med säkerhetsnyckel")
    await drawn(page, "sign-in-key")
    await page.click("text=Använd nyckeln")
    await page.wait_for_url(f"{desk.url}/me")
    await drawn(page, "me")


async def cannot_remove_it(page: Page, desk: Desk) -> None:
    """The last one stays: somebody who has the session for a moment cannot take it away."""
    await page.click("text=Hantera nycklar")
    await page.click("#keys button")
    await page.get_by_text("Det är den sista nyckeln.").wait_for()
    assert await page.locator("#keys").count() == 1


async def test_by_an_address_in_digits_the_pages_say_where_keys_work(desk: Desk, browser: Browser) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{desk.served.url}/sign-in")
    assert await page.locator("text=Sign in with a security key").count() == 0
    await page.fill("#name", "tove.test")
    await page.fill("#password", PASSWORD)
    await page.fill("#code", desk.code())
    await page.click("button.pri")
    await page.goto(f"{desk.served.url}/step-up")
    assert f"Open {desk.url} instead." in await page.locator("#live").inner_text()
    await page.goto(f"{desk.served.url}/me/keys")
    assert f"Open {desk.url} instead." in await page.locator("#live").inner_text()
    await context.close()
