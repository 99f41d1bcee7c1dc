"""A morning at the operations desk, in a real browser on a real store of 5,000 stations."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from fleet.messages.link import DeviceState, SlotState, StationState, encode
from fleet.server.accounts import sessions
from fleet.server.alerts import queries as alerting
from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.service import AlertService
from fleet.server.alerts.settings import load
from fleet.server.alerts.transitions import OpenAlert
from fleet.server.app import create_app
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, Chosen, SignedIn
from tests.fakes.server.browser_keys import follow
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.live_site import PATIENCE_MS, Complaints, Served, listening, shows
from tests.fakes.server.visitors import COOKIE, SEALER, let_in, session
from tests.fleet.server.app.axe import clean_in_both_themes
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STATIONS = 5000
PASSWORD = "made-up-password"
ERRAND = "00000000-0000-4000-8000-00000000000a"
DEVICES = (DeviceState("Läsare", "reader", "card_in", ok=True), DeviceState("Skrivare", "printer", "ready", ok=True))
SLOTS = tuple(SlotState(number, "present", "closed") for number in range(1, 25))


@dataclass
class Desk:
    """The server on its store, and the clock of who uses it."""

    folder: Path
    now: datetime = NOW
    hub: Hub = field(default_factory=Hub)

    def __post_init__(self) -> None:
        self.database = new_store(self.folder / "fleet.sqlite")
        self.writer = Writer(self.database)
        self.access = Access(self.database, lambda: self.now, SEALER)
        alerts = AlertService(self.database, self.hub, lambda: self.now)
        readings = StoreReadings(self.database, lambda: self.now)
        desk = commands_of(self.database, lambda: self.now, self.hub)
        app = create_app(readings, self.hub, self.access, alerts, desk, clock=lambda: self.now)
        self.served = Served(app, self.hub)
        self.events = SealingStation("st-0042").pickup(errand=ERRAND)

    def fill(self) -> None:
        """Stations, an order, an errand that has begun, and an alert."""
        told = []
        for number in range(STATIONS):
            name = f"st-{number:04}"
            state = StationState(
                title=f"Vårdcentral {number:04}",
                version="1",
                bootid="b",
                time=NOW.isoformat(),
                devices=DEVICES,
                slots=SLOTS,
            )
            told += [ArrivedState(name, encode(state).decode()), ArrivedPresence(name, number % 50 != 7)]
        self.writer.commit(told, NOW)
        hold_orders(self.database, record(station="st-0042"))
        self.writer.commit(arrived(*self.events[:1]), NOW)
        with self.database.writing.begin() as connection:
            paper = OpenAlert(RuleMatch("st-0042", "paper", "Skrivare", "paper_low"), silent=False)
            alerting.write(connection, [paper], load(), NOW)

    def go_on(self) -> None:
        """The rest of the errand."""
        self.writer.commit(arrived(*self.events[1:]), NOW)
        self.hub.publish(frozenset({"errands", f"errand/{ERRAND}", "stations", "orders"}))

    def steps_up(self, name: str) -> None:
        """Everywhere where that person is signed in."""
        with self.database.writing.begin() as connection:
            for open_one in sessions.of(connection, name):
                sessions.note_step_up(connection, open_one.key, self.now)

    def account(self, name: str) -> str:
        """An account with password and codes; gives the secret of the codes."""
        value = self.access.first_link()
        assert value is not None
        offer = self.access.offered(value)
        assert offer is not None
        chosen = Chosen(name, PASSWORD, codes.code_at(offer.secret, self.now.timestamp()))
        assert isinstance(self.access.set_up(value, chosen, "127.0.0.1"), SignedIn)
        self.now += timedelta(minutes=1)
        return offer.secret


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("story"))
    desk.fill()
    await desk.served.start()
    yield desk
    await desk.served.stop()
    desk.database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def complaints(desk: Desk, context: BrowserContext) -> AsyncIterator[Complaints]:
    async with listening(context) as complaints:
        yield complaints


@pytest.mark.usefixtures("complaints")
async def test_a_morning_at_the_desk(desk: Desk, context: BrowserContext, browser: Browser) -> None:
    page = await context.new_page()
    await signs_in(page, desk)
    await finds_one_of_five_thousand(page)
    await follows_an_errand(page, desk)
    await takes_an_alert(page)
    await opens_a_slot_with_a_second_person(page, desk, browser)
    await takes_the_orders_along(page)
    await page.click("a.chip[hreflang=en]")
    assert "receive visitors" in await title_at(page, desk, "/")
    told = {entry.action for entry in desk.access.entries(who="tove.test")[0]}
    assert {"sign-in", "people.errand", "alert.acknowledge", "people.search", "export"} <= told


async def title_at(page: Page, desk: Desk, path: str) -> str:
    await page.goto(desk.served.url + path)
    return await page.locator("h1").inner_text()


async def signs_in(page: Page, desk: Desk) -> None:
    secret = desk.account("tove.test")
    await page.goto(desk.served.url)
    await clean_in_both_themes(page)
    await page.fill("#name", "tove.test")
    await page.fill("#password", PASSWORD)
    await page.fill("#code", codes.code_at(secret, desk.now.timestamp()))
    await page.click("button.pri")
    await page.wait_for_url(f"{desk.served.url}/")
    assert "behöver dig" in await page.locator("h1").inner_text()
    await clean_in_both_themes(page)


async def finds_one_of_five_thousand(page: Page) -> None:
    await page.click("nav >> text=Stationer")
    assert await page.locator("#found").inner_text() == "5\u00a0000 stationer"
    assert await page.locator("#stations tbody tr").count() == 100
    await page.locator("#q").press_sequentially("vård 0042")
    await page.wait_for_function("() => document.querySelectorAll('#stations tbody tr').length === 1")
    assert "q=v%C3%A5rd" in page.url
    await clean_in_both_themes(page)
    await page.click("#station-st-0042")
    assert await page.locator("h1").inner_text() == "Vårdcentral 0042"
    await clean_in_both_themes(page)


async def follows_an_errand(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.served.url}/errands/{ERRAND}")
    await page.wait_for_selector("html[data-feed=up]", state="attached")
    assert "R-O-1" not in await page.locator("#live").inner_text()
    desk.go_on()
    await shows(page, "R-O-1")
    await clean_in_both_themes(page)


async def takes_an_alert(page: Page) -> None:
    await follow(page, "nav >> text=Larm")
    await clean_in_both_themes(page)
    await page.click("#alerts >> text=Ta larmet")
    await page.fill("[name=note]", "Rullen är på väg")
    await page.click("main button.pri")
    await shows(page, "tove.test")
    assert "Rullen är på väg" in await page.locator("#live").inner_text()
    await clean_in_both_themes(page)


async def opens_a_slot_with_a_second_person(page: Page, desk: Desk, browser: Browser) -> None:
    await page.goto(f"{desk.served.url}/stations/st-0042/commands?do=open_slot")
    await clean_in_both_themes(page)
    assert await page.locator("#slot").count() == 0
    desk.steps_up("tove.test")
    await page.reload()
    await clean_in_both_themes(page)
    await page.fill("#slot", "3")
    await page.fill("#reason", "kortet ligger på tvären")
    await page.click("text=Be om en andra person")
    await page.wait_for_selector("html[data-feed=up]", state="attached")
    second = await browser.new_context(locale="sv-SE")
    second.set_default_timeout(PATIENCE_MS)
    await let_in(second, f"{COOKIE}={session(desk.access, name='olle.test')}")
    other = await second.new_page()
    await other.goto(desk.served.url)
    await other.click("text=Ta ställning")
    await other.click("text=Godkänn och skicka")
    await page.wait_for_selector("#live >> text=olle.test")
    await second.close()
    await clean_in_both_themes(page)


async def takes_the_orders_along(page: Page) -> None:
    await page.click("nav >> text=Order")
    async with page.expect_download() as waiting:
        await page.click(".export >> text=CSV")
    download = await waiting.value
    assert download.suggested_filename == "orders.csv"
    rows = (await asyncio.to_thread(Path(await download.path()).read_text, "utf-8-sig")).splitlines()
    assert (len(rows), rows[1].startswith("O-1;")) == (2, True)
    await clean_in_both_themes(page)
